"""kill -9 at every boundary of an action: nothing is lost, nothing is done twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess

import pytest

from tests.e2e.harness import NODES, PAMESOS, ROOT, QuickCluster, wait_until
from tests.e2e.test_repair import is_whole

pytestmark = pytest.mark.timeout(180)


def crash_at(cluster: QuickCluster, boundary: str, log) -> None:
    """Run the watcher until it dies at a boundary."""
    command = [PAMESOS, "watch", "quickstart", "--state-dir", str(cluster.work / "watch")]
    with log.open("a") as out:
        process = subprocess.Popen(
            [*command, "--marathon", cluster.url],
            cwd=ROOT,
            env={**os.environ, "PAMESOS_TEST_BOUNDARY": f"{boundary}:kill"},
            stdout=out,
            stderr=out,
        )
    try:
        assert process.wait(60) == -signal.SIGKILL, log.read_text()
    finally:
        process.kill()
        process.wait()


def kills(cluster: QuickCluster, task_id: str) -> list[dict]:
    """Return what the journal has of the replacement of a task, as an operator reads it."""
    arguments = ("--actions", "-o", "json", "--state-dir", str(cluster.work / "watch"))
    entries = json.loads(cluster.pamesos("history", "quickstart", *arguments))
    return [e for e in entries if e["action"] == "task.replaced" and e["subject"] == task_id]


def wake(cluster: QuickCluster, task_id: str) -> None:
    """Let a hanging task hear the SIGTERM that waits for it."""
    with contextlib.suppress(AssertionError):  # it is gone already
        cluster.signal_task(task_id, signal.SIGCONT)


@pytest.mark.parametrize(
    ("boundary", "outcomes"),
    [
        pytest.param("before-intent", ["done"], id="before it was written down"),
        pytest.param("after-intent", ["lost", "done"], id="written down and not sent"),
        pytest.param("after-send", ["done"], id="sent and not confirmed"),
        pytest.param("after-outcome", ["done"], id="confirmed"),
    ],
)
def test_a_watcher_killed_at_a_boundary_neither_loses_nor_doubles(cluster, boundary, outcomes):
    log = cluster.work / f"crash-{boundary}.log"
    victim = cluster.tasks(NODES)[0]
    cluster.signal_task(victim, signal.SIGSTOP)

    crash_at(cluster, boundary, log)
    if boundary in {"after-send", "after-outcome"}:
        wake(cluster, victim)
    with cluster.watched() as later:
        if boundary in {"before-intent", "after-intent"}:
            wait_until(lambda: '"outcome": "done"' in later.read_text(), "the task is killed")
            wake(cluster, victim)
        wait_until(lambda: victim not in cluster.tasks(NODES), "the task is replaced")
        wait_until(lambda: is_whole(cluster), "the RM knows all nodes and no dead one")
        wait_until(
            lambda: all(entry["outcome"] for entry in kills(cluster, victim)), "all is settled"
        )

    assert [e["outcome"].partition(":")[0] for e in kills(cluster, victim)] == outcomes
