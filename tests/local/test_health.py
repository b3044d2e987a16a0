"""Health checks against real servers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import wait_for
from tests.local.api import Api, Json, app, stream

_WEB = f"exec {sys.executable} -m http.server $PORT0 --bind 127.0.0.1"


def _check(protocol: str, **fields: Any) -> Json:
    return {
        "protocol": protocol,
        "intervalSeconds": 1,
        "timeoutSeconds": 1,
        "gracePeriodSeconds": 30,
        "maxConsecutiveFailures": 2,
        "delaySeconds": 0,
        **fields,
    }


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(_check("HTTP", path="/"), id="http"),
        pytest.param(_check("TCP"), id="tcp"),
        pytest.param(_check("MESOS_HTTP", path="/"), id="mesos http"),
        pytest.param(_check("MESOS_TCP"), id="mesos tcp"),
        pytest.param(_check("COMMAND", command={"value": 'test -n "$PORT0"'}), id="command"),
    ],
)
def test_a_server_that_answers_becomes_healthy(api: Api, check: Json) -> None:
    with stream(api.url) as events:
        api.deploy(app("a", _WEB, healthChecks=[check]))
        events.wait("health_status_changed_event", appId="/t/a", alive=True)
        events.wait("deployment_success")
    types = events.types()
    assert types.index("add_health_check_event") < types.index("instance_changed_event")
    assert types.index("instance_health_changed_event") < types.index("deployment_success")
    found = api.app("/t/a", "tasks")
    assert (found["tasksHealthy"], found["tasksUnhealthy"]) == (1, 0)
    [result] = found["tasks"][0]["healthCheckResults"]
    assert result["alive"] is True
    assert result["instanceId"].startswith("instance [t_a.instance-")


def test_a_task_that_turns_bad_is_killed_after_its_failures_and_launched_again(
    api: Api, tmp_path: Path
) -> None:
    good = tmp_path / "good"
    good.touch()
    check = _check("COMMAND", command={"value": f"test -e {good}"}, gracePeriodSeconds=0)
    api.deploy(app("a", healthChecks=[check]))
    [task] = api.running("/t/a")
    with stream(api.url) as events:
        good.unlink()
        kill = events.wait("unhealthy_instance_kill_event", taskId=task["id"])
        events.wait("health_status_changed_event", alive=False)
        good.touch()
        again = wait_for(lambda: [t for t in api.running("/t/a") if t["id"] != task["id"]])
        types = events.types()
    failed = types[: types.index("unhealthy_instance_kill_event")].count(
        "failed_health_check_event"
    )
    assert kill["reason"] == "Command exited with status 1"
    assert failed == 3, "two are allowed, the third kills (recordings 04)"
    assert again[0]["id"].startswith(task["id"].partition("._app")[0])
    failure = api.app("/t/a", "lastTaskFailure")["lastTaskFailure"]
    assert failure["state"] == "TASK_KILLED"
    assert failure["message"] == (
        "Task was killed since health check failed. Reason: Command exited with status 1"
    )


def test_failures_in_the_grace_period_do_not_count(api: Api) -> None:
    check = _check("TCP", maxConsecutiveFailures=1)
    with stream(api.url) as events:
        api.put_group(app("a", healthChecks=[check]))
        wait_for(lambda: api.running("/t/a") and api.running("/t/a")[0]["healthCheckResults"])
        [result] = api.running("/t/a")[0]["healthCheckResults"]
    assert (result["alive"], result["consecutiveFailures"]) == (False, 0)
    assert events.events("failed_health_check_event") == []
    assert api.app("/t/a")["tasksUnhealthy"] == 1
