"""How a cluster and its apps are, in one word each: what the page puts beside every colour."""

from __future__ import annotations

from dataclasses import dataclass

from pamesos.core import names
from pamesos.core.actions import Wait
from pamesos.core.report import AppStatus
from pamesos.core.snapshot import NodeTask
from pamesos.engine.watching.shown import ClusterState

#: Levels of a mark, best first; each has a word beside its colour.
OK, BUSY, WARN, BAD, UNKNOWN = "ok", "busy", "warn", "bad", "unknown"
#: In the order of the page.
ORDER = (BAD, WARN, UNKNOWN, BUSY, OK)


@dataclass(frozen=True)
class Mark:
    """A state as a word and a level."""

    word: str
    level: str


def mark_of_cluster(state: ClusterState | None, statuses: tuple[AppStatus, ...]) -> Mark:
    """Return how a cluster is; ``statuses`` of its apps."""
    if state is None:
        return Mark("not read yet", UNKNOWN)
    if state.snapshot.group is None:
        return Mark("cannot be read", UNKNOWN)
    if not statuses:
        return Mark("no apps", UNKNOWN)
    return _mark_of_seen(state, statuses)


def _mark_of_seen(state: ClusterState, statuses: tuple[AppStatus, ...]) -> Mark:
    """First match wins: what a human must do something about comes first."""
    marks = (
        (bool(state.give_ups), Mark("given up", BAD)),
        (bool(state.bad_agents), Mark("bad agent", BAD)),
        (bool(state.holds), Mark("held", WARN)),
        (any(status.deployment_ids for status in statuses), Mark("deploying", BUSY)),
        (not all(status.up for status in statuses), Mark("not whole", WARN)),
        (_has_suspects(state), Mark("suspicious", WARN)),
    )
    return next((mark for applies, mark in marks if applies), Mark("up", OK))


def _has_suspects(state: ClusterState) -> bool:
    return any(isinstance(notice, Wait) for notice in state.notices)


def mark_of_app(status: AppStatus, state: ClusterState, nodes: list[NodeTask]) -> Mark:
    """Return how one app is; ``nodes`` are its tasks if it is a node source."""
    if any(notice.app_id == status.app_id for notice in state.give_ups):
        return Mark("given up", BAD)
    if status.deployment_ids:
        return Mark("deploying", BUSY)
    if not status.up:
        return Mark("not up", WARN)
    if status.tier == names.TIER_SCHEDULER and state.snapshot.rm_nodes is None:
        return Mark("RM not readable", WARN)
    rm_known = state.snapshot.rm_nodes is not None
    if rm_known and not all(node.known for node in nodes):
        return Mark("nodes missing", WARN)
    return Mark("up", OK) if status.uptime.wanted else Mark("stopped", UNKNOWN)
