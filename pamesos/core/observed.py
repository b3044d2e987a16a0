"""What Marathon was observed to hold and run, as frozen values; how they are read is elsewhere.

Nothing here decides. Every view says what one reply said at one moment; ``None`` is "not said".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

#: facts/marathon.md 23: ``<app>.instance-<uuid>._app.<incarnation>``.
_TASK_ID = re.compile(r"^(?P<instance>.+\.instance-[0-9a-fA-F-]{36})\._app\.(?P<incarnation>\d+)$")

TASK_RUNNING = "TASK_RUNNING"
#: A task in one of these will never run again; it stays listed until its relaunch (stack.md 3).
TERMINAL_TASK_STATES = frozenset(
    {
        "TASK_FINISHED",
        "TASK_FAILED",
        "TASK_KILLED",
        "TASK_ERROR",
        "TASK_LOST",
        "TASK_DROPPED",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
        "TASK_UNKNOWN",
    }
)


class Health(enum.Enum):
    """What Marathon's checks say of one task; UNKNOWN until each check has answered for it."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class HealthResult:
    """One entry of ``healthCheckResults``."""

    alive: bool
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    cause: str | None = None


@dataclass(frozen=True)
class TaskView:
    """One Mesos task of an app."""

    id: str
    app_id: str
    state: str
    host: str | None = None
    ports: tuple[int, ...] = ()
    agent_id: str | None = None
    staged_at: datetime | None = None
    started_at: datetime | None = None
    version: str | None = None
    health_results: tuple[HealthResult, ...] = ()

    @property
    def running(self) -> bool:
        return self.state == TASK_RUNNING

    @property
    def terminal(self) -> bool:
        return self.state in TERMINAL_TASK_STATES

    @property
    def instance_id(self) -> str:
        """The part of the id that a relaunch keeps (stack.md 1); the whole id if it is foreign."""
        match = _TASK_ID.match(self.id)
        return match["instance"] if match else self.id

    @property
    def incarnation(self) -> int:
        """1 for the first task of an instance; a relaunch raises it."""
        match = _TASK_ID.match(self.id)
        return int(match["incarnation"]) if match else 1

    def health(self, checks: int) -> Health:
        """Return the verdict of an app's ``checks`` health checks on this task.

        After a relaunch Marathon still shows the results of the dead incarnation (stack.md 2), so
        of a later incarnation only results newer than its staging count; both times are Marathon's.
        """
        if checks == 0:
            return Health.UNKNOWN
        fresh = [result for result in self.health_results if self._is_fresh(result)]
        if any(not result.alive for result in fresh):
            return Health.UNHEALTHY
        return Health.HEALTHY if len(fresh) >= checks else Health.UNKNOWN

    def _is_fresh(self, result: HealthResult) -> bool:
        if self.incarnation == 1 or self.staged_at is None:
            return True
        seen = [at for at in (result.last_success_at, result.last_failure_at) if at is not None]
        return bool(seen) and max(seen) >= self.staged_at


@dataclass(frozen=True)
class FailureView:
    """``lastTaskFailure`` of an app; FINISHED and kills do not set it (23, stack.md 4)."""

    task_id: str
    state: str
    message: str
    host: str | None = None
    at: datetime | None = None
    version: str | None = None


@dataclass(frozen=True)
class ReadinessView:
    """The last answer to one readiness check of one task; listed only during its deployment."""

    task_id: str
    name: str
    ready: bool
    status: int | None = None


@dataclass(frozen=True)
class AppView:
    """One app: what is wanted (``instances``, ``definition``) and what runs.

    ``definition`` is the app as Marathon returned it, runtime fields included. It may hold secrets
    in ``env`` and never shows in a repr.
    """

    id: str
    instances: int
    version: str
    last_scaling_at: str = ""
    last_config_change_at: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    cpus: float = 0.0
    mem_mib: float = 0.0
    disk_mib: float = 0.0
    health_checks: int = 0
    readiness_checks: int = 0
    port_names: tuple[str, ...] = ()
    staged: int = 0
    running: int = 0
    healthy: int = 0
    unhealthy: int = 0
    deployment_ids: tuple[str, ...] = ()
    tasks: tuple[TaskView, ...] = ()
    readiness: tuple[ReadinessView, ...] = ()
    last_failure: FailureView | None = None
    definition: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def is_current(self, task: TaskView) -> bool:
        """Whether a task runs this definition; scaling leaves old tasks current (recording 03)."""
        if task.version is None or task.version == self.version:
            return True
        return bool(self.last_config_change_at) and task.version >= self.last_config_change_at

    def running_tasks(self) -> tuple[TaskView, ...]:
        """Tasks in TASK_RUNNING, old definitions included."""
        return tuple(task for task in self.tasks if task.running)


@dataclass(frozen=True)
class GroupView:
    """A group with all apps below it, nested groups flattened, ordered by id."""

    id: str
    version: str
    apps: tuple[AppView, ...] = ()

    def app(self, app_id: str) -> AppView | None:
        return next((app for app in self.apps if app.id == app_id), None)


@dataclass(frozen=True)
class DeploymentView:
    """One running deployment; a finished one is no longer listed."""

    id: str
    version: str
    affected_apps: tuple[str, ...] = ()
    current_step: int = 0
    total_steps: int = 0
    #: (action, app id) of the step that is under way.
    current_actions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class DeploymentRef:
    """The answer to a change: which deployment carries it out, and the version it makes."""

    id: str | None
    version: str | None


@dataclass(frozen=True)
class OfferView:
    """An offer that Marathon did not use, and why (``lastUnusedOffers``)."""

    host: str
    reasons: tuple[str, ...] = ()
    cpus: float = 0.0
    mem_mib: float = 0.0
    disk_mib: float = 0.0
    ports: int = 0


@dataclass(frozen=True)
class Rejection:
    """How many of the offers that reached this test failed it (``rejectSummaryLastOffers``)."""

    reason: str
    declined: int
    processed: int


@dataclass(frozen=True)
class QueueView:
    """An app in the launch queue: instances to start, the delay, and why offers were refused."""

    app_id: str
    count: int
    delay_s: float = 0.0
    overdue: bool = True
    since: datetime | None = None
    rejections: tuple[Rejection, ...] = ()
    unused_offers: tuple[OfferView, ...] = ()

    @property
    def waiting_for_delay(self) -> bool:
        """Whether the launch delay after failures is still running (``overdue`` ends it)."""
        return not self.overdue and self.delay_s > 0


@dataclass(frozen=True)
class MarathonInfo:
    """``GET /v2/info``: the parts that pamesos uses."""

    version: str
    leader: str | None = None
    framework_id: str | None = None
    mesos_url: str | None = None
