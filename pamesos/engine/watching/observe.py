"""Reads of one cluster, kept small: only the apps that rang are read again."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from pamesos.core import names
from pamesos.core.observed import AppView, GroupView, QueueView
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.bell import Ring
from pamesos.errors import MarathonError


class MarathonReads(Protocol):
    """What is needed of a Marathon client to observe."""

    def find_group(self, group_id: str) -> GroupView | None: ...

    def find_app(self, app_id: str) -> AppView | None: ...

    def get_queue(self, *, offers: bool = False) -> tuple[QueueView, ...]: ...


class Observer:
    """Keeps the last view of one group and renews the parts that rang."""

    def __init__(self, group_id: str, marathon: MarathonReads) -> None:
        self._group_id = group_id
        self._marathon = marathon
        self._group: GroupView | None = None

    def observe(self, ring: Ring) -> ClusterSnapshot:
        """Return the cluster as Marathon shows it; unreadable is said, not guessed.

        ``group`` is a group without apps if Marathon has none of that id.
        """
        try:
            self._renew(ring)
            return ClusterSnapshot(group=self._group, queue=self._queue())
        except MarathonError as error:
            self._group = None  # what was missed is unknown: the next look reads everything
            return ClusterSnapshot(group=None, marathon_problem=error.problem)

    def _renew(self, ring: Ring) -> None:
        if ring.everything or self._group is None:
            found = self._marathon.find_group(self._group_id)
            self._group = found or GroupView(self._group_id, "")
            return
        for app_id in sorted(ring.apps):
            self._renew_app(self._group, app_id)

    def _renew_app(self, group: GroupView, app_id: str) -> None:
        fresh = self._marathon.find_app(app_id)
        others = [app for app in group.apps if app.id != app_id]
        apps = sorted([*others, *([fresh] if fresh else [])], key=lambda app: app.id)
        self._group = replace(group, apps=tuple(apps))

    def _queue(self) -> dict[str, QueueView]:
        # An app is only queued while it has fewer tasks than it wants: spare the call otherwise.
        apps = self._group.apps if self._group is not None else ()
        if all(app.running >= app.instances for app in apps):
            return {}
        ours = {app.id for app in apps}
        return {entry.app_id: entry for entry in self._marathon.get_queue() if entry.app_id in ours}


def rest_url(snapshot: ClusterSnapshot) -> str:
    """Return the REST address of the cluster's scheduler; empty if no label names one."""
    for app in snapshot.tier(names.TIER_SCHEDULER):
        return app.labels.get(names.LABEL_REST, "")
    return ""
