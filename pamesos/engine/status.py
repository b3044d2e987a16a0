"""Looks once: at a cluster in Marathon and in its Resource Manager, or at all clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from pamesos.clients.marathon import MarathonClient
from pamesos.core import names
from pamesos.core.observed import GroupView
from pamesos.core.report import (
    ClusterStatus,
    RmStatus,
    report,
    rest_url,
    rm_status,
)
from pamesos.core.rm import RmNode
from pamesos.errors import ProActiveError


class ResourceManager(Protocol):
    """The one thing that is asked of a ProActive client."""

    def get_nodes(self) -> tuple[RmNode, ...]: ...

    def close(self) -> None: ...


#: Makes a client of a REST address.
Connect = Callable[[str], ResourceManager]


def status_of(client: MarathonClient, group: GroupView, connect: Connect | None) -> ClusterStatus:
    """Return the status of a group that was just read; ``connect`` None leaves the RM out."""
    queue = {entry.app_id: entry for entry in client.get_queue(offers=True)}
    deployments = client.get_deployments()
    rm = _look_at_rm(group, connect) if connect is not None else None
    return report(group, deployments, queue, datetime.now(UTC), rm)


def _look_at_rm(group: GroupView, connect: Connect) -> RmStatus | None:
    """Ask the RM; that it cannot be read is an answer, and no node is called broken for it."""
    url = rest_url(group)
    if url is None:
        return None
    schedulers = [app for app in group.apps if names.LABEL_REST in app.labels]
    if not any(app.running_tasks() for app in schedulers):
        return RmStatus(url, problem="the scheduler does not run")
    try:
        client = connect(url)
        try:
            return rm_status(group, url, client.get_nodes())
        finally:
            client.close()
    except ProActiveError as error:
        return RmStatus(url, problem=str(getattr(error, "detail", error.problem)))


@dataclass(frozen=True)
class ClusterLine:
    """One line of the list of clusters."""

    name: str
    group_id: str
    status: ClusterStatus


def clusters(client: MarathonClient) -> list[ClusterLine]:
    """Return all clusters: groups of apps that carry the label ``org.pamesos.cluster``."""
    root = client.get_group("/")
    deployments = client.get_deployments()
    apps_of: dict[str, list[str]] = {}
    for app in root.apps:
        name = app.labels.get(names.LABEL_CLUSTER)
        if name:
            apps_of.setdefault(name, []).append(app.id)
    now = datetime.now(UTC)
    lines = []
    for name, ids in sorted(apps_of.items()):
        group_id = names.group_id(name)
        apps = tuple(app for app in root.apps if app.id in ids)
        group = GroupView(group_id, max(app.version for app in apps), apps)
        lines.append(ClusterLine(name, group_id, report(group, deployments, {}, now, None)))
    return lines
