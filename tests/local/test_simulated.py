"""Simulated tasks and agents: what they do is what they are told, at any number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LocalMarathon, start_local, wait_for
from tests.local.api import Api, Json, app, stream

AGENTS = (
    "--agent=a1;host:127.0.1.1;cpus:2;mem:1024;rack:r1;ports:31000-31009",
    "--agent=a2;host:127.0.1.2;cpus:2;mem:1024;rack:r2;ports:31000-31009",
)


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Api]:
    """Return a client of two simulated agents that can be made to fail."""
    options = ("--executor=simulated", "--control", "--reconciliation-interval=0.1", *AGENTS)
    with start_local(tmp_path / "local", *options) as marathon:
        yield Api(marathon.url)


def _order(api: Api, what: str, **body: object) -> object:
    return api.call("POST", f"/control/{what}", body)["result"]


def _scripted(script: str, **fields: object) -> Json:
    return app("a", env={"PAMESOS_SIMULATE": script}, **fields)


def _states(api: Api) -> list[str]:
    return sorted(task["state"] for task in api.tasks("/t/a"))


def test_a_simulated_task_runs_without_a_process(simulated: Api) -> None:
    simulated.deploy(app("a", "no such command", instances=3))
    assert _states(simulated) == ["TASK_RUNNING"] * 3


@pytest.mark.parametrize(
    ("script", "state", "message"),
    [
        pytest.param("after=TASK_FAILED", "TASK_FAILED", "Command exited with status 1", id="ends"),
        pytest.param(
            "instead=TASK_FAILED message=no-image", "TASK_FAILED", "no-image", id="never runs"
        ),
        pytest.param("after=TASK_GONE", "TASK_GONE", "", id="is gone"),
    ],
)
def test_a_script_says_how_a_task_ends(
    simulated: Api, script: str, state: str, message: str
) -> None:
    simulated.put_group(_scripted(script, backoffSeconds=1))
    failure = wait_for(lambda: simulated.app("/t/a", "lastTaskFailure").get("lastTaskFailure"))
    assert (failure["state"], failure["message"]) == (state, message)


def test_a_task_that_hangs_in_staging_holds_its_deployment_up(simulated: Api) -> None:
    simulated.put_group(_scripted("hang=STAGING"))
    [task] = wait_for(lambda: simulated.tasks("/t/a"))
    assert task["state"] == "TASK_STAGING"
    assert simulated.deployments() != []
    _order(simulated, "task", id=task["id"], state="TASK_RUNNING")
    simulated.settle()
    assert _states(simulated) == ["TASK_RUNNING"]


def test_health_is_what_is_told(simulated: Api) -> None:
    check = {"protocol": "MESOS_TCP", "gracePeriodSeconds": 300}
    simulated.put_group(_scripted("health=none", healthChecks=[check]))
    wait_for(lambda: _states(simulated) == ["TASK_RUNNING"])
    assert simulated.app("/t/a", "counts")["tasksHealthy"] == 0
    _order(simulated, "app", id="/t/a", healthy=True)
    simulated.settle()
    assert simulated.app("/t/a", "counts")["tasksHealthy"] == 1


def test_offers_are_refused_with_what_is_left_of_each_agent(simulated: Api) -> None:
    simulated.put_group(app("a", cpus=1.5, instances=3, backoffSeconds=0))
    wait_for(lambda: _states(simulated) == ["TASK_RUNNING"] * 2)
    entry = wait_for(lambda: (q := simulated.queue("/t/a")) and q["lastUnusedOffers"] and q)
    assert entry["count"] == 1
    assert [offer["reason"] for offer in entry["lastUnusedOffers"]] == [["InsufficientCpus"]] * 2
    left = [offer["offer"]["resources"][0]["scalar"] for offer in entry["lastUnusedOffers"]]
    assert left == [0.5, 0.5]


def test_a_constraint_places_by_attribute(simulated: Api) -> None:
    simulated.deploy(app("a", instances=3, constraints=[["rack", "IS", "r2"]]))
    assert {task["slaveId"] for task in simulated.tasks("/t/a")} == {"a2"}


def test_paused_offers_launch_nothing_until_they_are_back(simulated: Api) -> None:
    _order(simulated, "offers", op="pause")
    simulated.put_group(app("a"))
    wait_for(lambda: simulated.queue("/t/a"))
    assert simulated.tasks() == []
    _order(simulated, "offers", op="resume")
    simulated.settle()
    assert _states(simulated) == ["TASK_RUNNING"]


def test_a_task_out_of_reach_is_replaced_and_ended_when_it_is_back(simulated: Api) -> None:
    simulated.deploy(app("a"))
    [before] = simulated.tasks("/t/a")
    with stream(simulated.url) as events:
        _order(simulated, "agent", id=before["slaveId"], op="unreachable")
        [after] = wait_for(lambda: simulated.running("/t/a"))
        assert after["id"] != before["id"]
        assert after["slaveId"] != before["slaveId"]
        _order(simulated, "agent", id=before["slaveId"], op="up")
        ended = events.wait("unknown_instance_terminated_event")
    assert ended["condition"] == "Killed"
    assert before["id"].startswith(ended["instanceId"])


def test_an_app_that_waits_for_unreachable_tasks_gets_them_back(simulated: Api) -> None:
    simulated.deploy(app("a", unreachableStrategy="disabled"))
    [before] = simulated.tasks("/t/a")
    _order(simulated, "agent", id=before["slaveId"], op="unreachable")
    wait_for(lambda: _states(simulated) == ["TASK_UNREACHABLE"])
    state = simulated.call("GET", "/state")
    assert state["unreachable_slaves"] == 1
    assert [t["id"] for t in state["frameworks"][0]["unreachable_tasks"]] == [before["id"]]
    _order(simulated, "agent", id=before["slaveId"], op="up")
    [after] = wait_for(lambda: simulated.running("/t/a"))
    assert after["id"] == before["id"]


def test_a_patient_app_is_given_a_replacement_and_then_forgets(simulated: Api) -> None:
    strategy = {"inactiveAfterSeconds": 1, "expungeAfterSeconds": 2}
    simulated.deploy(app("a", unreachableStrategy=strategy))
    [before] = simulated.tasks("/t/a")
    _order(simulated, "task", id=before["id"], op="unreachable")
    assert _states(simulated) == ["TASK_UNREACHABLE"]
    wait_for(lambda: _states(simulated) == ["TASK_RUNNING", "TASK_UNREACHABLE"])
    wait_for(lambda: _states(simulated) == ["TASK_RUNNING"])


def test_a_lost_agent_loses_its_tasks(simulated: Api) -> None:
    simulated.deploy(app("a"))
    [before] = simulated.tasks("/t/a")
    _order(simulated, "agent", id=before["slaveId"], op="lost")
    [after] = wait_for(lambda: simulated.running("/t/a"))
    assert after["id"].rpartition("._app.")[0] != before["id"].rpartition("._app.")[0]
    failure = simulated.app("/t/a", "lastTaskFailure")["lastTaskFailure"]
    assert (failure["state"], failure["message"]) == ("TASK_LOST", "Agent removed")


def test_orders_that_make_no_sense_are_refused(simulated: Api) -> None:
    simulated.call("POST", "/control/nonsense", {}, expect=404)
    simulated.call("POST", "/control/agent", {"id": "nobody", "op": "up"}, expect=404)
    simulated.call("POST", "/control/agent", {"id": "a1", "op": "explode"}, expect=422)
    simulated.call("POST", "/control/task", {"id": "t_a.nothing", "op": "fail"}, expect=404)
    simulated.call("POST", "/control/behaviour", {"app": "*", "colour": "red"}, expect=422)
    simulated.call("POST", "/control/behaviour", {"app": "*", "startMs": "soon"}, expect=422)
    simulated.call("POST", "/control/calls", {"times": 1}, expect=422)


def test_without_control_there_are_no_orders(local_marathon: LocalMarathon) -> None:
    Api(local_marathon.url).call("POST", "/control/offers", {"op": "pause"}, expect=500)


def test_a_thousand_instances_run_and_end(tmp_path: Path) -> None:
    with start_local(tmp_path / "local", "--executor=simulated") as marathon:
        api = Api(marathon.url)
        api.put_group(app("a", cpus=0.01, mem=1, instances=1000))
        api.settle(60)
        assert _states(api) == ["TASK_RUNNING"] * 1000
        ports = [(task["slaveId"], *task["ports"]) for task in api.tasks("/t/a")]
        assert len(set(ports)) == 1000
        api.call("DELETE", "/v2/groups/t")
        api.settle(60)
        assert api.tasks() == []
