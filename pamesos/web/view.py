"""The board as an operator thinks of it: clusters, their tiers in order, what needs attention.

Values only; how they look is elsewhere. Nothing of an app's definition but its labels is shown:
its environment may hold secrets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from pamesos.core import names
from pamesos.core.actions import Wait
from pamesos.core.observed import AppView, GroupView
from pamesos.core.report import AppStatus, report, rest_url, rm_status, wanted_workers
from pamesos.core.rm import NodeState
from pamesos.core.snapshot import ClusterSnapshot, NodeTask
from pamesos.engine.watching.shown import BoardView, ClusterShow, ClusterState, StreamState
from pamesos.engine.watching.timeline import Deed
from pamesos.web.marks import BAD, ORDER, UNKNOWN, WARN, Mark, mark_of_app, mark_of_cluster
from pamesos.web.tasks import TaskRow, TaskTable, task_table

#: The tasks of nodes, by the id of their app.
Nodes = defaultdict[str, list[NodeTask]]
#: So many deeds of all clusters are on the first page.
_LATEST = 20


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
    worst_first = tuple(sorted(cards, key=lambda card: (ORDER.index(card.mark.level), card.name)))
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
        mark=mark_of_cluster(state, statuses),
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
    nodes = _nodes_by_app(state.snapshot)
    cards = {
        tier: tuple(_app(status, state, nodes, links) for status in statuses if status.tier == tier)
        for tier in titles
    }
    return tuple(TierCard(titles[tier], apps) for tier, apps in cards.items() if apps)


def _nodes_by_app(snapshot: ClusterSnapshot) -> Nodes:
    """Join tasks and RM entries once for all apps: with many node sources each join counts."""
    nodes: Nodes = defaultdict(list)
    for node in snapshot.node_tasks():
        nodes[node.app.id].append(node)
    return nodes


def _app(status: AppStatus, state: ClusterState, nodes: Nodes, links: Links) -> AppCard:
    return AppCard(
        name=status.name,
        mark=mark_of_app(status, state, nodes[status.app_id]),
        marathon=str(status.uptime),
        rm=_rm_words(status, state.snapshot, nodes[status.app_id]),
        link=links.app(status.app_id),
        addresses=status.addresses if status.tier != names.TIER_NODES else (),
        remarks=tuple(_remarks(status)),
    )


def _remarks(status: AppStatus) -> Iterator[str]:
    if status.waiting:
        yield status.waiting
    failure = status.last_failure
    told = status.waiting or ""
    if failure is not None and not status.up and failure.message not in told:
        where = f" on {failure.host}" if failure.host else ""
        yield f"last failure{where}: {failure.state}: {failure.message}"


def _rm_words(status: AppStatus, snapshot: ClusterSnapshot, nodes: list[NodeTask]) -> str:
    if status.tier == names.TIER_SCHEDULER:
        if snapshot.rm_nodes is None:
            return f"not readable: {snapshot.rm_problem}"
        return f"answers, lists {len(snapshot.rm_nodes)} nodes"
    if status.tier != names.TIER_NODES or snapshot.rm_nodes is None:
        return ""
    counts = _rm_counts(nodes)
    wanted = _wanted(status.app_id, snapshot)
    parts = [f"{counts['free']}/{wanted} free"]
    parts += [f"{counts[word]} {word}" for word in ("busy", "down", "not ready") if counts[word]]
    return ", ".join(parts)


def _rm_counts(nodes: list[NodeTask]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for node in nodes:
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
