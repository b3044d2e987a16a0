"""Deployments: order, gates, locks, rollback and replacement, with real processes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.conftest import wait_for
from tests.local.api import Api, app, stream

_WEB = f"exec {sys.executable} -m http.server $PORT0"


def _is_after(
    types: list[tuple[str, str]], later: tuple[str, str], earlier: tuple[str, str]
) -> bool:
    return types.index(later) > types.index(earlier)


def test_dependants_are_launched_when_what_they_need_runs(api: Api) -> None:
    with stream(api.url) as events:
        api.deploy(app("c", dependencies=["/t/b"]), app("b", dependencies=["/t/a"]), app("a"))
        events.wait("deployment_success")
    seen = [(e["runSpecId"], e["condition"]) for e in events.events("instance_changed_event")]
    assert _is_after(seen, ("/t/b", "Scheduled"), ("/t/a", "Running"))
    assert _is_after(seen, ("/t/c", "Scheduled"), ("/t/b", "Running"))


def test_a_new_group_makes_the_events_of_the_recordings(api: Api) -> None:
    with stream(api.url) as events:
        api.deploy(app("b", dependencies=["/t/a"]), app("a"))
        events.wait("deployment_success")
    instance = [
        "instance_changed_event",  # Scheduled
        "instance_changed_event",  # Provisioned
        "status_update_event",
        "instance_changed_event",  # Starting
        "status_update_event",
        "instance_changed_event",  # Running
    ]
    assert events.types() == [
        "event_stream_attached",
        "deployment_info",
        "deployment_step_success",
        "deployment_info",
        "group_change_success",
        *instance,
        "deployment_step_success",
        "deployment_info",
        *instance,
        "deployment_step_success",
        "deployment_success",
    ]


def test_a_dependant_waits_until_what_it_needs_is_healthy(api: Api, tmp_path: Path) -> None:
    healthy = tmp_path / "healthy"
    check = {
        "protocol": "COMMAND",
        "command": {"value": f"test -e {healthy}"},
        "intervalSeconds": 1,
        "delaySeconds": 0,
        "gracePeriodSeconds": 60,
    }
    api.put_group(app("a", healthChecks=[check]), app("b", dependencies=["/t/a"]))
    wait_for(lambda: api.running("/t/a"))
    wait_for(lambda: api.running("/t/a")[0]["healthCheckResults"], what="a first result")
    assert api.tasks("/t/b") == []
    assert api.deployments()[0]["currentActions"][0]["app"] == "/t/a"
    healthy.touch()
    wait_for(lambda: api.running("/t/b"))
    assert api.app("/t/a")["tasksHealthy"] == 1


def test_a_dependant_waits_until_what_it_needs_is_ready(api: Api, tmp_path: Path) -> None:
    check = {
        "name": "file",
        "protocol": "HTTP",
        "path": "/ready",
        "portName": "web",
        "intervalSeconds": 2,
        "timeoutSeconds": 1,
        "preserveLastResponse": True,
    }
    web = app(
        "a",
        f"cd {tmp_path}; {_WEB}",
        portDefinitions=[{"port": 0, "name": "web"}],
        readinessChecks=[check],
    )
    api.put_group(web, app("b", dependencies=["/t/a"]))

    def results() -> list[dict[str, object]]:
        found = [d["currentActions"][0]["readinessCheckResults"] for d in api.deployments()]
        return [r for r in found[0] if r["lastResponse"]["status"] == 404] if found else []

    [result] = wait_for(results, what="an answer to the readiness check")
    assert result["ready"] is False
    assert result["name"] == "file"
    assert api.tasks("/t/b") == []
    (tmp_path / "ready").touch()
    wait_for(lambda: api.running("/t/b"))


def test_an_app_of_a_running_deployment_is_locked_and_its_siblings_are_not(api: Api) -> None:
    api.put_group(app("a", "exit 1", backoffSeconds=60, cpus=1000), app("b"))
    [deployment] = api.deployments()
    with stream(api.url) as events:
        answer = api.call("PUT", "/v2/apps/t/a", {"env": {"A": "1"}}, expect=409)
        assert answer["deployments"] == [{"id": deployment["id"]}]
        assert answer["message"].startswith("App is locked by one or more deployments.")
        failed = events.wait("deployment_failed")
        assert failed["id"] != deployment["id"]
        events.wait("group_change_failed", groupId="/t")
    api.call("PUT", "/v2/groups/other", {"apps": [app("x")]})
    wait_for(lambda: api.running("/other/x"))
    assert failed["plan"]["version"] in api.call("GET", "/v2/apps/t/a/versions")["versions"]


def test_force_takes_the_lock_over(api: Api) -> None:
    api.put_group(app("a", cpus=1000))
    [before] = api.deployments()
    with stream(api.url) as events:
        api.call("PUT", "/v2/apps/t/a?force=true", {"cpus": 0.1})
        events.wait("deployment_failed", id=before["id"], reason="The upgrade has been cancelled")
        wait_for(lambda: api.running("/t/a"))
        events.wait("deployment_success")


def test_a_cancelled_deployment_is_rolled_back(api: Api) -> None:
    api.deploy(app("a", env={"A": "good"}))
    [task] = api.running("/t/a")
    api.call("PUT", "/v2/apps/t/a", {"env": {"A": "bad"}, "cpus": 1000})
    [deployment] = api.deployments()
    answer = api.call("DELETE", f"/v2/deployments/{deployment['id']}")
    assert answer["deploymentId"] != deployment["id"]
    api.settle()
    assert api.app("/t/a")["env"] == {"A": "good"}
    assert len(api.running("/t/a")) == 1
    assert api.queue("/t/a") is None
    assert task["id"] != api.running("/t/a")[0]["id"]


def test_a_rollback_of_a_new_group_removes_it(api: Api) -> None:
    api.put_group(app("a", cpus=1000))
    api.call("DELETE", f"/v2/deployments/{api.deployments()[0]['id']}")
    api.settle()
    api.call("GET", "/v2/groups/t", expect=404)
    assert api.call("GET", "/v2/queue") == {"queue": []}


def test_a_deployment_cancelled_with_force_leaves_all_as_it_is(api: Api) -> None:
    api.put_group(app("a", cpus=1000))
    plan = api.deployments()[0]["id"]
    assert api.call("DELETE", f"/v2/deployments/{plan}?force=true", expect=202) is None
    assert api.deployments() == []
    assert api.queue("/t/a") is not None
    answer = api.call("DELETE", f"/v2/deployments/{plan}", expect=404)
    assert answer == {"message": f"DeploymentPlan {plan} does not exist", "details": []}


@pytest.mark.parametrize(
    ("strategy", "most", "least"),
    [
        pytest.param({"minimumHealthCapacity": 1, "maximumOverCapacity": 1}, 6, 3, id="1/1"),
        pytest.param({"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}, 3, 2, id="0.5/0"),
        pytest.param({"minimumHealthCapacity": 0, "maximumOverCapacity": 0}, 3, 0, id="0/0"),
        pytest.param({"minimumHealthCapacity": 1, "maximumOverCapacity": 0}, 4, 3, id="1/0"),
    ],
)
def test_a_change_replaces_all_instances_within_the_strategy(
    api: Api, strategy: dict[str, float], most: int, least: int
) -> None:
    api.deploy(app("a", instances=3, upgradeStrategy=strategy))
    before = {task["id"] for task in api.running("/t/a")}
    with stream(api.url) as events:
        api.call("PUT", "/v2/apps/t/a", {"env": {"A": "2"}})
        api.settle()
        events.wait("deployment_success")
    after = {task["id"] for task in api.running("/t/a")}
    assert len(after) == 3
    assert not before & after
    running = 3
    counts = [running]
    for event in events.events("status_update_event"):
        running += {"TASK_RUNNING": 1, "TASK_KILLED": -1}.get(event["taskStatus"], 0)
        counts.append(running)
    assert max(counts) <= most
    assert min(counts) >= least


def test_scaling_starts_and_ends_only_the_difference(api: Api) -> None:
    api.deploy(app("a", instances=2))
    two = {task["id"] for task in api.running("/t/a")}
    api.call("PUT", "/v2/apps/t/a", {"instances": 4})
    api.settle()
    four = {task["id"] for task in api.running("/t/a")}
    assert len(four) == 4
    assert two < four
    api.call("PUT", "/v2/apps/t/a", {"instances": 2})
    api.settle()
    assert {task["id"] for task in api.running("/t/a")} == two, "the youngest go first"
    api.call("PUT", "/v2/apps/t/a", {"instances": 0})
    api.settle()
    assert api.tasks("/t/a") == []


def test_a_restart_replaces_the_instances_of_an_unchanged_app(api: Api) -> None:
    api.deploy(app("a"))
    [before] = api.running("/t/a")
    api.call("POST", "/v2/apps/t/a/restart")
    api.settle()
    [after] = api.running("/t/a")
    assert after["id"] != before["id"]


def test_a_no_op_is_over_at_once_and_only_says_success(api: Api) -> None:
    api.deploy(app("a"))
    with stream(api.url) as events:
        api.put_group(app("a"))
        events.wait("group_change_success")
    assert events.types() == [
        "event_stream_attached",
        "deployment_success",
        "group_change_success",
    ]
    assert api.deployments() == []


def test_a_deleted_group_ends_all_its_apps_in_one_step(api: Api) -> None:
    api.deploy(app("a"), app("b", dependencies=["/t/a"]))
    with stream(api.url) as events:
        api.call("DELETE", "/v2/groups/t")
        events.wait("deployment_success")
    terminated = {event["appId"] for event in events.events("app_terminated_event")}
    assert terminated == {"/t/a", "/t/b"}
    [info] = events.events("deployment_info")
    assert [action["action"] for action in info["currentStep"]["actions"]] == [
        "StopApplication",
        "StopApplication",
    ]
    for app_id in terminated:
        ends = [
            e["eventType"]
            for e in events.events()
            if e.get("appId") == app_id
            and (e["eventType"] == "app_terminated_event" or e.get("taskStatus") == "TASK_KILLED")
        ]
        assert ends == ["app_terminated_event", "status_update_event"]


def test_a_deployment_is_over_at_the_first_running_whatever_comes_then(api: Api) -> None:
    with stream(api.url) as events:
        api.put_group(app("a", "exit 1", instances=5, backoffSeconds=60))
        events.wait("deployment_success")
    assert api.deployments() == []


def test_an_app_without_instances_is_changed_without_a_launch(api: Api) -> None:
    api.deploy(app("a", instances=0))
    api.call("PUT", "/v2/apps/t/a", {"env": {"A": "1"}})
    api.settle()
    assert api.tasks("/t/a") == []


def test_a_change_that_also_shrinks_the_app_ends_with_the_new_number(api: Api) -> None:
    api.deploy(app("a", instances=3))
    before = {task["id"] for task in api.running("/t/a")}
    api.call("PUT", "/v2/apps/t/a", {"env": {"A": "1"}, "instances": 1})
    api.settle()
    [task] = api.running("/t/a")
    assert task["id"] not in before
