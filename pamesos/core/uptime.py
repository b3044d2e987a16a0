"""Is an app up? The one answer that submit, status, scale and restart share.

Marathon's own success is not enough: it was given with 369 of 1,000 instances running
(facts/marathon.md, 24), and at the first RUNNING of a task that failed 300 ms later (12).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pamesos.core.observed import AppView, Health, TaskView

#: An app without any check has no other way to say "it works" than to survive its start for a
#: moment: in recording 04 a task counted as deployed and failed 300 ms later, every time.
SETTLE = timedelta(seconds=2)


@dataclass(frozen=True)
class Settling:
    """Since when tasks were seen running by us, and the tasks that ran before we came.

    Kept by our own clock alone: ``startedAt`` is another machine's.
    """

    running_since: Mapping[str, datetime] = field(default_factory=dict)
    before: frozenset[str] = frozenset()
    settle: timedelta = SETTLE

    def settled_at(self, task: TaskView) -> datetime | None:
        """Return when a task counts as started; None if it already does."""
        if task.id in self.before:
            return None
        since = self.running_since.get(task.id)
        return since + self.settle if since is not None else None


@dataclass(frozen=True)
class Uptime:
    """How far an app is: counts of tasks of its current definition, and what is missing."""

    app_id: str
    wanted: int
    running: int
    healthy: int
    ready: int
    settled: int
    outdated: int
    staging: int
    unhealthy: int
    unreachable: int
    checks: bool
    readiness: bool
    #: When the next task without checks will have survived its start; None if none waits for it.
    settles_at: datetime | None = None

    @property
    def up(self) -> bool:
        """All wanted instances run this definition, are healthy and ready, and no old one runs."""
        return self.settled >= self.wanted and self.outdated == 0 and self._not_more_than_none

    @property
    def _not_more_than_none(self) -> bool:
        return self.wanted > 0 or self.running + self.staging == 0

    def __str__(self) -> str:
        """Return one line without the app's name, for people."""
        parts = [f"{self.running}/{self.wanted} running"]
        if self.checks and self.running:
            parts.append(f"{self.healthy}/{self.wanted} healthy")
        if self.readiness and self.ready < self.running:
            parts.append(f"{self.ready}/{self.wanted} ready")
        extras = (
            (self.staging, "starting"),
            (self.unhealthy, "unhealthy"),
            (self.unreachable, "unreachable"),
            (self.outdated, "of the old definition"),
        )
        return ", ".join(parts + [f"{count} {word}" for count, word in extras if count])


def measure(
    app: AppView,
    now: datetime,
    settling: Settling,
    *,
    wanted: int | None = None,
    deploying: bool | None = None,
) -> Uptime:
    """Measure an app against ``wanted`` instances (its own number if None).

    ``deploying`` False says that no deployment of the app runs any more, where that was read
    later than the app itself.
    """
    in_deployment = bool(app.deployment_ids) if deploying is None else deploying
    current = [task for task in app.tasks if app.is_current(task)]
    running = [task for task in current if task.running]
    healths = {task.id: task.health(app.health_checks) for task in running}
    healthy = [task for task in running if healths[task.id] is Health.HEALTHY]
    candidates = healthy if app.health_checks else running
    ready = [task for task in candidates if not in_deployment or is_ready(app, task)]
    pending = _settle_times(app, ready, now, settling)
    return Uptime(
        app_id=app.id,
        wanted=app.instances if wanted is None else wanted,
        running=len(running),
        healthy=len(healthy),
        ready=len(ready),
        settled=len(ready) - len(pending),
        outdated=sum(not t.terminal for t in app.tasks if not app.is_current(t)),
        staging=sum(t.state in {"TASK_STAGING", "TASK_STARTING"} for t in current),
        unhealthy=sum(health is Health.UNHEALTHY for health in healths.values()),
        unreachable=sum(task.state == "TASK_UNREACHABLE" for task in current),
        checks=app.health_checks > 0,
        readiness=app.readiness_checks > 0,
        settles_at=min(pending, default=None),
    )


def is_ready(app: AppView, task: TaskView) -> bool:
    """Whether no readiness check of a task says no.

    Results are listed only while the task's step of the deployment is under way; its end vouches
    for them, since a step waits until its tasks are ready (facts/marathon.md, 11). So an empty
    list alone says nothing, and a verdict waits for the deployment's end in any case.
    """
    return all(result.ready for result in app.readiness if result.task_id == task.id)


def _settle_times(
    app: AppView, tasks: list[TaskView], now: datetime, settling: Settling
) -> list[datetime]:
    if app.health_checks or app.readiness_checks:
        return []
    times = (settling.settled_at(task) for task in tasks)
    return [at for at in times if at is not None and at > now]
