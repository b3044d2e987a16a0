"""What breaks comes back without a human, on real processes, sockets and PostgreSQL."""

from __future__ import annotations

import json
import signal

import pytest

from pamesos.core import names
from tests.e2e.harness import NODES, wait_until

pytestmark = pytest.mark.timeout(180)
DATABASE, SCHEDULER = "/quickstart/database", "/quickstart/scheduler"


def alive_processes(cluster) -> set[str]:
    """Return the names of the node processes that the RM hears from; all entries must be alive."""
    nodes = cluster.rm_nodes()
    if not all(node.state.alive for node in nodes):
        return set()
    return {names.process_of_node(node.name) for node in nodes}


def is_whole(cluster) -> bool:
    """Whether the RM knows exactly the nodes of the running tasks, and no dead entry."""
    tasks = cluster.tasks(NODES)
    return len(tasks) == 3 and alive_processes(cluster) == {
        names.node_name("default", task) for task in tasks
    }


def test_a_killed_node_is_back_and_its_dead_entry_is_gone(cluster):
    with cluster.watched() as log:
        victim = cluster.tasks(NODES)[0]
        cluster.signal_task(victim, signal.SIGKILL)
        wait_until(lambda: victim not in cluster.tasks(NODES), "the task is replaced")
        wait_until(lambda: is_whole(cluster), "the RM knows all nodes and no dead one")
        process = names.node_name("default", victim)
        wait_until(
            lambda: process in removed_entries(log), "the watcher says what it removed and why"
        )


def removed_entries(log) -> str:
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return " ".join(e["url"] for e in entries if e["event"] == "rm_node.removed")


def test_a_hanging_node_is_replaced_although_marathon_calls_it_running(cluster):
    with cluster.watched() as log:
        victim = cluster.tasks(NODES)[0]
        cluster.signal_task(victim, signal.SIGSTOP)
        wait_until(lambda: victim not in cluster.tasks(NODES), "the task is replaced")
        wait_until(lambda: is_whole(cluster), "the RM knows all nodes and no dead one")
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        (kill,) = [entry for entry in entries if entry["event"] == "task.replaced"]
        assert kill["task_id"] == victim
        assert kill["outcome"] == "done"
        assert "DOWN" in kill["reason"]


def test_data_survives_a_replaced_database(cluster):
    job = cluster.run_workflow("hello.xml")["job"]
    before = cluster.tasks(DATABASE)
    cluster.signal_task(before[0], signal.SIGKILL)
    wait_until(lambda: cluster.tasks(DATABASE) not in ([], before), "the database is replaced")
    wait_until(cluster.is_up, "the cluster is up again")

    scheduler = cluster.tasks(SCHEDULER)
    cluster.signal_task(scheduler[0], signal.SIGKILL)
    wait_until(lambda: cluster.tasks(SCHEDULER) not in ([], scheduler), "so is the scheduler")
    wait_until(cluster.is_up, "the cluster is up again")

    assert cluster.job_state(job["id"]) == "FINISHED"


def test_nodes_are_left_alone_while_the_scheduler_is_away(cluster):
    with cluster.watched() as log:
        tasks = cluster.tasks(NODES)
        scheduler = cluster.tasks(SCHEDULER)
        cluster.signal_task(scheduler[0], signal.SIGKILL)
        wait_until(lambda: "cluster.held" in log.read_text(), "the watcher holds")
        wait_until(cluster.is_up, "the cluster is up again")
        wait_until(lambda: is_whole(cluster), "the nodes found their server again")

        assert cluster.tasks(NODES) == tasks
        assert "task.replaced" not in log.read_text()
