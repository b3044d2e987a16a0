"""Tasks as processes: what they are given, how they end, and what happens then."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Json, app, pid_alive, stream


def _pid(api: Api, task: Json) -> int:
    """Return the pid that the task's command wrote first."""
    line = wait_for(lambda: api.stdout(task).partition("\n")[0], what="the pid")
    return int(line)


_PID = "echo $$; exec sleep 600"


def test_a_killed_process_is_launched_again_in_the_same_instance(api: Api) -> None:
    api.deploy(app("a", _PID))
    [task] = api.running("/t/a")
    with stream(api.url) as events:
        os.kill(_pid(api, task), signal.SIGKILL)
        events.wait("status_update_event", taskStatus="TASK_FAILED")
        again = wait_for(lambda: api.running("/t/a"))[0]
        events.wait("instance_changed_event", condition="Running")
    assert again["id"] == task["id"].removesuffix("1") + "2"
    conditions = [e["condition"] for e in events.events("instance_changed_event")]
    assert conditions == ["Failed", "Provisioned", "Starting", "Running"]
    failure = api.app("/t/a", "lastTaskFailure")["lastTaskFailure"]
    assert failure["message"] == "Command terminated with signal Killed"
    assert failure["taskId"] == task["id"]


@pytest.mark.parametrize(
    ("cmd", "state", "message"),
    [
        pytest.param("exit 0", "TASK_FINISHED", "Command exited with status 0", id="success"),
        pytest.param("exit 3", "TASK_FAILED", "Command exited with status 3", id="failure"),
        pytest.param(
            "kill -TERM $$", "TASK_FAILED", "Command terminated with signal Terminated", id="signal"
        ),
        pytest.param("nosuchcommand", "TASK_FAILED", "Command exited with status 127", id="none"),
    ],
)
def test_the_end_of_a_command_is_reported_in_the_words_of_mesos(
    api: Api, cmd: str, state: str, message: str
) -> None:
    with stream(api.url) as events:
        api.put_group(app("a", cmd, backoffSeconds=60))
        update = events.wait("status_update_event", taskStatus=state)
    assert update["message"] == message


def test_a_user_that_does_not_exist_is_a_failed_task(api: Api) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run tasks as somebody else")
    with stream(api.url) as events:
        api.put_group(app("a", user="nosuchuser", backoffSeconds=60))
        update = events.wait("status_update_event", taskStatus="TASK_FAILED")
    assert "nosuchuser" in update["message"]


def test_a_task_is_given_the_environment_that_mesos_gives(
    local_marathon: LocalMarathon, api: Api
) -> None:
    ports = [{"port": 0, "name": "web"}, {"port": 0, "name": "b-c"}]
    api.deploy(
        app(
            "a",
            "env; echo ready; exec sleep 600",
            env={"MINE": "a b"},
            labels={"some.label": "x"},
            portDefinitions=ports,
        )
    )
    [task] = api.running("/t/a")
    text = wait_for(lambda: t if "ready" in (t := api.stdout(task)) else None, what="the output")
    environ = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    first, second = map(str, task["ports"])
    known = api.app("/t/a")["portDefinitions"]
    expected = {
        "HOST": "127.0.0.1",
        "PORT": first,
        "PORT0": first,
        "PORT1": second,
        "PORTS": f"{first},{second}",
        "PORT_WEB": first,
        f"PORT_{known[0]['port']}": first,
        "MARATHON_APP_ID": "/t/a",
        "MARATHON_APP_VERSION": task["version"],
        "MARATHON_APP_RESOURCE_CPUS": "0.1",
        "MARATHON_APP_RESOURCE_MEM": "32.0",
        "MARATHON_APP_RESOURCE_GPUS": "0",
        "MARATHON_APP_LABELS": "SOME_LABEL",
        "MARATHON_APP_LABEL_SOME_LABEL": "x",
        "MESOS_TASK_ID": task["id"],
        "MINE": "a b",
        "HOME": os.environ["HOME"],
    }
    assert {key: environ.get(key) for key in expected} == expected
    assert "PORT_B-C" not in environ
    assert environ["PATH"].startswith(f"{Path(sys.executable).parent}{os.pathsep}")
    assert environ["MESOS_SANDBOX"].startswith(f"{local_marathon.state_dir}/")
    assert environ["PWD"] == environ["MESOS_SANDBOX"]


def test_processes_that_left_the_session_end_with_their_task(
    local_marathon: LocalMarathon, api: Api
) -> None:
    api.deploy(app("a", "setsid sleep 601 & setsid -f sleep 602; sleep 603 & exec sleep 604"))
    wait_for(lambda: len(local_marathon.task_processes()) == 4, what="all four processes")
    api.call("PUT", "/v2/apps/t/a", {"instances": 0})
    api.settle()
    wait_for(lambda: not local_marathon.task_processes(), what="their end")


def test_what_a_failed_command_left_behind_ends_too(
    local_marathon: LocalMarathon, api: Api
) -> None:
    with stream(api.url) as events:
        api.put_group(app("a", "setsid -f sleep 602; sleep 603 & exit 1", backoffSeconds=60))
        events.wait("status_update_event", taskStatus="TASK_FAILED")
    wait_for(lambda: not local_marathon.task_processes(), what="their end")


def test_a_task_that_ignores_sigterm_is_killed_after_its_grace_period(api: Api) -> None:
    stubborn = "trap '' TERM; echo $$; while :; do sleep 0.1; done"
    api.deploy(app("a", stubborn, taskKillGracePeriodSeconds=1))
    pid = _pid(api, api.running("/t/a")[0])
    with stream(api.url) as events:
        api.call("DELETE", "/v2/apps/t/a")
        update = events.wait("status_update_event", taskStatus="TASK_KILLED")
    assert update["message"] == "Command terminated with signal Killed"
    assert not pid_alive(pid)


def test_a_task_that_ends_by_itself_on_sigterm_says_how(api: Api) -> None:
    polite = "trap 'exit 7' TERM; echo $$; while :; do sleep 0.05; done"
    api.deploy(app("a", polite))
    _pid(api, api.running("/t/a")[0])
    with stream(api.url) as events:
        api.call("DELETE", "/v2/apps/t/a")
        update = events.wait("status_update_event", taskStatus="TASK_KILLED")
    assert update["message"] == "Command exited with status 7"


def test_a_task_that_a_user_kills_comes_back_and_is_no_failure(api: Api) -> None:
    api.deploy(app("a"))
    [task] = api.running("/t/a")
    answer = api.call("DELETE", f"/v2/apps/t/a/tasks/{task['id']}")
    assert answer["task"]["id"] == task["id"]
    again = wait_for(lambda: [t for t in api.running("/t/a") if t["id"] != task["id"]])
    assert again[0]["id"] == task["id"].removesuffix("1") + "2"
    assert "lastTaskFailure" not in api.app("/t/a", "lastTaskFailure")


def test_a_task_killed_with_scale_makes_the_app_smaller(api: Api) -> None:
    api.deploy(app("a", instances=3))
    chosen, *others = api.running("/t/a")
    answer = api.call("POST", "/v2/tasks/delete?scale=true", {"ids": [chosen["id"]]})
    assert set(answer) == {"deploymentId", "version"}
    api.settle()
    assert {t["id"] for t in api.running("/t/a")} == {t["id"] for t in others}
    assert api.app("/t/a")["instances"] == 2


def test_a_wiped_task_gives_way_to_a_new_instance(api: Api) -> None:
    api.deploy(app("a"))
    [task] = api.running("/t/a")
    with stream(api.url) as events:
        api.call("DELETE", f"/v2/apps/t/a/tasks/{task['id']}?wipe=true")
        events.wait("unknown_instance_terminated_event")
        again = wait_for(lambda: api.running("/t/a"))
    assert again[0]["id"].partition("._app")[0] != task["id"].partition("._app")[0]


@pytest.mark.parametrize(
    ("query", "body", "status", "expected"),
    [
        pytest.param("", {"ids": []}, 200, {"tasks": []}, id="none"),
        pytest.param(
            "",
            {"ids": ["nope"]},
            400,
            {
                "message": "Invalid task id 'nope'."
                " [taskId nope no valid identifier (of class java.lang.String)]"
            },
            id="no task id",
        ),
        pytest.param(
            "",
            {},
            422,
            {
                "message": "Invalid JSON",
                "details": [{"path": "", "errors": ["'ids' is undefined on object: {}"]}],
            },
            id="no ids",
        ),
        pytest.param(
            "?scale=true&wipe=true",
            {"ids": ["x"]},
            400,
            {"message": "You cannot use scale and wipe at the same time."},
            id="scale and wipe",
        ),
    ],
)
def test_requests_to_kill_are_answered_as_recorded(
    api: Api, query: str, body: Json, status: int, expected: Json
) -> None:
    assert api.call("POST", f"/v2/tasks/delete{query}", body, expect=status) == expected


def test_the_output_of_a_task_that_ended_can_still_be_read(api: Api) -> None:
    with stream(api.url) as events:
        api.put_group(app("a", "echo last words; exit 1", backoffSeconds=60))
        failed = events.wait("status_update_event", taskStatus="TASK_FAILED")
        api.call("DELETE", "/v2/groups/t?force=true")
        events.wait("app_terminated_event")
    assert api.stdout({"id": failed["taskId"]}) == "last words\n"


def test_an_image_is_refused_by_an_engine_that_only_runs_processes(api: Api) -> None:
    container = {"type": "DOCKER", "docker": {"image": "busybox"}}
    with stream(api.url) as events:
        api.put_group(app("a", container=container, backoffSeconds=60))
        update = events.wait("status_update_event", taskStatus="TASK_FAILED")
    assert "busybox" in update["message"]


def test_tasks_of_an_app_that_is_being_deleted_make_it_no_smaller(api: Api) -> None:
    stubborn = "trap '' TERM; echo $$; while :; do sleep 0.1; done"
    api.deploy(app("a", stubborn, taskKillGracePeriodSeconds=1))
    [task] = api.running("/t/a")
    _pid(api, task)
    api.call("DELETE", "/v2/apps/t/a")
    answer = api.call("POST", "/v2/tasks/delete?scale=true", {"ids": [task["id"]]})
    assert [each["id"] for each in answer["tasks"]] == [task["id"]]
