"""Events of an instance come in the order in which the real stack sent them."""

from __future__ import annotations

import itertools
import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Json, app, stream

RECORDINGS = Path(
    os.environ.get("PAMESOS_RECORDINGS", Path(__file__).parents[2] / "../shared/recordings")
)

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason=f"no recordings in {RECORDINGS}: set PAMESOS_RECORDINGS"
)

_CHECK = {
    "protocol": "MESOS_TCP",
    "intervalSeconds": 1,
    "delaySeconds": 0,
    "gracePeriodSeconds": 60,
    "portIndex": 0,
}
_SERVER = f"exec {sys.executable} -m http.server $PORT0 --bind 127.0.0.1"


def _recorded(name: str) -> list[Json]:
    lines = (RECORDINGS / "stack" / name).read_text().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def _of_instance(events: Iterable[Json], prefix: str) -> list[str]:
    """Return what is said of the first instance whose id begins so, repetitions left out.

    The real one says some things two or three times, as several of its actors do; how often
    differs from run to run.
    """
    said = []
    chosen = ""
    for event in events:
        instance = event.get("instanceId") or event.get("taskId", "").partition("._app")[0]
        chosen = chosen or (instance if instance.startswith(prefix) else "")
        if not chosen or instance != chosen:
            continue
        detail = event.get("condition") or event.get("taskStatus") or event.get("healthy")
        said.append(f"{event['eventType']} {detail if detail is not None else event.get('alive')}")
    return [key for key, _ in itertools.groupby(said)]


def test_an_instance_that_starts_is_told_as_recorded(api: Api) -> None:
    with stream(api.url) as events:
        api.deploy(app("database", _SERVER, healthChecks=[_CHECK]))
        events.wait("health_status_changed_event")
        ours = _of_instance(events.events(), "t_database")
    assert ours == _of_instance(_recorded("01-deploy.sse"), "pa_database")


def test_a_killed_process_is_told_as_recorded(local_marathon: LocalMarathon, api: Api) -> None:
    api.deploy(app("nodes", _SERVER, healthChecks=[_CHECK]))
    [pid] = local_marathon.task_processes()
    with stream(api.url) as events:
        os.kill(pid, signal.SIGKILL)
        events.wait("instance_health_changed_event", healthy=True)
        ours = _of_instance(events.events(), "t_nodes")
    assert ours == _of_instance(_recorded("02-node-kill9.sse"), "pa_nodes")


def test_a_deleted_group_is_told_as_recorded(api: Api) -> None:
    api.deploy(app("database", _SERVER, healthChecks=[_CHECK]))
    with stream(api.url) as events:
        api.call("DELETE", "/v2/groups/t")
        events.wait("deployment_success")
        ours = _of_instance(events.events(), "t_database")
        assert set(events.types()) <= {e["eventType"] for e in _recorded("15-delete-group.sse")}
    assert ours == _of_instance(_recorded("15-delete-group.sse"), "pa_database")


def test_events_have_the_members_of_the_recorded_ones(api: Api) -> None:
    with stream(api.url) as events:
        api.deploy(app("database", _SERVER, healthChecks=[_CHECK]))
        events.wait("health_status_changed_event")
        api.call("DELETE", "/v2/groups/t")
        wait_for(lambda: events.events("deployment_success")[1:])
        ours = {event["eventType"]: list(event) for event in events.events()}
    recorded = _recorded("01-deploy.sse") + _recorded("15-delete-group.sse")
    theirs = {event["eventType"]: list(event) for event in recorded}
    assert set(ours) == set(theirs) - {"group_change_failed"}
    assert ours == {event_type: theirs[event_type] for event_type in ours}
