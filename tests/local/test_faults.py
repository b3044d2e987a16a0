"""Faults on demand: of real tasks, of the API and of its event stream; and how they are ordered."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.conftest import LocalMarathon, start_local, wait_for
from tests.local.api import Api, Stream, app


@pytest.fixture
def marathon(tmp_path: Path) -> Iterator[LocalMarathon]:
    """Return an embedded Marathon with real processes that takes orders."""
    with start_local(tmp_path / "local", "--control") as running:
        yield running


@pytest.fixture
def steered(marathon: LocalMarathon) -> Api:
    """Return a client of it."""
    return Api(marathon.url)


def _fault(api: Api, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pamesos", "local", "fault", "--url", api.url, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_task_is_made_to_fail(marathon: LocalMarathon, steered: Api) -> None:
    steered.deploy(app("a"))
    [task] = steered.tasks("/t/a")
    done = _fault(steered, "task", "fail", task["id"], "--message", "told to")
    assert done.returncode == 0, done.stderr
    [after] = wait_for(lambda: [t for t in steered.running("/t/a") if t["id"] != task["id"]])
    assert after["id"] == task["id"].removesuffix("1") + "2"
    failure = steered.app("/t/a", "lastTaskFailure")["lastTaskFailure"]
    assert (failure["state"], failure["message"]) == ("TASK_FAILED", "told to")
    wait_for(lambda: len(marathon.task_processes()) == 1, what="the end of the first process")


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_task_hangs_until_it_is_resumed(marathon: LocalMarathon, steered: Api) -> None:
    steered.deploy(app("a"))
    [task], [pid] = steered.tasks("/t/a"), marathon.task_processes()
    assert _fault(steered, "task", "hang", task["id"]).returncode == 0
    wait_for(lambda: _is_stopped(pid), what="the process to stop")
    assert _fault(steered, "task", "resume", task["id"]).returncode == 0
    wait_for(lambda: not _is_stopped(pid), what="the process to go on")


def test_a_process_out_of_reach_lives_on_until_it_is_back(
    marathon: LocalMarathon, steered: Api
) -> None:
    steered.deploy(app("a"))
    [task], [pid] = steered.tasks("/t/a"), marathon.task_processes()
    assert _fault(steered, "task", "unreachable", task["id"]).returncode == 0
    wait_for(lambda: [t for t in steered.running("/t/a") if t["id"] != task["id"]])
    assert pid in marathon.task_processes()
    assert _fault(steered, "task", "return", task["id"]).returncode == 0
    wait_for(lambda: pid not in marathon.task_processes(), what="the end of the one that is back")
    assert len(steered.running("/t/a")) == 1


def test_nothing_leaks_when_the_engine_stops_with_a_task_out_of_reach(
    marathon: LocalMarathon, steered: Api
) -> None:
    steered.deploy(app("a"))
    [task] = steered.tasks("/t/a")
    assert _fault(steered, "task", "unreachable", task["id"]).returncode == 0
    assert marathon.stop() == 0
    assert marathon.task_processes() == []


def test_calls_fail_as_often_as_told(steered: Api) -> None:
    rule = ("--times", "2", "--status", "503", "--body", "busy", "--method", "get")
    assert _fault(steered, "calls", "/v2/apps", *rule).returncode == 0
    answers = [requests.get(f"{steered.url}/v2/apps", timeout=10) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].text == "busy"


def test_calls_are_late_as_told(steered: Api) -> None:
    assert _fault(steered, "calls", "/ping", "--delay-ms", "300").returncode == 0
    begun = time.monotonic()
    assert requests.get(f"{steered.url}/ping", timeout=10).status_code == 200
    assert time.monotonic() - begun >= 0.3
    assert _fault(steered, "calls", "/", "--clear").returncode == 0
    assert steered.call("GET", "/control")["calls"] == []


def test_a_change_of_leader_ends_the_streams_and_calls_fail_meanwhile(steered: Api) -> None:
    reader = Stream(steered.url)
    assert _fault(steered, "leader", "--gap-ms", "1500").returncode == 0
    answer = requests.get(f"{steered.url}/v2/apps", timeout=10)
    assert answer.status_code in (500, 502)
    assert answer.text == ""
    wait_for(lambda: not reader.is_open, what="the end of the stream")
    wait_for(lambda: requests.get(f"{steered.url}/v2/apps", timeout=10).status_code == 200)
    reader.close()


def test_dropped_readers_may_come_back(steered: Api) -> None:
    reader = Stream(steered.url)
    assert _fault(steered, "streams").returncode == 0
    wait_for(lambda: not reader.is_open, what="the end of the stream")
    again = Stream(steered.url)
    steered.deploy(app("a"))
    again.wait("deployment_success")
    for each in (reader, again):
        each.close()


def test_an_order_for_nobody_says_what_to_do(steered: Api) -> None:
    done = _fault(steered, "task", "fail", "nothing")
    assert done.returncode == 2
    assert "Task 'nothing' does not exist" in done.stderr
    assert "Try:" in done.stderr


def test_an_engine_without_control_says_how_to_get_it(local_marathon: LocalMarathon) -> None:
    done = _fault(Api(local_marathon.url), "offers", "pause")
    assert done.returncode == 2
    assert "pamesos local --control" in done.stderr


def test_an_agent_that_cannot_be_read_starts_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pamesos", "local", "--state-dir", str(tmp_path / "state")]
    done = subprocess.run(
        [*command, "--agent", "a;cpus:many"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "cpus of agent 'a' cannot be 'many'" in done.stderr
    assert not (tmp_path / "state").exists()
