"""Keeps a set of apps freshly read: events say which one to read again, never what it is.

Rings that arrive together are read once, and there is never more than one read in flight. A slow
full read makes lost events harmless.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pamesos.clients.events import Connected, Disconnected, Event, EventStream, Item
from pamesos.clients.marathon import MarathonClient
from pamesos.core.observed import AppView, DeploymentView

Clock = Callable[[], datetime]

#: A full read at least this often while somebody waits for a verdict.
SLOW_READ = timedelta(seconds=5)
#: Without an event stream reads are the only eyes.
BLIND_READ = timedelta(seconds=1)
#: From so many rung apps on, one read of the group is cheaper than one of each.
MANY = 4
#: The stream is a convenience, not a condition: nobody waits longer for it.
STREAM_PATIENCE_S = 3.0
_FAILED = frozenset({"TASK_FAILED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED", "TASK_GONE"})


def steady_clock() -> Clock:
    """Return a clock in UTC that no correction of the system's time moves."""
    started, began = datetime.now(UTC), time.monotonic()
    return lambda: started + timedelta(seconds=time.monotonic() - began)


@dataclass(frozen=True)
class FailedDeployment:
    """``deployment_failed``: said once, and not to be read anywhere afterwards."""

    at: datetime
    reason: str


@dataclass
class Rings:
    """What rang since the last look."""

    apps: set[str] = field(default_factory=set)
    deployments: bool = False
    everything: bool = False

    def __bool__(self) -> bool:
        return bool(self.apps) or self.deployments or self.everything


class Bell:
    """Collects rings from the stream's thread for the one thread that reads."""

    def __init__(self, app_ids: Iterable[str], clock: Clock) -> None:
        self._app_ids = frozenset(app_ids)
        self._clock = clock
        self._condition = threading.Condition()
        self._rings = Rings()
        self.connected = False
        self.failed_tasks: dict[str, set[str]] = {}
        self.failed_deployments: dict[str, FailedDeployment] = {}

    def hear(self, item: Item) -> None:
        """Take one item of the event stream."""
        with self._condition:
            self._take(item)
            if self._rings:
                self._condition.notify()

    def wait(self, timeout_s: float) -> Rings:
        """Return what rang, at once if something did; empty after the time."""
        with self._condition:
            if not self._rings:
                self._condition.wait(max(0.0, timeout_s))
            rings, self._rings = self._rings, Rings()
            return rings

    def _take(self, item: Item) -> None:
        if isinstance(item, Connected):
            self.connected = True
            self._rings.everything = True
        elif isinstance(item, Disconnected):
            self.connected = False
        elif item.type.startswith(("deployment_", "group_change_")):
            self._take_deployment(item)
        elif item.app_id in self._app_ids:
            self._rings.apps.add(item.app_id)
            self._note_failure(item, item.app_id)

    def _take_deployment(self, event: Event) -> None:
        self._rings.deployments = True
        if event.type != "deployment_failed":
            return
        plan = event.data.get("plan")
        deployment_id = event.data.get("id") or (plan or {}).get("id")
        reason = str(event.data.get("reason") or "")
        self.failed_deployments[str(deployment_id)] = FailedDeployment(self._clock(), reason)
        self._rings.everything = True

    def _note_failure(self, event: Event, app_id: str) -> None:
        if event.data.get("taskStatus") in _FAILED:
            self.failed_tasks.setdefault(app_id, set()).add(str(event.data.get("taskId")))


class Lookout:
    """The apps that a use case waits for, as they were last read."""

    def __init__(
        self,
        client: MarathonClient,
        app_ids: Iterable[str],
        *,
        group_id: str | None = None,
        clock: Clock,
    ) -> None:
        """``group_id`` is a group that holds all apps, so that many are read at once."""
        self.client = client
        self.clock = clock
        self.app_ids = frozenset(app_ids)
        self.apps: dict[str, AppView] = {}
        self.deployments: tuple[DeploymentView, ...] = ()
        self.bell = Bell(self.app_ids, clock)
        self._group_id = group_id
        self._stream = EventStream(client.connection, on_item=self.bell.hear)
        self._next_full_read = clock()

    def __enter__(self) -> Lookout:
        self._stream.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.stop()

    def wait_for_stream(self) -> bool:
        """Give the event stream a moment to open, so that nothing happens unheard."""
        return self._stream.wait_connected(STREAM_PATIENCE_S)

    def read_all(self) -> None:
        """Read every app and the running deployments."""
        self._read_many(self.app_ids)
        self.deployments = self.client.get_deployments()
        self._next_full_read = self.clock() + (SLOW_READ if self.bell.connected else BLIND_READ)

    def running(self) -> tuple[str, ...]:
        """Return the ids of the deployments of these apps that run, as they were last read."""
        return tuple(
            deployment.id
            for deployment in self.deployments
            if not self.app_ids.isdisjoint(deployment.affected_apps)
        )

    def wait(self, until: datetime) -> None:
        """Sleep until something rings or the time comes, then read what it names."""
        left = min(until, self._next_full_read) - self.clock()
        rings = self.bell.wait(left.total_seconds())
        if rings.everything or self.clock() >= self._next_full_read:
            self.read_all()
            return
        if rings.apps:
            self._read_many(rings.apps)
        if rings.deployments:
            self.deployments = self.client.get_deployments()

    def _read_many(self, app_ids: Iterable[str]) -> None:
        wanted = set(app_ids)
        if self._group_id is not None and len(wanted) >= MANY:
            group = self.client.find_group(self._group_id)
            apps = group.apps if group is not None else ()
            self.apps = {app.id: app for app in apps if app.id in self.app_ids}
            return
        for app_id in wanted:
            app = self.client.find_app(app_id)
            if app is None:
                self.apps.pop(app_id, None)
            else:
                self.apps[app_id] = app
