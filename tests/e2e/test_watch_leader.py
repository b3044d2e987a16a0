"""Several watchers and a real ZooKeeper: one acts, another takes over, nobody acts twice."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import NODES, PAMESOS, ROOT, QuickCluster, free_port, wait_until
from tests.e2e.test_repair import is_whole
from tests.e2e.test_watch_crash import wake
from tests.zookeeper import ZooKeeperServer, zookeeper_server

pytestmark = pytest.mark.timeout(180)
#: The shortest session that the server allows with its tick, twice.
SESSION_S = 2.0


@dataclass
class Watcher:
    process: subprocess.Popen[bytes]
    log: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        return [line for line in _lines(self.log) if line["event"] == event]

    @property
    def leads(self) -> bool:
        return len(self.lines("leader.gained")) > len(self.lines("leader.lost"))


@dataclass
class Crew:
    """Watchers of one cluster that share a ZooKeeper."""

    cluster: QuickCluster
    zookeeper: ZooKeeperServer
    work: Path
    stack: contextlib.ExitStack
    count: int = 0

    def join(self, **environment: str) -> Watcher:
        self.count += 1
        log = self.work / f"watcher-{self.count}.log"
        state = ["--zookeeper", self.zookeeper.url, "--session-timeout", str(SESSION_S)]
        with log.open("w") as out:
            process = subprocess.Popen(
                [PAMESOS, "watch", "quickstart", *state, "--marathon", self.cluster.url],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=out,
                stderr=out,
            )
        self.stack.callback(_end, process)
        watcher = Watcher(process, log)
        wait_until(lambda: watcher.lines("events.connected"), "the watcher is connected")
        return watcher

    def leader(self, **environment: str) -> Watcher:
        watcher = self.join(**environment)
        wait_until(lambda: watcher.leads, "it leads")
        return watcher

    def kills(self, task_id: str) -> list[str]:
        """Return the outcomes that the journal has of the replacement of a task."""
        arguments = ("--actions", "-o", "json", "--zookeeper", self.zookeeper.url)
        entries = json.loads(self.cluster.pamesos("history", "quickstart", *arguments))
        kills = [e for e in entries if (e["action"], e["subject"]) == ("task.replaced", task_id)]
        return [str(entry["outcome"]).partition(":")[0] for entry in kills]

    def hang_a_node(self) -> str:
        victim = self.cluster.tasks(NODES)[0]
        self.cluster.signal_task(victim, signal.SIGSTOP)
        return victim

    def wait_for_successor_of(self, victim: str) -> None:
        wait_until(lambda: self._says_replaced(victim), "a watcher kills the task")
        # Awake again it ends on SIGTERM, and not when its kill grace of 10 s is over.
        wake(self.cluster, victim)
        wait_until(lambda: victim not in self.cluster.tasks(NODES), "the task is replaced")
        wait_until(lambda: is_whole(self.cluster), "the RM knows all nodes and no dead one")

    def _says_replaced(self, victim: str) -> bool:
        lines = [line for log in self.work.glob("watcher-*.log") for line in _lines(log)]
        return ("task.replaced", victim, "done") in [
            (line["event"], line.get("task_id"), line.get("outcome")) for line in lines
        ]


def _lines(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines() if line[:1] == "{"]


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture
def crew(cluster: QuickCluster, tmp_path: Path) -> Iterator[Crew]:
    with zookeeper_server(tmp_path, free_port()) as server, contextlib.ExitStack() as stack:
        wait_until(server.answers, "ZooKeeper answers")
        yield Crew(cluster, server, tmp_path, stack)


def test_another_watcher_takes_over_in_time_and_acts_once(crew):
    leader = crew.leader()
    other = crew.join()
    victim = crew.hang_a_node()

    leader.process.kill()
    killed_at = time.monotonic()
    wait_until(lambda: other.leads, "the other one leads", deadline_s=SESSION_S + 1)

    assert time.monotonic() - killed_at <= SESSION_S + 1
    crew.wait_for_successor_of(victim)
    assert crew.kills(victim) == ["done"]


def test_a_watcher_that_ends_well_hands_over_at_once(crew):
    leader, other = crew.leader(), crew.join()

    leader.process.send_signal(signal.SIGTERM)
    assert leader.process.wait(5) == 0

    wait_until(lambda: other.leads, "the other one leads", deadline_s=SESSION_S / 2)


def test_an_old_leader_does_not_act_late(crew):
    old = crew.leader(PAMESOS_TEST_BOUNDARY="after-intent:stop")
    new = crew.join()
    victim = crew.hang_a_node()

    wait_until(lambda: _is_stopped(old.process.pid), "the leader froze before it sent a kill")
    wait_until(lambda: new.leads, "the other one leads")
    crew.wait_for_successor_of(victim)
    old.process.send_signal(signal.SIGCONT)
    (late,) = wait_until(lambda: old.lines("task.replaced"), "the old leader says what it did")

    assert late["outcome"].startswith("not sent: ")
    assert crew.kills(victim) == ["lost", "done"]


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_nobody_acts_while_zookeeper_is_away(crew):
    watcher = crew.leader()
    crew.zookeeper.freeze()
    wait_until(lambda: not watcher.leads, "it steps down", deadline_s=SESSION_S + 1)
    victim = crew.hang_a_node()
    wait_until(lambda: _looks_dead(crew.cluster), "the RM calls a node down")
    grace_is_over = time.monotonic() + 3
    wait_until(lambda: time.monotonic() > grace_is_over, "a leader would have acted")

    assert victim in crew.cluster.tasks(NODES)
    assert watcher.lines("task.replaced") == []

    crew.zookeeper.thaw()
    crew.wait_for_successor_of(victim)
    assert crew.kills(victim) == ["done"]


def _looks_dead(cluster: QuickCluster) -> bool:
    return any(node.state.dead for node in cluster.rm_nodes())


def test_a_hold_in_zookeeper_is_heard_at_once_and_said_once(crew):
    watcher = crew.leader()
    at = ("--zookeeper", crew.zookeeper.url)

    crew.cluster.pamesos("hold", "--reason", "moving racks", *at)
    wait_until(lambda: _holds(watcher), "the hold is logged", deadline_s=3)
    # Whichever status: a node that an earlier test took may still be joining.
    assert "moving racks" in crew.cluster.pamesos("status", "quickstart", *at, status=None)
    before = len(_ends_of_holds(watcher))
    crew.cluster.pamesos("resume", *at)
    wait_until(lambda: len(_ends_of_holds(watcher)) > before, "its end is logged", deadline_s=3)

    assert len(_holds(watcher)) == 1


def _ends_of_holds(watcher: Watcher) -> list[dict[str, object]]:
    return [line for line in watcher.lines("notice.over") if line["subject"] == "hold"]


def _holds(watcher: Watcher) -> list[str]:
    reasons = [line["reason"] for line in watcher.lines("cluster.held")]
    return [reason for reason in reasons if reason.endswith("moving racks")]
