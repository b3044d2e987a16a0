"""What ``pamesos status`` says: Marathon's view and the RM's side by side, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pamesos.core import names
from pamesos.core.observed import (
    AppView,
    DeploymentView,
    FailureView,
    GroupView,
    QueueView,
    TaskView,
)
from pamesos.core.rm import NodeState, RmNode
from pamesos.core.selection import display_name, tier_of
from pamesos.core.uptime import SETTLE, Settling, Uptime, measure
from pamesos.core.waiting import why_not_up


@dataclass(frozen=True)
class AppStatus:
    """One app. ``since``: when the youngest of its running tasks started."""

    app_id: str
    name: str
    tier: str | None
    uptime: Uptime
    up: bool
    since: datetime | None
    addresses: tuple[str, ...]
    changed_at: str
    deployment_ids: tuple[str, ...]
    waiting: str | None
    last_failure: FailureView | None
    tasks: tuple[TaskView, ...]


@dataclass(frozen=True)
class RmStatus:
    """The RM's side; ``problem`` says why nothing is known (then all counts are 0)."""

    url: str | None
    wanted: int = 0
    free: int = 0
    busy: int = 0
    other: int = 0
    dead: int = 0
    problem: str | None = None

    @property
    def up(self) -> bool:
        """Whether every worker that should be there is free or busy."""
        return self.problem is None and self.free + self.busy >= self.wanted

    def __str__(self) -> str:
        """Return ``6/6 free`` or what is different from that."""
        if self.problem is not None:
            return f"not readable ({self.problem})"
        parts = [f"{self.free}/{self.wanted} free"]
        counts = ((self.busy, "busy"), (self.other, "not ready"), (self.dead, "down"))
        return ", ".join(parts + [f"{count} {word}" for count, word in counts if count])


@dataclass(frozen=True)
class ClusterStatus:
    """A whole group; ``rm`` is None for a group without a ProActive scheduler."""

    group_id: str
    version: str
    stand_in: bool
    apps: tuple[AppStatus, ...]
    deployments: tuple[DeploymentView, ...]
    rm: RmStatus | None

    @property
    def up(self) -> bool:
        """Whether all apps are up, no deployment runs, and the RM has its nodes (if readable)."""
        rm_up = self.rm is None or self.rm.up
        return bool(self.apps) and all(app.up for app in self.apps) and rm_up

    @property
    def nodes(self) -> tuple[int, int]:
        """Running and wanted tasks of the nodes tier."""
        nodes = [app.uptime for app in self.apps if app.tier == names.TIER_NODES]
        return sum(uptime.ready for uptime in nodes), sum(uptime.wanted for uptime in nodes)


def report(
    group: GroupView,
    deployments: tuple[DeploymentView, ...],
    queue: Mapping[str, QueueView],
    now: datetime,
    rm: RmStatus | None,
) -> ClusterStatus:
    """Put together what was read. Apps come in order of dependency: database first."""
    ids = {app.id for app in group.apps}
    uptimes = {app.id: _uptime(app, now) for app in group.apps}
    down = frozenset(app_id for app_id, uptime in uptimes.items() if not uptime.up)
    mine = tuple(d for d in deployments if not ids.isdisjoint(d.affected_apps))
    return ClusterStatus(
        group_id=group.id,
        version=group.version,
        stand_in=any(app.labels.get(names.LABEL_STAND_IN) == "true" for app in group.apps),
        apps=tuple(
            _app_status(
                app, group.id, uptimes[app.id], why_not_up(app, uptimes[app.id], queue, down)
            )
            for app in _in_order(group)
        ),
        deployments=mine,
        rm=rm,
    )


def _in_order(group: GroupView) -> list[AppView]:
    order = {tier: index for index, tier in enumerate(names.TIERS)}
    return sorted(group.apps, key=lambda app: (order.get(tier_of(app) or "", -1), app.id))


def _uptime(app: AppView, now: datetime) -> Uptime:
    """Measure an app at one look; a task without checks must have started a moment ago at least.

    ``startedAt`` is another machine's clock: a start in the future counts as long past.
    """
    starts = {task.id: task.started_at for task in app.tasks if task.started_at is not None}
    young = {task_id: at for task_id, at in starts.items() if timedelta() <= now - at < SETTLE}
    before = frozenset(task.id for task in app.tasks if task.id not in young)
    return measure(app, now, Settling(young, before))


def _app_status(app: AppView, group_id: str, uptime: Uptime, why_not: str) -> AppStatus:
    starts = [t.started_at for t in app.running_tasks() if t.started_at is not None]
    return AppStatus(
        app_id=app.id,
        name=display_name(app, group_id),
        tier=tier_of(app),
        uptime=uptime,
        up=uptime.up,
        since=max(starts, default=None),
        addresses=tuple(_address(task) for task in app.running_tasks()),
        changed_at=app.last_config_change_at,
        deployment_ids=app.deployment_ids,
        waiting=None if uptime.up else why_not,
        last_failure=app.last_failure,
        tasks=app.tasks,
    )


def _address(task: TaskView) -> str:
    port = f":{task.ports[0]}" if task.ports else ""
    return f"{task.host or '?'}{port}"


def wanted_workers(group: GroupView) -> int:
    """Return how many RM nodes the group should have: tasks times workers of each."""
    return sum(
        app.instances * _workers(app) for app in group.apps if tier_of(app) == names.TIER_NODES
    )


def _workers(app: AppView) -> int:
    text = app.labels.get(names.LABEL_WORKERS, "1")
    return int(text) if text.isdigit() else 1


def rest_url(group: GroupView) -> str | None:
    """Return the REST address that the scheduler's label gives; None without one."""
    for app in group.apps:
        url = app.labels.get(names.LABEL_REST)
        if url:
            return url
    return None


def rm_status(group: GroupView, url: str, nodes: tuple[RmNode, ...]) -> RmStatus:
    """Count RM nodes by the tasks they belong to.

    A node whose task Marathon has replaced may still be Free in the RM (stack.md, 5), so only
    those of running tasks count; entries of tasks that are gone count as down.
    """
    processes = {
        names.node_name(app.labels.get(names.LABEL_NODE_SOURCE, ""), task.id)
        for app in group.apps
        for task in app.running_tasks()
    }
    free = busy = other = dead = 0
    for node in nodes:
        mine = names.process_of_node(node.name) in processes
        if node.state.dead:
            dead += 1
        elif mine and node.state is NodeState.FREE:
            free += 1
        elif mine and node.state is NodeState.BUSY:
            busy += 1
        elif mine:
            other += 1
    return RmStatus(url, wanted_workers(group), free, busy, other, dead)
