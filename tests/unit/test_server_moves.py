"""A scheduler that came back as another task, or elsewhere: row 7 of the watcher's table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pamesos.core import names
from pamesos.core.actions import Hold, KillTask, PreemptTask, RemoveRmNode, Wait
from pamesos.core.decide import Policy, decide
from pamesos.core.jobs import RunningTask
from pamesos.core.memory import Memory, note_preempt, remember
from pamesos.core.observed import AppView, GroupView, TaskView
from pamesos.core.rm import NodeState, RmNode
from pamesos.core.snapshot import ClusterSnapshot

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
POLICY = Policy(register_grace=timedelta(seconds=120), kills_per_minute=20)
NODES, SCHEDULER = "/small/default", "/small/scheduler"


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def node_task(number: int) -> TaskView:
    uuid = f"{number:08x}-e692-11f1-b2da-729e5334f0e6"
    return TaskView(f"small_default.instance-{uuid}._app.1", NODES, "TASK_RUNNING")


def rm_node(number: int) -> RmNode:
    return RmNode(f"pnp://10.0.0.7:31000/default-{number:08x}-1", NodeState.FREE)


def server(number: int, host: str = "agent-1", started: float = 0) -> TaskView:
    task_id = f"small_scheduler.instance-{number:08x}-e692-11f1-b2da-729e5334f0e6._app.1"
    return TaskView(task_id, SCHEDULER, "TASK_RUNNING", host, (8080, 64738), started_at=at(started))


def seen(
    scheduler: TaskView | None, nodes=range(20), rm=range(20), tasks=None, wanted: int = 20
) -> ClusterSnapshot:
    """A cluster of 20 nodes; ``rm`` are the numbers of those that the RM lists."""
    running = tuple(map(node_task, nodes))
    apps = (
        AppView(
            NODES,
            wanted,
            "v1",
            labels={names.LABEL_TIER: names.TIER_NODES, names.LABEL_NODE_SOURCE: "default"},
            tasks=running,
        ),
        AppView(
            SCHEDULER,
            1,
            "v1",
            labels={names.LABEL_TIER: names.TIER_SCHEDULER},
            tasks=(scheduler,) if scheduler else (),
        ),
    )
    listed = None if rm is None else tuple(map(rm_node, rm))
    return ClusterSnapshot(GroupView("/small", "v1", apps), rm_nodes=listed, workflow_tasks=tasks)


def lived(*looks: tuple[float, ClusterSnapshot], memory: Memory | None = None) -> Memory:
    known = memory or Memory()
    for seconds, snapshot in looks:
        known = remember(known, snapshot, POLICY.window, at(seconds))
    return known


def kinds(actions) -> list[str]:
    return [type(one).__name__ for one in actions]


#: The server is replaced and its RM lists only the nodes that found it again.
def after_restart(back, second: TaskView | None = None) -> Memory:
    second = second or server(2, started=10)
    return lived(
        (0, seen(server(1))), (5, seen(None, rm=None)), (40, seen(second, rm=back)), memory=None
    )


def test_nodes_that_found_their_server_again_are_left_alone():
    memory = after_restart(range(20))
    assert decide(seen(server(2)), memory, POLICY, at(500)) == ()


def test_most_nodes_that_did_not_come_back_are_replaced_a_few_at_a_time():
    memory = after_restart(range(4))
    snapshot = seen(server(2), rm=range(4))

    early = decide(snapshot, memory, POLICY, at(159))
    due = decide(snapshot, memory, POLICY, at(160))

    assert kinds(early) == ["Wait", "Wait"]
    assert kinds(due) == ["KillTask", "KillTask"]


def test_the_next_ones_wait_for_the_successors_of_the_last():
    memory = after_restart(range(4))
    nodes = [*range(18), 100, 101]  # 18 and 19 were replaced; their successors start
    snapshot = seen(server(2), nodes=nodes, rm=range(4))
    memory = lived((170, snapshot), memory=memory)

    (hold,) = decide(snapshot, memory, POLICY, at(170))

    assert isinstance(hold, Hold)
    assert hold.reason.startswith("14 nodes did not come back to the scheduler; 2 successors")


def test_a_registered_successor_makes_room_for_the_next():
    memory = after_restart(range(4))
    snapshot = seen(server(2), nodes=[*range(18), 100, 101], rm=[*range(4), 100])
    memory = lived((170, snapshot), memory=memory)

    assert kinds(decide(snapshot, memory, POLICY, at(170))) == ["KillTask"]


@pytest.mark.parametrize(
    "memory",
    [
        pytest.param(
            lived((0, seen(server(1))), (40, seen(server(1), rm=range(4)))), id="same-server"
        ),
        pytest.param(
            lived((0, seen(server(2), rm=range(4)))), id="the-watcher-knows-no-other-server"
        ),
        pytest.param(
            lived((200, seen(server(2), rm=range(4))), memory=after_restart(range(20))),
            id="they-had-come-back-and-went-later",
        ),
    ],
)
def test_without_a_restart_to_explain_it_a_mass_failure_is_held(memory):
    snapshot = seen(server(2), rm=range(4))
    assert kinds(decide(snapshot, memory, POLICY, at(900))) == ["Hold"]


OLD = RunningTask(7, "old", "default-00000001-1", at(-60))
NEW = RunningTask(8, "new", "default-00000002-1", at(200))
UNSTARTED = RunningTask(9, "unknown", "default-00000003-1", None)


def moved(host: str = "agent-2", tasks=(OLD, NEW, UNSTARTED), *, ready: float = 40) -> Memory:
    second = server(2, host, started=10)
    return lived((0, seen(server(1))), (5, seen(None, rm=None)), (ready, seen(second, tasks=tasks)))


ALL = (OLD, NEW, UNSTARTED)


@pytest.mark.parametrize(
    ("memory", "tasks", "seconds", "expected"),
    [
        pytest.param(moved(), ALL, 159, ["Wait"], id="nodes-have-their-time-first"),
        pytest.param(moved(), ALL, 160, ["PreemptTask"], id="what-stays-is-put-back"),
        pytest.param(moved("agent-1"), ALL, 500, [], id="the-same-address-finds-them"),
        pytest.param(moved(), (NEW, UNSTARTED), 500, [], id="what-began-later-is-healthy"),
        pytest.param(moved(), None, 500, [], id="unread"),
        pytest.param(note_preempt(moved(), OLD, at(160)), ALL, 165, [], id="never-twice"),
    ],
)
def test_workflow_tasks_of_a_server_that_moved(memory, tasks, seconds, expected):
    snapshot = seen(server(2, "agent-2", started=10), tasks=tasks)
    assert kinds(decide(snapshot, memory, POLICY, at(seconds))) == expected


def test_the_reason_names_the_new_address():
    snapshot = seen(server(2, "agent-2", started=10), tasks=(OLD,))
    (preempt,) = decide(snapshot, moved(), POLICY, at(200))

    assert preempt == PreemptTask(
        OLD, "it began before the scheduler moved to agent-2:8080,64738: its end cannot arrive"
    )


@pytest.mark.parametrize(
    ("tasks", "seconds", "still_moved"),
    [
        pytest.param((OLD,), 500, True, id="a-ghost-is-left"),
        pytest.param((NEW,), 100, True, id="too-early-to-be-sure"),
        pytest.param((NEW,), 160, False, id="none-is-left"),
        pytest.param(None, 500, True, id="unread-is-not-none"),
    ],
)
def test_a_move_is_over_when_none_of_its_tasks_is_left(tasks, seconds, still_moved):
    snapshot = seen(server(2, "agent-2", started=10), tasks=tasks)

    memory = lived((seconds, snapshot), memory=moved())

    assert memory.server.moved is still_moved


def test_a_scheduler_that_is_not_ready_gets_no_verdict():
    memory = moved()
    away = replace(seen(None, tasks=(OLD,)), rm_nodes=())
    memory = lived((300, away), memory=memory)

    actions = decide(away, memory, POLICY, at(300))

    assert kinds(actions) == ["Hold"]
    assert not any(isinstance(a, KillTask | PreemptTask | RemoveRmNode | Wait) for a in actions)
