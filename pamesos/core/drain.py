"""Which node tasks go when some must, and when: row 13 of the table in architecture.md.

One step is a function of what is seen now and the time, so that it may be interrupted anywhere: a
node is locked first (it then gets no new workflow task), and its task is killed only once a later
look shows it locked and idle. At the deadline what it works on is put back to wait for another
node; killing the node under it could make its job fail.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pamesos.core import names
from pamesos.core.observed import AppView, TaskView
from pamesos.core.rm import NodeState, RmNode

#: How long after the deadline a node may take to let its task go.
LET_GO = timedelta(seconds=15)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_NO_WORK = frozenset({NodeState.FREE, NodeState.DOWN, NodeState.LOST})


class Use(enum.IntEnum):
    """What a task is good for at this moment; the lowest goes first."""

    #: The RM has no living node of it: no workflow task can be lost.
    NONE = 0
    IDLE = 1
    #: Busy, or in a state that may be: it is waited for.
    BUSY = 2
    #: Marathon cannot see it, or its nodes may bear names of their own: what it does is not known.
    UNKNOWN = 3


@dataclass(frozen=True)
class Candidate:
    """A task that may go, and the nodes that the RM lists for its process."""

    task: TaskView
    nodes: tuple[RmNode, ...] = ()
    #: Whether living nodes with names that pamesos did not give are on its host: a node source
    #: with a command of the user's own may have named them.
    has_strangers: bool = False

    @property
    def use(self) -> Use:
        if self.task.state == "TASK_UNREACHABLE":
            return Use.UNKNOWN
        if not self.urls:
            is_named = bool(self.nodes) or not self.task.running
            return Use.UNKNOWN if self.has_strangers and not is_named else Use.NONE
        return Use.IDLE if all(node.state in _NO_WORK for node in self.nodes) else Use.BUSY

    @property
    def urls(self) -> tuple[str, ...]:
        """The nodes that can be locked."""
        return tuple(node.url for node in self.nodes if not node.state.dead)

    @property
    def quiet(self) -> bool:
        """Whether it does nothing and will be given nothing."""
        if self.use > Use.IDLE:
            return False
        return all(node.locked or node.state.dead for node in self.nodes)

    @property
    def busy_nodes(self) -> tuple[str, ...]:
        return tuple(node.name for node in self.nodes if node.state not in _NO_WORK)


@dataclass(frozen=True)
class Step:
    """What to do now. ``kill`` and ``waits_for`` are of tasks, the locks of URLs in the RM."""

    lock: tuple[str, ...] = ()
    unlock: tuple[str, ...] = ()
    kill: tuple[Candidate, ...] = ()
    #: Chosen to go, and still at work.
    waits_for: tuple[Candidate, ...] = ()
    #: Locked and still at work when the deadline passed: their workflow tasks are to be put back.
    preempt: tuple[Candidate, ...] = ()
    #: Those of ``kill`` that are killed at work, because not even that helped.
    forced: tuple[Candidate, ...] = ()


def candidates(app: AppView, nodes: Sequence[RmNode]) -> tuple[Candidate, ...]:
    """Return the tasks of a node source that are not over, each with its nodes."""
    source = app.labels.get(names.LABEL_NODE_SOURCE, "")
    strangers = {
        node.host
        for node in nodes
        if not node.state.dead and names.source_of_process(names.process_of_node(node.name)) is None
    }
    by_process: dict[str, list[RmNode]] = {}
    for node in nodes:
        by_process.setdefault(names.process_of_node(node.name), []).append(node)
    return tuple(
        Candidate(
            task,
            tuple(by_process.get(names.node_name(source, task.id) or "", ())),
            has_strangers=task.host in strangers,
        )
        for task in app.tasks
        if not task.terminal
    )


def drain_step(
    live: Sequence[Candidate], count: int, ours: Set[str], now: datetime, deadline: datetime
) -> Step:
    """Return what to do so that ``count`` of these tasks go; ``ours`` are the URLs locked so far.

    Chosen are those that do no work, then idle ones, then busy ones; of equals those that are
    locked already, then the youngest, as Marathon does it. A busy one that was locked is released
    when another becomes idle.
    """
    chosen = sorted(live, key=lambda one: _rank(one, ours))[: max(0, count)]
    kept = {url for one in live if one not in chosen for url in one.urls}
    late = now >= deadline + LET_GO
    kill = tuple(one for one in chosen if one.quiet or late)
    left = tuple(one for one in chosen if one not in kill)
    return Step(
        lock=tuple(n.url for one in left for n in one.nodes if not (n.locked or n.state.dead)),
        unlock=tuple(sorted(kept & ours)),
        kill=kill,
        waits_for=tuple(one for one in left if one.use > Use.IDLE),
        preempt=tuple(one for one in left if one.use is Use.BUSY and now >= deadline),
        forced=tuple(one for one in kill if one.use > Use.IDLE),
    )


def _rank(one: Candidate, ours: Set[str]) -> tuple[int, bool, float, str]:
    locked = any(url in ours for url in one.urls)
    age = (one.task.staged_at or _LONG_AGO).timestamp()
    return (one.use, not locked, -age, one.task.id)


def batch_of(instances: int) -> int:
    """Return how many nodes of a source may be away at once while it is restarted: a quarter."""
    return max(1, instances // 4)
