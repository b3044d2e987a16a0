"""The watcher's table, row by row: architecture.md, "What the watcher decides"."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pamesos.core import names
from pamesos.core.actions import GiveUp, Hold, KillTask, RemoveRmNode, ResetLaunchDelay, Wait
from pamesos.core.decide import Policy, decide
from pamesos.core.memory import Memory, note_give_up, note_kill, note_reset, remember
from pamesos.core.observed import (
    AppView,
    FailureView,
    GroupView,
    HealthResult,
    QueueView,
    TaskView,
)
from pamesos.core.rm import NodeState, RmNode
from pamesos.core.snapshot import ClusterSnapshot

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
POLICY = Policy(
    grace=timedelta(seconds=30),
    register_grace=timedelta(seconds=120),
    budget=2,
    window=timedelta(minutes=10),
    kills_per_minute=2,
)
NODES = "/small/default"


def task(number: int, state: str = "TASK_RUNNING", app: str = NODES, **more) -> TaskView:
    uuid = f"{number:08x}-e692-11f1-b2da-729e5334f0e6"
    stem = app.strip("/").replace("/", "_")
    return TaskView(id=f"{stem}.instance-{uuid}._app.1", app_id=app, state=state, **more)


def app(app_id: str, tier: str, tasks: tuple[TaskView, ...], **more) -> AppView:
    running = sum(one.running for one in tasks)
    labels = {names.LABEL_TIER: tier, names.LABEL_NODE_SOURCE: "default"}
    base = AppView(
        id=app_id, instances=len(tasks), version="v1", labels=labels, running=running, tasks=tasks
    )
    return replace(base, **more)


def rm_node(number: int, state: NodeState = NodeState.FREE, worker: int = 0) -> RmNode:
    return RmNode(f"pnp://10.0.0.7:31000/default-{number:08x}-1_{worker}", state)


ALIVE = (HealthResult(alive=True),)
DATABASE = app(
    "/small/database",
    names.TIER_DATABASE,
    (task(901, app="/small/database", health_results=ALIVE),),
    health_checks=1,
)
SCHEDULER = app(
    "/small/scheduler",
    names.TIER_SCHEDULER,
    (task(902, app="/small/scheduler", health_results=ALIVE),),
    health_checks=1,
)


def cluster(nodes: AppView, rm_nodes, **more) -> ClusterSnapshot:
    others = (more.pop("database", DATABASE), more.pop("scheduler", SCHEDULER))
    group = GroupView("/small", "v1", (*others, nodes))
    return ClusterSnapshot(group=group, rm_nodes=rm_nodes, **more)


def look(snapshot: ClusterSnapshot, *, seconds: float, memory: Memory | None = None):
    """Decide on a view that has looked the same for so many seconds."""
    known = remember(memory or Memory(), snapshot, POLICY.window, NOW - timedelta(seconds=seconds))
    known = remember(known, snapshot, POLICY.window, NOW)
    return decide(snapshot, known, POLICY, NOW)


def nodes(*tasks: TaskView, **more) -> AppView:
    return app(NODES, names.TIER_NODES, tasks, **more)


FOUR = tuple(task(number) for number in range(4))
THREE_UP = tuple(rm_node(number) for number in range(1, 4))
HUNG = (rm_node(0, NodeState.DOWN, 0), rm_node(0, NodeState.DOWN, 1), *THREE_UP)
UNHEALTHY = replace(
    SCHEDULER,
    tasks=(task(902, app="/small/scheduler", health_results=(HealthResult(alive=False),)),),
)


@pytest.mark.parametrize(
    ("snapshot", "seconds", "expected"),
    [
        pytest.param(cluster(nodes(*FOUR), HUNG), 30, [KillTask], id="8-down-at-grace"),
        pytest.param(cluster(nodes(*FOUR), HUNG), 29, [Wait], id="8-down-within-grace"),
        pytest.param(cluster(nodes(*FOUR), THREE_UP), 120, [KillTask], id="8-never-seen"),
        pytest.param(cluster(nodes(*FOUR), THREE_UP), 119, [Wait], id="8-may-still-register"),
        pytest.param(
            cluster(nodes(*FOUR), (rm_node(0, NodeState.LOST), *THREE_UP)),
            30,
            [KillTask],
            id="8-lost",
        ),
        pytest.param(
            cluster(nodes(*FOUR), (rm_node(0, NodeState.BUSY), *THREE_UP)), 999, [], id="busy"
        ),
        pytest.param(
            cluster(nodes(*FOUR), (rm_node(0, NodeState.DEPLOYING), *THREE_UP)),
            999,
            [],
            id="being-deployed-is-neither-alive-nor-dead",
        ),
        pytest.param(
            cluster(
                nodes(*FOUR),
                (rm_node(0, NodeState.DOWN, 0), rm_node(0, NodeState.FREE, 1), *THREE_UP),
            ),
            999,
            [],
            id="one-living-worker-proves-the-process",
        ),
        pytest.param(
            cluster(nodes(task(0, "TASK_UNREACHABLE"), *FOUR[1:]), HUNG),
            999,
            [],
            id="9-unreachable-is-left-alone",
        ),
        pytest.param(
            cluster(nodes(*FOUR, deployment_ids=("d-1",)), HUNG), 999, [Wait], id="2-deployment"
        ),
        pytest.param(cluster(nodes(*FOUR), None), 999, [Hold], id="1-rm-unreadable"),
        pytest.param(ClusterSnapshot(group=None), 999, [Hold], id="1-marathon-unreadable"),
        pytest.param(cluster(nodes(*FOUR), ()), 999, [Hold], id="1-all-look-broken"),
        pytest.param(
            cluster(nodes(*FOUR[:2]), ()), 999, [KillTask] * 2, id="1-two-of-two-is-no-mass"
        ),
        pytest.param(
            cluster(nodes(*FOUR), HUNG, scheduler=UNHEALTHY), 999, [Hold], id="6-scheduler-unready"
        ),
        pytest.param(
            cluster(nodes(*FOUR), HUNG, database=replace(DATABASE, tasks=())),
            999,
            [Hold],
            id="6-database-gone",
        ),
        pytest.param(
            cluster(nodes(task(0, "TASK_FAILED"), *FOUR[1:]), HUNG),
            999,
            [RemoveRmNode] * 2,
            id="12-dead-entries-of-a-failed-task",
        ),
        pytest.param(
            cluster(nodes(*FOUR[1:]), (RmNode("pnp://h:1/somebody_0", NodeState.DOWN), *THREE_UP)),
            999,
            [],
            id="12-a-foreign-entry-is-not-ours",
        ),
    ],
)
def test_the_table(snapshot, seconds, expected):
    assert [type(action) for action in look(snapshot, seconds=seconds)] == expected


def test_the_reason_names_what_was_seen_and_for_how_long():
    (kill,) = look(cluster(nodes(*FOUR), HUNG), seconds=31)

    assert kill == KillTask(NODES, FOUR[0].id, "task runs but the RM says DOWN for 31 s")


def test_a_task_that_was_killed_is_not_killed_again():
    memory = note_kill(Memory(), FOUR[0].id, NOW - timedelta(seconds=5))

    assert look(cluster(nodes(*FOUR), HUNG), seconds=60, memory=memory) == ()


def test_replacements_keep_to_the_rate_limit():
    many = tuple(task(number) for number in range(10))
    half = tuple(rm_node(number) for number in range(5, 10))

    actions = look(cluster(nodes(*many), half), seconds=999)

    assert [type(action) for action in actions] == [KillTask, KillTask, Wait, Wait, Wait]


def test_grace_starts_anew_when_the_rm_was_away():
    seen = cluster(nodes(*FOUR), HUNG)
    memory = remember(Memory(), seen, POLICY.window, NOW - timedelta(seconds=60))
    away = cluster(nodes(*FOUR), None)
    memory = remember(memory, away, POLICY.window, NOW - timedelta(seconds=30))

    memory = remember(memory, seen, POLICY.window, NOW)

    assert memory.suspects == {FOUR[0].id: NOW}


DELAYED = {NODES: QueueView(NODES, count=1, delay_s=64.0, overdue=False)}


def failing(count: int, state: str = "TASK_FAILED", snapshot=None):
    """Return what is decided after so many tasks of the app ended one after the other."""
    memory = remember(Memory(), cluster(nodes(*FOUR), ()), POLICY.window, NOW)
    for number in range(count):
        ended = nodes(task(100 + number, state), *FOUR[1:])
        memory = remember(memory, cluster(ended, THREE_UP), POLICY.window, NOW)
    return decide(snapshot or cluster(ended, THREE_UP, queue=DELAYED), memory, POLICY, NOW)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        pytest.param(failing(1), [ResetLaunchDelay], id="3-first-failure"),
        pytest.param(failing(2), [ResetLaunchDelay], id="3-last-of-the-budget"),
        pytest.param(failing(3), [GiveUp], id="4-budget-spent"),
        pytest.param(failing(9, "TASK_FINISHED"), [ResetLaunchDelay], id="finished-is-no-failure"),
        pytest.param(failing(9, "TASK_KILLED"), [ResetLaunchDelay], id="a-kill-is-no-failure"),
        pytest.param(
            failing(1, snapshot=cluster(nodes(*FOUR[1:]), THREE_UP)), [], id="3-not-queued"
        ),
        pytest.param(
            failing(
                1,
                snapshot=cluster(
                    nodes(*FOUR[1:]),
                    THREE_UP,
                    queue={NODES: QueueView(NODES, 1, 3.0, overdue=True)},
                ),
            ),
            [],
            id="3-delay-already-over",
        ),
        pytest.param(
            failing(
                1, snapshot=cluster(nodes(*FOUR[1:]), THREE_UP, queue=DELAYED, scheduler=UNHEALTHY)
            ),
            [Hold],
            id="6-no-reset-for-nodes-without-a-scheduler",
        ),
    ],
)
def test_launch_delays(actions, expected):
    assert [type(action) for action in actions] == expected


def test_a_delay_is_reset_once_for_each_failure():
    ended = cluster(nodes(task(100, "TASK_FAILED"), *FOUR[1:]), THREE_UP, queue=DELAYED)
    memory = remember(Memory(), ended, POLICY.window, NOW)
    assert [type(one) for one in decide(ended, memory, POLICY, NOW)] == [ResetLaunchDelay]

    memory = note_reset(memory, NODES)

    assert decide(ended, memory, POLICY, NOW) == ()


def test_a_health_kill_counts_as_a_failure_with_its_message():
    before = cluster(nodes(*FOUR), THREE_UP)
    killed = nodes(*FOUR, last_failure=FailureView("t-9", "TASK_KILLED", "health check failed"))
    memory = remember(Memory(), before, POLICY.window, NOW)

    memory = remember(memory, cluster(killed, THREE_UP), POLICY.window, NOW)

    assert [one.message for one in memory.app(NODES).failures] == ["health check failed"]


def test_a_failure_from_before_the_watch_is_history():
    old = nodes(*FOUR, last_failure=FailureView("t-9", "TASK_FAILED", "long ago"))

    memory = remember(Memory(), cluster(old, THREE_UP), POLICY.window, NOW)

    assert memory.app(NODES).failures == ()


@pytest.mark.parametrize(
    "version",
    [pytest.param("v1", id="same-definition"), pytest.param("v2", id="new-definition")],
)
def test_a_failure_that_left_the_window_is_not_counted_anew(version):
    before = cluster(nodes(*FOUR), THREE_UP)
    failure = FailureView("t-9", "TASK_FAILED", "once")
    memory = remember(Memory(), before, POLICY.window, NOW)
    seen = cluster(nodes(*FOUR, last_failure=failure), THREE_UP)
    memory = remember(memory, seen, POLICY.window, NOW)
    assert len(memory.app(NODES).failures) == 1

    later = cluster(nodes(*FOUR, last_failure=failure, version=version), THREE_UP)
    memory = remember(memory, later, POLICY.window, NOW + POLICY.window)
    memory = remember(memory, later, POLICY.window, NOW + POLICY.window + timedelta(seconds=1))

    assert memory.app(NODES).failures == ()


@pytest.mark.parametrize(
    ("after", "version", "given_up"),
    [
        pytest.param(timedelta(minutes=9), "v1", True, id="still-given-up"),
        pytest.param(timedelta(minutes=10), "v1", False, id="lifted-by-a-calm-window"),
        pytest.param(timedelta(0), "v2", False, id="lifted-by-a-new-definition"),
    ],
)
def test_giving_up_lasts_until_something_changes(after, version, given_up):
    calm = cluster(nodes(*FOUR), THREE_UP)
    memory = remember(Memory(), calm, POLICY.window, NOW)
    memory = note_give_up(memory, NODES, "crash loop")

    later = cluster(nodes(*FOUR, version=version), THREE_UP)
    memory = remember(memory, later, POLICY.window, NOW + after)

    assert bool(memory.app(NODES).gave_up) is given_up
