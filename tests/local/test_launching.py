"""The launch queue: delays, and why something cannot be placed."""

from __future__ import annotations

import itertools
import socket
from datetime import datetime

import pytest

from tests.conftest import wait_for
from tests.local.api import Api, Json, app, stream


def _refusals(entry: Json) -> dict[str, int]:
    last = entry["processedOffersSummary"]["rejectSummaryLastOffers"]
    return {each["reason"]: each["declined"] for each in last if each["declined"]}


def _at(event: Json) -> datetime:
    return datetime.fromisoformat(event["timestamp"])


def test_the_delay_grows_with_every_failure(api: Api) -> None:
    with stream(api.url) as events:
        api.put_group(app("a", "exit 1") | {"backoffSeconds": 1, "backoffFactor": 1.5})
        third = wait_for(lambda: _third(api), what="the third task")
        events.wait("status_update_event", taskId=third, taskStatus="TASK_FAILED")
    failed = [e for e in events.events("status_update_event") if e["taskStatus"] == "TASK_FAILED"]
    started = [
        e for e in events.events("instance_changed_event") if e["condition"] == "Provisioned"
    ]
    waits = [(_at(b) - _at(a)).total_seconds() for a, b in zip(failed, started[1:], strict=False)]
    assert waits[0] == pytest.approx(1.0, abs=0.25)
    assert waits[1] == pytest.approx(1.5, abs=0.25)


def _third(api: Api) -> str | None:
    return next((t["id"] for t in api.tasks("/t/a") if t["id"].endswith("._app.3")), None)


def test_a_reset_delay_launches_at_once(api: Api) -> None:
    api.put_group(app("a", "exit 1", backoffSeconds=60))
    entry = wait_for(lambda: api.queue("/t/a"))
    assert entry["delay"]["overdue"] is False
    assert 55 <= entry["delay"]["timeLeftSeconds"] <= 60
    with stream(api.url) as events:
        assert api.call("DELETE", "/v2/queue//t/a/delay", expect=204) is None
        events.wait("instance_changed_event", condition="Provisioned")
    answer = api.call("DELETE", "/v2/queue//t/nope/delay", expect=404)
    assert answer == {"message": "Application /t/nope not found in tasks queue.", "details": []}


def test_a_change_resets_the_delay(api: Api) -> None:
    api.put_group(app("a", "exit 1", backoffSeconds=60))
    wait_for(lambda: api.queue("/t/a"))
    api.call("PUT", "/v2/apps/t/a?force=true", {"cmd": "exec sleep 600"})
    wait_for(lambda: api.running("/t/a"), timeout_s=5)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        pytest.param({"cpus": 1000}, "InsufficientCpus", id="cpus"),
        pytest.param({"mem": 10_000_000}, "InsufficientMemory", id="mem"),
        pytest.param({"disk": 10_000_000}, "InsufficientDisk", id="disk"),
        pytest.param(
            {"constraints": [["hostname", "CLUSTER", "elsewhere"]]},
            "UnfulfilledConstraint",
            id="another host",
        ),
        pytest.param(
            {"constraints": [["hostname", "UNLIKE", r"127\..*"]]},
            "UnfulfilledConstraint",
            id="not here",
        ),
        pytest.param(
            {"constraints": [["rack", "LIKE", "r.*"]]}, "UnfulfilledConstraint", id="no attribute"
        ),
    ],
)
def test_the_queue_says_why_nothing_fits(api: Api, fields: Json, reason: str) -> None:
    api.put_group(app("a") | fields)
    entry = wait_for(lambda: (e := api.queue("/t/a")) and _refusals(e) and e)
    assert _refusals(entry) == {reason: 1}
    assert entry["count"] == 1
    [unused] = entry["lastUnusedOffers"]
    assert unused["reason"] == [reason]
    assert unused["offer"]["hostname"] == "127.0.0.1"
    assert entry["app"]["id"] == "/t/a"


def test_only_one_instance_that_wants_a_host_for_itself_is_placed(api: Api) -> None:
    api.put_group(app("a", instances=3, constraints=[["hostname", "UNIQUE"]]))
    entry = wait_for(lambda: (e := api.queue("/t/a")) and _refusals(e) and e)
    assert entry["count"] == 2
    assert len(api.running("/t/a")) == 1


def test_a_port_that_another_program_holds_is_not_given(api: Api) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        definitions = [{"port": port, "name": "web"}]
        api.put_group(app("a", requirePorts=True, portDefinitions=definitions))
        entry = wait_for(lambda: (e := api.queue("/t/a")) and _refusals(e) and e)
        assert _refusals(entry) == {"InsufficientPorts": 1}
    [task] = wait_for(lambda: api.running("/t/a"), what="a launch once the port is free")
    assert task["ports"] == [port]
    assert task["servicePorts"] == [port]


def test_two_tasks_never_get_the_same_port(api: Api) -> None:
    definitions = [{"port": 0, "name": "a"}, {"port": 0, "name": "b"}]
    api.deploy(app("a", instances=8, portDefinitions=definitions))
    ports = list(itertools.chain.from_iterable(task["ports"] for task in api.running("/t/a")))
    assert len(ports) == 16
    assert len(set(ports)) == 16


def test_a_fixed_port_that_a_task_of_ours_holds_is_given_when_it_ends(api: Api) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    definitions = [{"port": port, "name": "web"}]
    fixed = {"requirePorts": True, "portDefinitions": definitions}
    api.deploy(app("a", **fixed))
    api.call("POST", "/v2/apps", app("/other", **fixed), expect=201)
    wait_for(lambda: (e := api.queue("/other")) and _refusals(e))
    api.call("DELETE", "/v2/apps/t/a")
    wait_for(lambda: api.running("/other"), timeout_s=5)
