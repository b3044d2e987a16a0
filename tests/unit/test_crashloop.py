"""A crash loop ends in a verdict that names its kind and shows what was counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pamesos.core import names
from pamesos.core.actions import BadAgent, GiveUp, ResetLaunchDelay
from pamesos.core.crashloop import Kind, bad_hosts, classify, explain_exit
from pamesos.core.decide import Policy, decide
from pamesos.core.memory import AppMemory, Failure, Memory, note_reset, remember
from pamesos.core.observed import AppView, FailureView, GroupView, QueueView, TaskView
from pamesos.core.snapshot import ClusterSnapshot

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
LONG = timedelta(minutes=2)
NODES = "/small/default"


def failure(number: int = 0, incarnation: int = 1, **more) -> Failure:
    uuid = f"{number:08x}-e692-11f1-b2da-729e5334f0e6"
    task_id = f"small_default.instance-{uuid}._app.{incarnation}"
    return Failure(task_id, NOW, **{"message": "boom", "host": "agent-1", "ran": LONG, **more})


def running(number: int, host: str = "agent-2") -> TaskView:
    return TaskView(failure(number).task_id, NODES, "TASK_RUNNING", host=host, started_at=NOW)


def app(instances: int = 3, *tasks: TaskView, tier: str = names.TIER_NODES) -> AppView:
    labels = {names.LABEL_TIER: tier, names.LABEL_NODE_SOURCE: "default"}
    return AppView(NODES, instances, "v1", labels=labels, tasks=tasks, running=len(tasks))


def several(count: int, **more) -> tuple[Failure, ...]:
    """One failure each on as many agents and instances."""
    return tuple(failure(n, **{"host": f"agent-{n}", **more}) for n in range(count))


CANNOT_JOIN = "Command exited with status 47"
OOM = "Container exceeded its memory limit: memory limit exceeded: Requested: 128MB"


@pytest.mark.parametrize(
    ("failures", "view", "expected"),
    [
        pytest.param(several(4, ran=timedelta(seconds=2)), app(), Kind.AT_START, id="at-start"),
        pytest.param(several(4, ran=timedelta(0)), app(), Kind.AT_START, id="never-seen-running"),
        pytest.param(
            several(4, ran=timedelta(seconds=31)), app(5), Kind.SLOW, id="31-s-is-no-start"
        ),
        pytest.param(
            several(4, ran=timedelta(seconds=63), message=CANNOT_JOIN),
            app(),
            Kind.AT_START,
            id="a-node-that-cannot-join-never-was-one",
        ),
        pytest.param(
            several(4, ran=timedelta(seconds=63), message=CANNOT_JOIN),
            app(5, tier=names.TIER_DATABASE),
            Kind.SLOW,
            id="47-means-nothing-of-a-database",
        ),
        pytest.param(several(4, message=OOM), app(), Kind.OUT_OF_MEMORY, id="memory-limit"),
        pytest.param(
            (*several(4, message=OOM), failure(9)), app(), Kind.OUT_OF_MEMORY, id="four-of-five"
        ),
        pytest.param(
            (*several(3, message=OOM), *several(2)),
            app(5),
            Kind.SLOW,
            id="three-of-five-are-no-pattern",
        ),
        pytest.param(
            tuple(failure(n) for n in range(4)),
            app(6, running(8), running(9)),
            Kind.ONE_AGENT,
            id="one-agent-while-others-run",
        ),
        pytest.param(
            tuple(failure(n) for n in range(4)),
            app(6, running(8, host="agent-1")),
            Kind.SLOW,
            id="there-is-no-other-agent-to-compare",
        ),
        pytest.param(
            tuple(failure(7, n, host=f"agent-{n}") for n in range(4)),
            app(),
            Kind.ONE_INSTANCE,
            id="always-the-same-instance",
        ),
        pytest.param(several(3), app(3), Kind.ALL_INSTANCES, id="each-instance"),
        pytest.param(several(3), app(4), Kind.SLOW, id="some-instances-now-and-then"),
        pytest.param(several(3, ran=None), app(1), Kind.SLOW, id="unknown-times-are-no-start"),
    ],
)
def test_the_kind_of_a_loop(failures, view, expected):
    assert classify(failures, view, WINDOW).kind is expected


def test_the_evidence_counts_explains_and_quotes():
    loop = classify(several(6, ran=LONG, message=CANNOT_JOIN), app(), WINDOW)

    assert str(loop) == (
        "crash loop, at start: 6 failures within 10 min; 6 of them before it did any work; "
        "6 × exit 47 (it cannot join the RM: address, network or node source); "
        "last: Command exited with status 47"
    )


@pytest.mark.parametrize(
    ("status", "tier", "expected"),
    [
        pytest.param(47, names.TIER_NODES, "cannot join", id="node-47"),
        pytest.param(101, names.TIER_NODES, "the RM is gone", id="node-101"),
        pytest.param(201, names.TIER_NODES, "credentials", id="node-201"),
        pytest.param(5, names.TIER_SCHEDULER, "database", id="server-5"),
        pytest.param(127, names.TIER_DATABASE, "not found", id="command-not-found"),
        pytest.param(137, names.TIER_SCHEDULER, "killed hard", id="killed"),
    ],
)
def test_exit_statuses_are_explained(status, tier, expected):
    assert expected in explain_exit(status, app(tier=tier))


def test_a_status_that_nobody_knows_is_left_bare():
    assert explain_exit(99, app()) == ""
    assert "1 × exit 99;" in str(
        classify((failure(message="Command exited with status 99"),), app(), WINDOW)
    )


@pytest.mark.parametrize(
    ("failures", "view", "blamed"),
    [
        pytest.param(3, app(6, running(9)), 1, id="enough-and-others-are-fine"),
        pytest.param(2, app(6, running(9)), 0, id="too-few"),
        pytest.param(3, app(6), 0, id="nothing-runs-elsewhere"),
        pytest.param(3, app(6, running(9, host="agent-1")), 0, id="runs-only-there"),
    ],
)
def test_an_agent_is_blamed_only_against_others(failures, view, blamed):
    found = bad_hosts([failure(n) for n in range(failures)], view, least=3)
    assert len(found) == blamed


def test_failures_elsewhere_too_are_not_the_agents_fault():
    mixed = [*(failure(n) for n in range(3)), failure(4, host="agent-3")]
    assert bad_hosts(mixed, app(6, running(9)), least=3) == ()


POLICY = Policy(budget=2, window=WINDOW)
DELAYED = {NODES: QueueView(NODES, count=1, delay_s=8.0, overdue=False)}


def decided(failures, *, at_reset: int = -1):
    view = app(6, running(9))
    memory = Memory(apps={NODES: AppMemory(failures, failures_at_reset=at_reset, version="v1")})
    snapshot = ClusterSnapshot(GroupView("/small", "v1", (view,)), queue=DELAYED, rm_nodes=())
    actions = decide(snapshot, memory, POLICY, NOW)
    return [one for one in actions if isinstance(one, BadAgent | GiveUp | ResetLaunchDelay)]


def test_a_bad_agent_does_not_eat_the_budget():
    (notice,) = decided(tuple(failure(n) for n in range(5)))

    assert isinstance(notice, BadAgent)
    assert (notice.app_id, notice.host) == (NODES, "agent-1")
    assert "5 failures within 10 min on agent-1, while 1 of its tasks run" in notice.reason
    assert '["hostname", "UNLIKE", "agent-1"]' in notice.reason


def test_a_failure_elsewhere_is_helped_beside_a_bad_agent():
    failures = (*(failure(n) for n in range(5)), failure(6, host="agent-3"))

    kinds = [type(one) for one in decided(failures, at_reset=5)]

    assert kinds == [BadAgent, ResetLaunchDelay]


def test_a_spent_budget_names_the_kind():
    (given_up,) = decided(several(3, ran=timedelta(seconds=1)))

    assert isinstance(given_up, GiveUp)
    assert given_up.reason.startswith("crash loop, at start: 3 failures within 10 min;")


def observed(*tasks: TaskView, last: FailureView | None = None) -> ClusterSnapshot:
    view = AppView(NODES, 1, "v1", tasks=tasks, last_failure=last)
    return ClusterSnapshot(GroupView("/small", "v1", (view,)), rm_nodes=())


def test_what_a_failure_was_is_put_together_from_both_places():
    one = running(1, host="agent-1")
    memory = remember(Memory(), observed(one), WINDOW, NOW)
    ended = TaskView(one.id, NODES, "TASK_FAILED", host="agent-1")  # Marathon shows no times
    last = FailureView(one.id, "TASK_FAILED", CANNOT_JOIN, "agent-1", NOW + timedelta(seconds=7))

    memory = remember(memory, observed(ended, last=last), WINDOW, NOW + timedelta(seconds=9))

    (found,) = memory.app(NODES).failures
    assert (found.message, found.host) == (CANNOT_JOIN, "agent-1")
    assert found.ran == timedelta(seconds=7)


def test_a_task_that_no_look_saw_running_failed_at_its_start():
    memory = remember(Memory(), observed(), WINDOW, NOW)
    ended = TaskView(failure(1).task_id, NODES, "TASK_FAILED", host="agent-1")

    memory = remember(memory, observed(ended), WINDOW, NOW)

    assert [one.ran for one in memory.app(NODES).failures] == [timedelta(0)]


def test_how_long_it_ran_is_unknown_at_the_first_look():
    ended = TaskView(failure(1).task_id, NODES, "TASK_FAILED", host="agent-1")

    memory = remember(Memory(), observed(ended), WINDOW, NOW)

    assert [one.ran for one in memory.app(NODES).failures] == [None]
    assert note_reset(memory, NODES).app(NODES).failures_at_reset == 1
