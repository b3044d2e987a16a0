"""Boards as watchers leave them: one cluster for each state that the status page knows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pamesos.clients.events import Connected
from pamesos.core import names
from pamesos.core.actions import BadAgent, GiveUp, Hold, Notice, Wait
from pamesos.core.memory import Memory
from pamesos.core.observed import AppView, FailureView, GroupView, HealthResult, TaskView
from pamesos.core.rm import NodeState, RmNode
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.bell import Ring
from pamesos.engine.watching.publish import Board
from pamesos.engine.watching.shown import ClusterState
from pamesos.engine.watching.timeline import Line

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
EVERYTHING = Ring(everything=True)
SECRET = "s3cret-of-the-environment"
#: A task's message is anybody's text.
EVIL = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"


class MemoryLines:
    """A place for a journal's lines that ends with the test."""

    def __init__(self, lines: list[Line] | None = None) -> None:
        self.lines = lines or []

    def append(self, line: Line) -> None:
        self.lines.append(line)

    def read(self) -> Iterator[Line]:
        return iter(self.lines)

    def close(self) -> None: ...


def task(app_id: str, number: int, state: str = "TASK_RUNNING") -> TaskView:
    uuid = f"{number:08x}-e692-11f1-b2da-729e5334f0e6"
    return TaskView(
        id=f"{app_id.strip('/').replace('/', '_')}.instance-{uuid}._app.1",
        app_id=app_id,
        state=state,
        host="10.0.0.7",
        ports=(31000 + number,),
        staged_at=NOW,
        started_at=NOW,
        health_results=(HealthResult(alive=True),),
    )


def app(app_id: str, tier: str, instances: int, running: int, **more) -> AppView:
    tasks = tuple(task(app_id, number) for number in range(running))
    labels = {
        names.LABEL_TIER: tier,
        names.LABEL_NODE_SOURCE: app_id.rpartition("/")[2],
        names.LABEL_WORKERS: "2",
    }
    if tier == names.TIER_SCHEDULER:
        labels[names.LABEL_REST] = "http://10.0.0.7:8080/rest"
    return AppView(
        id=app_id,
        instances=instances,
        version="2026-11-22T02:00:00Z",
        labels=labels,
        health_checks=1,
        running=running,
        tasks=tasks,
        definition={"env": {"DB_PASSWORD": SECRET}},
        **more,
    )


def group(name: str, *, wanted: int = 2, running: int = 2, **nodes) -> GroupView:
    apps = (
        app(f"/{name}/database", names.TIER_DATABASE, 1, 1),
        app(f"/{name}/default", names.TIER_NODES, wanted, running, **nodes),
        app(f"/{name}/scheduler", names.TIER_SCHEDULER, 1, 1),
    )
    return GroupView(f"/{name}", "2026-11-22T02:00:00Z", apps)


def rm_nodes(count: int, state: NodeState = NodeState.FREE) -> tuple[RmNode, ...]:
    return tuple(
        RmNode(f"pnp://10.0.0.7:{31000 + number}/default-{number:08x}-1_{worker}", state)
        for number in range(count)
        for worker in (0, 1)
    )


def state(
    name: str,
    snapshot: ClusterSnapshot,
    *notices: Notice,
    at: datetime = NOW,
    memory: Memory | None = None,
    **more,
) -> ClusterState:
    return ClusterState(
        f"/{name}", at, snapshot, memory or Memory(), tuple(notices), EVERYTHING, **more
    )


def whole(name: str) -> ClusterSnapshot:
    return ClusterSnapshot(group=group(name), rm_nodes=rm_nodes(2))


def every_state() -> list[ClusterState]:
    """Return a state of a cluster for each mark of the page; the names say which."""
    failure = FailureView("t", "TASK_FAILED", EVIL, host="10.0.0.7", at=NOW)
    crashing = ClusterSnapshot(
        group=group("given-up", running=0, last_failure=failure), rm_nodes=rm_nodes(0)
    )
    victim = task("/suspicious/default", 1).id
    suspicious = ClusterSnapshot(
        group=group("suspicious"),
        rm_nodes=(*rm_nodes(1), *rm_nodes(2, NodeState.DOWN)[2:]),
    )
    deploying = ClusterSnapshot(
        group=group("deploying", running=1, deployment_ids=("d-1",)), rm_nodes=rm_nodes(1)
    )
    return [
        state("up", whole("up")),
        state("not-whole", ClusterSnapshot(group=group("not-whole", running=1), rm_nodes=())),
        state("deploying", deploying),
        state(
            "held",
            ClusterSnapshot(group=group("held"), rm_problem="connection refused"),
            Hold("nodes are left alone: the RM cannot be read: connection refused"),
        ),
        state("given-up", crashing, GiveUp("/given-up/default", f"crash loop: {EVIL}")),
        state(
            "suspicious",
            suspicious,
            Wait(victim, NOW, "task runs but the RM says DOWN for 12 s"),
            memory=Memory(suspects={victim: NOW}),
        ),
        state(
            "bad-agent",
            whole("bad-agent"),
            BadAgent("/bad-agent/default", "host-3", "4 of 4 failures were on host-3"),
        ),
        state("unreadable", ClusterSnapshot(None, marathon_problem="Marathon gave no answer")),
        state("empty", ClusterSnapshot(group=GroupView("/empty", ""))),
        state("standby", whole("standby"), standby="the watcher on host-2 acts"),
    ]


def full_board() -> Board:
    """Return a board with every state, a journal, and one cluster that was not read yet."""
    board = Board(clock=lambda: NOW + timedelta(seconds=5))
    board.hear(Connected("http://127.0.0.1:8080", first=True))
    lines = board.listen_to(MemoryLines([intent("old", "task.replaced", "/up")]))
    list(lines.read())
    board.watch("/unread")
    for one in every_state():
        board.watch(one.group_id)
        board.publish(one)
    lines.append(intent("a", "task.replaced", "/up", reason=EVIL))
    lines.append(outcome("a", "done"))
    lines.append(intent("b", "launch_delay.reset", "/up"))
    lines.append(outcome("b", "failed: Marathon gave no answer"))
    lines.append(intent("c", "rm_node.removed", "/up"))
    lines.append(outcome("c", "not needed: the RM does not know the node"))
    lines.append(intent("d", "node.drained", "/up"))
    return board


def intent(an_id: str, action: str, cluster: str, reason: str = "DOWN for 31 s") -> Line:
    return {
        "id": an_id,
        "at": NOW.isoformat(),
        "phase": "intent",
        "action": action,
        "cluster": cluster,
        "app_id": f"{cluster}/default",
        "task_id": task(f"{cluster}/default", 1).id,
        "reason": reason,
    }


def outcome(an_id: str, text: str) -> Line:
    return {"id": an_id, "at": NOW.isoformat(), "phase": "outcome", "outcome": text}
