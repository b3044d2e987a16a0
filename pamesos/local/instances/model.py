"""An instance (a place for a task) and a task (one attempt to run it), as frozen values.

An instance keeps its id over relaunches; each attempt is a task with the next incarnation
(facts/stack.md 1). What an instance is to be is its goal, what it is now its condition.
"""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

STAGING = "TASK_STAGING"
STARTING = "TASK_STARTING"
RUNNING = "TASK_RUNNING"
FINISHED = "TASK_FINISHED"
FAILED = "TASK_FAILED"
KILLED = "TASK_KILLED"
LOST = "TASK_LOST"
UNREACHABLE = "TASK_UNREACHABLE"

ACTIVE_STATES = frozenset({STAGING, STARTING, RUNNING})

SCHEDULED = "Scheduled"
PROVISIONED = "Provisioned"

#: Task state -> instance condition of ``instance_changed_event``.
CONDITIONS = {
    STAGING: "Staging",
    STARTING: "Starting",
    RUNNING: "Running",
    FINISHED: "Finished",
    FAILED: "Failed",
    KILLED: "Killed",
    LOST: "Lost",
    "TASK_DROPPED": "Dropped",
    "TASK_GONE": "Gone",
    "TASK_GONE_BY_OPERATOR": "Gone",
    "TASK_ERROR": "Error",
    UNREACHABLE: "Unreachable",
}

#: An unreachable instance that was replaced and may still come back.
INACTIVE = "UnreachableInactive"

#: After these the next launch of the app is delayed; a kill that somebody asked for is no failure.
#: A task that was dropped or is gone with its agent delays nothing (recordings/marathon/04, 05).
DELAYS_LAUNCH = frozenset({FINISHED, FAILED, LOST, "TASK_GONE_BY_OPERATOR", "TASK_ERROR"})
#: These are shown as ``lastTaskFailure`` (facts/stack.md 4).
IS_FAILURE = (DELAYS_LAUNCH | {"TASK_DROPPED", "TASK_GONE"}) - {FINISHED}

GOAL_RUNNING = "Running"
#: To be stopped and forgotten.
GOAL_GONE = "Decommissioned"


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """One attempt. Times are ISO texts; ``pid_start`` tells a process from a later one of its pid.

    ``ports`` are the host ports in the order of the app's definitions; ``pid`` is 0 for a task
    that is no process.
    """

    id: str
    incarnation: int
    state: str
    agent: str
    host: str
    ip: str
    ports: tuple[int, ...]
    container: str
    staged_at: str
    started_at: str | None = None
    pid: int = 0
    pid_start: int = 0
    #: Its own address, of a container that does not share its agent's.
    container_ip: str = ""

    @property
    def is_active(self) -> bool:
        """Tell whether the task holds resources."""
        return self.state in ACTIVE_STATES

    @property
    def may_run(self) -> bool:
        """Tell whether the task runs or, out of reach, may run."""
        return self.is_active or self.state == UNREACHABLE


@dataclasses.dataclass(frozen=True, slots=True)
class Instance:
    """A place for a task of one version of an app (``app``: its normal form)."""

    id: str
    app_id: str
    app: dict[str, Any]
    condition: str
    goal: str
    since: str
    task: Task | None = None
    healthy: bool | None = None
    #: True once the app's readiness checks passed, or if it has none and the task runs.
    ready: bool = False

    @property
    def version(self) -> str:
        """The version of the app that this instance runs."""
        return str(self.app["version"])

    @property
    def is_active(self) -> bool:
        """Tell whether a task of it holds resources."""
        return self.task is not None and self.task.is_active

    @property
    def is_running(self) -> bool:
        """Tell whether its task runs."""
        return self.task is not None and self.task.state == RUNNING

    @property
    def is_waiting(self) -> bool:
        """Tell whether it waits in the launch queue."""
        return self.goal == GOAL_RUNNING and not self.is_active and not self.is_unreachable

    @property
    def is_unreachable(self) -> bool:
        """Tell whether nobody knows if its task runs."""
        return self.task is not None and self.task.state == UNREACHABLE

    @property
    def is_wanted(self) -> bool:
        """Tell whether it counts towards the app's instances; one that was replaced does not."""
        return self.goal == GOAL_RUNNING and self.condition != INACTIVE

    @property
    def is_done(self) -> bool:
        """Tell whether a deployment need not wait for it: running, healthy and ready."""
        healthy = self.healthy is True or not self.app.get("healthChecks")
        return self.is_running and healthy and self.ready


def safe_path(app_id: str) -> str:
    """Return the app's id as task ids spell it: ``/a/b`` becomes ``a_b``."""
    return app_id.strip("/").replace("/", "_")


def new_instance_id(app_id: str) -> str:
    """Return ``a_b.instance-<uuid1>`` (facts/marathon.md 23)."""
    return f"{safe_path(app_id)}.instance-{uuid.uuid1()}"


def new_container_id() -> str:
    """Return the id of the container of a new task; it names its sandbox."""
    return str(uuid.uuid4())


def task_id(instance_id: str, incarnation: int) -> str:
    """Return the id of one attempt."""
    return f"{instance_id}._app.{incarnation}"


def instance_of(task: str) -> str | None:
    """Return the id of the instance that a task id belongs to, None for another shape."""
    instance, separator, incarnation = task.rpartition("._app.")
    return instance if separator and incarnation.isdecimal() else None
