"""``pamesos run`` as an operator types it, on a stand-in cluster."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pamesos.clients.proactive import JobState, NodeState
from pamesos.core.observed import AppView, GroupView
from pamesos.engine.run import find_rest_url, parse_variables
from pamesos.errors import ExitStatus, InvalidInputError, NotFoundError
from tests.conftest import wait_for
from tests.contract.recorded_proactive import ROOT
from tests.contract.standin import STOP_S, StandIn, standing_in, task

PAMESOS = [sys.executable, "-m", "pamesos"]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with standing_in(tmp_path_factory.mktemp("run")) as stand_in:
        stand_in.start_server()
        stand_in.start_node("n1", 2)
        free = NodeState.FREE
        stand_in.wait_for_states(stand_in.client(), n1_0=free, n1_1=free)
        yield stand_in


def run(
    cluster: StandIn, workflow: Path | str, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PAMESOS, "run", str(workflow), "--rest", cluster.url, *arguments],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_says_which_node_ran_which_task(cluster: StandIn) -> None:
    done = run(cluster, "apps/workflows/hello.xml")

    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[:6]]
    assert rows[0] == ["TASK", "STATUS", "NODE", "HOST", "DURATION"]
    assert [row[:2] for row in rows[1:]] == [
        ["hello_1", "FINISHED"], ["hello_2", "FINISHED"], ["hello_3", "FINISHED"],
        ["hello_4", "FINISHED"], ["goodbye", "FINISHED"],
    ]  # fmt: skip
    assert {row[2] for row in rows[1:]} == {"n1_0", "n1_1"}
    assert f"  hello from {rows[1][2]} on " in done.stdout
    assert "stand-in, not ProActive" in done.stderr
    assert "hello_1  FINISHED on n1_" in done.stderr


def test_the_report_can_be_read_by_programs(cluster: StandIn) -> None:
    workflow = cluster.workflow(task("a", 'echo "$variables_WHO"; echo oops >&2'))

    done = run(cluster, workflow, "--var", "WHO=you", "-o", "json")

    report = json.loads(done.stdout)
    assert (report["job"]["state"], report["problem"]) == ("FINISHED", None)
    (only,) = report["tasks"]
    assert (only["stdout"], only["stderr"], only["value"]) == ("you\n", "oops\n", "0")
    assert only["node"] in {"n1_0", "n1_1"}


@pytest.mark.parametrize(
    ("on_error", "says"),
    [
        ("continueJobExecution", "is FINISHED, but 1 of 2 tasks failed: bad is FAULTY"),
        ("cancelJob", "was CANCELED: bad is FAULTY"),
        ("suspendTask", "is IN_ERROR and waits for a human: bad is IN_ERROR"),
    ],
)
def test_a_job_with_a_faulty_task_failed(cluster: StandIn, on_error: str, says: str) -> None:
    bad, good = task("bad", "echo why; exit 3", "good"), task("good", "true")

    done = run(cluster, cluster.workflow(good, bad, on_error=on_error))

    assert done.returncode == ExitStatus.FAILED
    assert says in done.stderr
    assert "  why\n" in done.stdout


def test_a_time_out_leaves_the_job_alone(cluster: StandIn) -> None:
    flag = cluster.work / "go"
    workflow = cluster.workflow(task("s", f"until [ -e {flag} ]; do sleep 0.05; done"))

    done = run(cluster, workflow, "--timeout", "0.5")

    assert done.returncode == ExitStatus.TIMED_OUT
    job = int(done.stderr.partition("job ")[2].partition(" ")[0])
    assert f"job {job} was not over after 0.5 s; it goes on" in done.stderr
    flag.touch()
    client = cluster.client()
    assert cluster.wait_for_end(client, job).state is JobState.FINISHED


def test_ctrl_c_says_that_the_job_goes_on(cluster: StandIn) -> None:
    flag = cluster.work / "go-on"
    workflow = cluster.workflow(task("s", f"until [ -e {flag} ]; do sleep 0.05; done"))
    log = cluster.work / "run.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*PAMESOS, "run", str(workflow), "--rest", cluster.url], stderr=out, stdout=out
        )
    wait_for(lambda: "RUNNING" in log.read_text())

    process.send_signal(signal.SIGINT)

    assert process.wait(STOP_S) == ExitStatus.INTERRUPTED
    assert "goes on in ProActive, it was not killed" in log.read_text()
    assert "Traceback" not in log.read_text()
    flag.touch()


def test_a_server_that_restarts_is_waited_for(tmp_path: Path) -> None:
    flag = tmp_path / "go"
    log = tmp_path / "run.log"
    with standing_in(tmp_path) as cluster:
        server = cluster.start_server()
        cluster.start_node("n1")
        workflow = cluster.workflow(task("s", f"until [ -e {flag} ]; do sleep 0.05; done"))
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*PAMESOS, "run", str(workflow), "--rest", cluster.url], stderr=out, stdout=out
            )
        wait_for(lambda: "s  RUNNING" in log.read_text())
        server.kill()
        server.wait(STOP_S)
        cluster.start_server()
        flag.touch()

        assert process.wait(60) == 0, log.read_text()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "does not exist", id="missing"),
        pytest.param("dir", "is a directory", id="directory"),
        pytest.param(b"", "not well-formed XML: no element found", id="empty"),
        pytest.param(b"{}", "not well-formed XML", id="json"),
        pytest.param(b"<job><taskFlow>", "not well-formed XML", id="cut off"),
        pytest.param(b"\xff\xfe\x00", "not well-formed XML", id="binary"),
        pytest.param(b"<html/>", "root element is not <job>", id="other xml"),
    ],
)
def test_a_file_that_is_no_workflow_is_bad_input(
    cluster: StandIn, tmp_path: Path, content: bytes | str | None, says: str
) -> None:
    path = tmp_path / "workflow.xml"
    if content == "dir":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)

    done = run(cluster, path)

    assert done.returncode == ExitStatus.BAD_INPUT
    assert says in done.stderr
    assert "nothing was sent" in done.stderr
    assert done.stdout == ""


def test_a_workflow_that_the_server_refuses_is_one_clear_error(
    cluster: StandIn, tmp_path: Path
) -> None:
    path = tmp_path / "workflow.xml"
    path.write_text(
        '<job xmlns="urn:proactive:jobdescriptor:3.14" name="bad"><taskFlow>'
        '<task name="x"><nope/></task></taskFlow></job>'
    )
    done = run(cluster, path)

    assert done.returncode == ExitStatus.REFUSED
    assert 'tag name "nope" is not allowed' in done.stderr
    assert "Traceback" not in done.stderr


def test_a_rejected_login_names_the_remedy_and_not_the_password(cluster: StandIn) -> None:
    done = run(cluster, "apps/workflows/hello.xml", PAMESOS_PROACTIVE_PASSWORD="wr0ng-one")

    assert done.returncode == ExitStatus.REFUSED
    assert "10 minutes" in done.stderr
    assert "PAMESOS_PROACTIVE_PASSWORD_FILE" in done.stderr
    assert "wr0ng-one" not in done.stderr + done.stdout


def test_the_rest_address_is_the_label_of_the_live_app() -> None:
    app = AppView("/small/scheduler", 1, "v", labels={"org.pamesos.rest": "http://h:1/rest"})
    assert find_rest_url("small", GroupView("/small", "v", (app,))) == "http://h:1/rest"
    with pytest.raises(NotFoundError, match="--rest"):
        find_rest_url("small", GroupView("/small", "v"))


def test_a_variable_without_a_value_is_bad_input_and_not_quoted() -> None:
    assert parse_variables(("a=b=c", "d=")) == {"a": "b=c", "d": ""}
    with pytest.raises(InvalidInputError) as caught:
        parse_variables(("hunter2",))
    assert "hunter2" not in str(caught.value)
