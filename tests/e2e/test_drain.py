"""Nodes that go take no workflow task with them, on real processes and sockets."""

from __future__ import annotations

import contextlib
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pamesos.core import names
from tests.e2e.harness import NODES, PAMESOS, ROOT, wait_until

pytestmark = pytest.mark.timeout(180)

_TASK = """<task name="{name}"><scriptExecutable><script><code language="bash"><![CDATA[
echo {name} >> {directory}/starts
while [ ! -e {directory}/go ]; do sleep 0.1; done
echo {name} >> {directory}/ends
]]></code></script></scriptExecutable></task>"""
_JOB = (
    '<job xmlns="urn:proactive:jobdescriptor:3.14" name="held" onTaskError="cancelJob">'
    "<taskFlow>{tasks}</taskFlow></job>"
)


class Held:
    """A job whose tasks run until they are let go; each start of a task leaves a line."""

    def __init__(self, cluster, directory: Path, tasks: int) -> None:
        self._cluster, self._directory, self._tasks = cluster, directory, tasks
        words = [_TASK.format(name=f"t{n}", directory=directory) for n in range(tasks)]
        workflow = directory / "held.xml"
        workflow.write_text(_JOB.format(tasks="".join(words)))
        with cluster.proactive() as client:
            self.id = client.submit(workflow)
        wait_until(lambda: len(self.starts()) == tasks, "the tasks run")

    def starts(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self._directory / "starts").read_text().split()
        return []

    def processes(self) -> set[str]:
        """Return the node processes that work on it."""
        with self._cluster.proactive() as client:
            tasks = client.get_tasks(self.id)
        return {names.process_of_node(t.node) for t in tasks if t.node and not t.status.over}

    def ends(self) -> list[str]:
        return (self._directory / "ends").read_text().split()

    def let_go(self) -> None:
        (self._directory / "go").touch()

    def finish(self) -> None:
        self.let_go()
        wait_until(lambda: self._cluster.job_state(self.id) == "FINISHED", "the job ends well")


@contextlib.contextmanager
def command(cluster, log: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command beside the test; it must have ended at the end of the block."""
    with log.open("w") as out:
        process = subprocess.Popen(
            [PAMESOS, *arguments], cwd=ROOT, env=cluster.environment, stdout=out, stderr=out
        )
    try:
        yield process
        process.wait(90)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def three(cluster):
    """The cluster with its three node processes up, before the test and after it."""
    cluster.pamesos("scale", "quickstart", "default", "3")
    wait_until(lambda: len(alive(cluster)) == 3, "three processes are in the RM")
    return cluster


def alive(cluster) -> set[str]:
    return {names.process_of_node(n.name) for n in cluster.rm_nodes() if n.state.alive}


def running_processes(cluster) -> set[str]:
    return {names.node_name("default", task) for task in cluster.tasks(NODES)}


def test_scaling_down_under_load_loses_no_workflow_task(three, tmp_path):
    job = Held(three, tmp_path, tasks=2)
    assert len(job.processes()) == 2, "the work is spread"

    with command(three, tmp_path / "log", "scale", "quickstart", "default", "1") as scaling:
        wait_until(lambda: len(three.tasks(NODES)) == 2, "the idle one goes at once")
        assert running_processes(three) == job.processes()
        wait_until(lambda: "is at work" in (tmp_path / "log").read_text(), "it says what it awaits")
        assert scaling.poll() is None
        job.finish()

    assert scaling.returncode == 0, (tmp_path / "log").read_text()
    assert sorted(job.starts()) == ["t0", "t1"]
    assert len(three.tasks(NODES)) == 1
    assert {names.process_of_node(n.name) for n in three.rm_nodes()} == running_processes(three)
    assert not any(node.locked for node in three.rm_nodes())


def test_what_the_deadline_takes_off_is_named_and_runs_again(three, tmp_path):
    job = Held(three, tmp_path, tasks=3)
    assert len(job.processes()) == 3

    said = three.pamesos("scale", "quickstart", "default", "2", "--drain-deadline", "1")

    assert "the drain's deadline passed: task t" in said
    wait_until(lambda: len(job.starts()) == 4, "the one that was taken off runs again")
    job.finish()


def test_a_restart_replaces_every_node_and_loses_no_task(three, tmp_path):
    before = set(three.tasks(NODES))
    job = Held(three, tmp_path, tasks=1)

    with command(three, tmp_path / "log", "restart", "quickstart", "default") as restarting:
        wait_until(lambda: "is at work" in (tmp_path / "log").read_text(), "it awaits the busy one")
        assert len(before & set(three.tasks(NODES))) == 1
        job.finish()

    assert restarting.returncode == 0, (tmp_path / "log").read_text()
    assert len(three.tasks(NODES)) == 3
    assert before.isdisjoint(three.tasks(NODES))
    assert job.starts() == ["t0"]


def test_an_interrupted_drain_unlocks_what_it_had_locked(three, tmp_path):
    job = Held(three, tmp_path, tasks=3)

    with command(three, tmp_path / "log", "scale", "quickstart", "default", "2") as scaling:
        wait_until(lambda: any(n.locked for n in three.rm_nodes()), "a busy one is locked")
        scaling.send_signal(signal.SIGINT)

    assert "unlocked again: default-" in (tmp_path / "log").read_text()
    assert scaling.returncode == 130
    assert not any(node.locked for node in three.rm_nodes())
    assert len(three.tasks(NODES)) == 3
    job.finish()


def test_a_drain_that_cannot_see_what_is_busy_kills_nothing(three):
    before = three.tasks(NODES)
    environment = {**three.environment, "PAMESOS_PROACTIVE_USER": "nobody"}
    done = subprocess.run(
        [PAMESOS, "scale", "quickstart", "default", "2"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode != 0
    assert "login of 'nobody' was rejected" in done.stderr
    assert "--no-drain" in done.stderr
    assert three.tasks(NODES) == before


def test_a_scale_down_without_wait_is_refused_unless_it_need_not_drain(three):
    said = three.pamesos("scale", "quickstart", "default", "2", "--no-wait", status=None)
    assert "nothing was sent" in said
    assert len(three.tasks(NODES)) == 3

    three.pamesos("scale", "quickstart", "default", "2", "--no-wait", "--no-drain")
    wait_until(lambda: len(three.tasks(NODES)) == 2, "one went at once")


def test_destroy_waits_for_the_work_under_way(three, tmp_path):
    job = Held(three, tmp_path, tasks=1)

    with command(three, tmp_path / "log", "destroy", "quickstart", "--yes") as destroying:
        wait_until(lambda: "is at work" in (tmp_path / "log").read_text(), "it waits")
        wait_until(
            lambda: all(n.locked for n in three.rm_nodes() if n.state.alive),
            "no node gets a new task",
        )
        assert len(three.tasks(NODES)) == 3
        job.let_go()

    assert destroying.returncode == 0, (tmp_path / "log").read_text()
    assert job.ends() == ["t0"]
    three.submit()  # as each test leaves it
