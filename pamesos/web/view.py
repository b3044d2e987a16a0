"""The board as an operator thinks of it: clusters, their tiers in order, what needs attention.

Values only; how they look is elsewhere. Nothing of an app's definition but its labels is shown:
its environment may hold secrets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from pamesos.core import names
from pamesos.core.actions import Wait
from pamesos.core.observed import AppView, GroupView
from pamesos.core.report import AppStatus, report, rest_url, rm_status, wanted_workers
from pamesos.core.rm import NodeState
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.shown import BoardView, ClusterShow, ClusterState, StreamState
from pamesos.engine.watching.timeline import Deed
from pamesos.web.tasks import TaskRow, TaskTable, task_table

#: Levels of a mark, best first; each has a word beside its colour.
OK, BUSY, WARN, BAD, UNKNOWN = "ok", "busy", "warn", "bad", "unknown"
_ORDER = (BAD, WARN, UNKNOWN, BUSY, OK)
#: So many deeds of all clusters are on the first page.
_LATEST = 20


@dataclass(frozen=True)
class Mark:
    """A state as a word and a level."""

    word: str
    level: str


@dataclass(frozen=True)
class Links:
    """Where the real things are. ``marathon`` is an address without credentials."""

    marathon: str
    version: str

    def group(self, group_id: str) -> str:
        return f"{_base(self.marathon)}/ui/#/group/{quote(group_id, safe='')}"

    def app(self, app_id: str) -> str:
        return f"{_base(self.marathon)}/ui/#/apps/{quote(app_id, safe='')}"


@dataclass(frozen=True)
class AppCard:
    """One app: Marathon's word beside the RM's (empty if the RM has none on it)."""

    name: str
    mark: Mark
    marathon: str
    rm: str
    link: str
    addresses: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class TierCard:
    """The apps of one tier, or apps without a tier."""

    title: str
    apps: tuple[AppCard, ...]


@dataclass(frozen=True)
class ClusterCard:
    """One cluster; ``tasks`` only where it is shown in detail."""

    name: str
    mark: Mark
    summary: str
    at: datetime | None
    tiers: tuple[TierCard, ...]
    attention: tuple[tuple[Mark, str, str], ...]
    marathon: str
    portal: str
    stand_in: bool
    deeds: tuple[Deed, ...]
    tasks: TaskTable | None = None


@dataclass(frozen=True)
class PageView:
    """All that a page may show."""

    at: datetime
    started_at: datetime
    stream: StreamState
    links: Links
    clusters: tuple[ClusterCard, ...]
    latest: tuple[Deed, ...]


def show(view: BoardView, links: Links, *, detailed: str | None = None) -> PageView:
    """Return what the pages show; the cluster named ``detailed`` comes with its tasks."""
    cards = tuple(
        _cluster(one, view.at, links, detailed=cluster_name(one.group_id) == detailed)
        for one in view.clusters
    )
    deeds = sorted(
        (deed for one in view.clusters for deed in one.deeds), key=lambda d: d.at, reverse=True
    )
    worst_first = tuple(sorted(cards, key=lambda card: (_ORDER.index(card.mark.level), card.name)))
    latest = tuple(deeds[:_LATEST])
    return PageView(view.at, view.started_at, view.stream, links, worst_first, latest)


def cluster_name(group_id: str) -> str:
    return group_id.strip("/")


def _cluster(one: ClusterShow, now: datetime, links: Links, *, detailed: bool) -> ClusterCard:
    state = one.state
    group = state.snapshot.group if state else None
    rest = (rest_url(group) or "") if group else ""
    statuses = report(group, (), state.snapshot.queue, now, None).apps if state and group else ()
    return ClusterCard(
        name=cluster_name(one.group_id),
        mark=_mark(state, statuses),
        summary=_summary(state, group),
        at=state.at if state else None,
        tiers=_tiers(state, statuses, links) if state else (),
        attention=tuple(_attention(state)) if state else (),
        marathon=links.group(one.group_id),
        portal=_base(rest).removesuffix("/rest") + "/" if rest else "",
        stand_in=group is not None and any(_is_stand_in(app) for app in group.apps),
        deeds=one.deeds,
        tasks=task_table(state.snapshot, state.memory) if detailed and state else None,
    )


def _is_stand_in(app: AppView) -> bool:
    return app.labels.get(names.LABEL_STAND_IN) == "true"


def _mark(state: ClusterState | None, statuses: tuple[AppStatus, ...]) -> Mark:
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


def _summary(state: ClusterState | None, group: GroupView | None) -> str:
    if state is None:
        return "The watcher has not read it yet."
    if group is None:
        return state.snapshot.marathon_problem
    url = rest_url(group)
    tasks = sum(app.instances for app in state.snapshot.tier(names.TIER_NODES))
    running = sum(len(app.running_tasks()) for app in state.snapshot.tier(names.TIER_NODES))
    marathon = f"Marathon: {running} of {tasks} node tasks run."
    if url is None:
        return marathon
    if state.snapshot.rm_nodes is None:
        return f"{marathon} RM: not readable ({state.snapshot.rm_problem})."
    return f"{marathon} RM: {rm_status(group, url, state.snapshot.rm_nodes)}."


def _tiers(
    state: ClusterState, statuses: tuple[AppStatus, ...], links: Links
) -> tuple[TierCard, ...]:
    titles = {
        names.TIER_DATABASE: "Database",
        names.TIER_SCHEDULER: "Scheduler",
        names.TIER_NODES: "Node sources",
        None: "Other apps",
    }
    cards = {
        tier: tuple(_app(status, state, links) for status in statuses if status.tier == tier)
        for tier in titles
    }
    return tuple(TierCard(titles[tier], apps) for tier, apps in cards.items() if apps)


def _app(status: AppStatus, state: ClusterState, links: Links) -> AppCard:
    return AppCard(
        name=status.name,
        mark=_app_mark(status, state),
        marathon=str(status.uptime),
        rm=_rm_words(status, state.snapshot),
        link=links.app(status.app_id),
        addresses=status.addresses if status.tier != names.TIER_NODES else (),
        remarks=tuple(_remarks(status)),
    )


def _app_mark(status: AppStatus, state: ClusterState) -> Mark:
    if any(notice.app_id == status.app_id for notice in state.give_ups):
        return Mark("given up", BAD)
    if status.deployment_ids:
        return Mark("deploying", BUSY)
    if not status.up:
        return Mark("not up", WARN)
    if status.tier == names.TIER_SCHEDULER and state.snapshot.rm_nodes is None:
        return Mark("RM not readable", WARN)
    if status.tier == names.TIER_NODES and _unseen(status, state.snapshot):
        return Mark("nodes missing", WARN)
    return Mark("up", OK) if status.uptime.wanted else Mark("stopped", UNKNOWN)


def _remarks(status: AppStatus) -> Iterator[str]:
    if status.waiting:
        yield status.waiting
    failure = status.last_failure
    told = status.waiting or ""
    if failure is not None and not status.up and failure.message not in told:
        where = f" on {failure.host}" if failure.host else ""
        yield f"last failure{where}: {failure.state}: {failure.message}"


def _rm_words(status: AppStatus, snapshot: ClusterSnapshot) -> str:
    if status.tier == names.TIER_SCHEDULER:
        if snapshot.rm_nodes is None:
            return f"not readable: {snapshot.rm_problem}"
        return f"answers, lists {len(snapshot.rm_nodes)} nodes"
    if status.tier != names.TIER_NODES or snapshot.rm_nodes is None:
        return ""
    counts = _rm_counts(status.app_id, snapshot)
    wanted = _wanted(status.app_id, snapshot)
    parts = [f"{counts['free']}/{wanted} free"]
    parts += [f"{counts[word]} {word}" for word in ("busy", "down", "not ready") if counts[word]]
    return ", ".join(parts)


def _rm_counts(app_id: str, snapshot: ClusterSnapshot) -> Counter[str]:
    counts: Counter[str] = Counter()
    for node in snapshot.node_tasks():
        if node.app.id == app_id:
            counts.update(_RM_WORDS.get(entry.state, "not ready") for entry in node.entries)
    return counts


_RM_WORDS = {
    NodeState.FREE: "free",
    NodeState.BUSY: "busy",
    NodeState.DOWN: "down",
    NodeState.LOST: "down",
}


def _wanted(app_id: str, snapshot: ClusterSnapshot) -> int:
    apps = tuple(app for app in snapshot.apps if app.id == app_id)
    return wanted_workers(GroupView(app_id, "", apps))


def _unseen(status: AppStatus, snapshot: ClusterSnapshot) -> bool:
    if snapshot.rm_nodes is None:
        return False
    return any(n.app.id == status.app_id and not n.known for n in snapshot.node_tasks())


def _attention(state: ClusterState) -> Iterator[tuple[Mark, str, str]]:
    """Yield mark, subject and reason of what does not go by itself, the gravest first."""
    if state.standby:
        yield Mark("standby", UNKNOWN), "this watcher", state.standby
    for give_up in state.give_ups:
        yield Mark("given up", BAD), give_up.app_id, give_up.reason
    for bad in state.bad_agents:
        yield Mark("bad agent", BAD), f"{bad.app_id} on {bad.host}", bad.reason
    for hold in state.holds:
        yield Mark("held", WARN), "the whole cluster", hold.reason
    for notice in state.notices:
        if isinstance(notice, Wait):
            yield Mark("suspected", WARN), notice.subject, notice.reason


def _base(url: str) -> str:
    return url.rstrip("/")


__all__ = ["AppCard", "ClusterCard", "Links", "Mark", "PageView", "TaskRow", "TierCard", "show"]
