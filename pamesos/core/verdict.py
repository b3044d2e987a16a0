"""What became of a submitted group: pure, from what was sent, observed and the time.

Succeeded only when the deployment is over *and* every app of the group is up (core.uptime) at the
submitted definition *and* nothing newer took over. Marathon's word alone never decides: clients
that take it call a deployment cancelled half-way a success (facts/marathon.md, 12, 16, 17, 24).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pamesos.core import names
from pamesos.core.observed import AppView, DeploymentView, QueueView
from pamesos.core.uptime import Settling, Uptime, measure
from pamesos.core.waiting import why_not_up

#: Failures of one instance within this deployment that make a crash loop. Marathon would go on
#: for ever: a deployment has no timeout (facts 12, stack.md 10).
CRASH_LOOP_FAILURES = 5
#: After ``deployment_failed`` the change that caused it may take a moment to be readable.
CANCEL_GRACE = timedelta(seconds=1)


@dataclass(frozen=True)
class Submitted:
    """What was sent: instances wanted by app id, and Marathon's answer.

    ``version`` is the one that the change makes; apps that it did not touch keep older ones.
    """

    group_id: str
    instances: Mapping[str, int]
    deployment_id: str | None = None
    version: str | None = None


@dataclass(frozen=True)
class Evidence:
    """What was noticed while following and may be gone by the next read."""

    settling: Settling = field(default_factory=Settling)
    #: Task ids that failed since the submission, by app id.
    failed_tasks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    #: Apps that were seen at the submitted version.
    reached: frozenset[str] = frozenset()
    #: When and why Marathon said ``deployment_failed`` of this very deployment.
    deployment_failed_at: datetime | None = None
    deployment_failed_reason: str = ""


@dataclass(frozen=True)
class Observed:
    """The latest reads. An app that was looked for and not found is absent from ``apps``."""

    apps: Mapping[str, AppView]
    deployments: tuple[DeploymentView, ...]
    queue: Mapping[str, QueueView] = field(default_factory=dict)


@dataclass(frozen=True)
class Pending:
    """Not decided; ``look_again_at`` is when time alone may decide."""

    progress: tuple[Uptime, ...]
    look_again_at: datetime | None = None


@dataclass(frozen=True)
class Succeeded:
    """All of the group is up."""

    progress: tuple[Uptime, ...]


@dataclass(frozen=True)
class Failed:
    """It will not come up by itself."""

    cause: str
    app_id: str | None = None


@dataclass(frozen=True)
class Cancelled:
    """Somebody cancelled the deployment, with or without a rollback."""

    cause: str


@dataclass(frozen=True)
class Superseded:
    """A newer change of the group took over."""

    cause: str


@dataclass(frozen=True)
class TimedOut:
    """The deadline passed; Marathon goes on."""

    cause: str
    app_id: str | None = None


Verdict = Pending | Succeeded | Failed | Cancelled | Superseded | TimedOut


def judge(
    submitted: Submitted, observed: Observed, evidence: Evidence, now: datetime, deadline: datetime
) -> Verdict:
    """Return what became of the submission; the first rule that holds wins."""
    taken_over = _taken_over(submitted, observed, evidence, now)
    if taken_over is not None:
        return taken_over
    progress = _progress(submitted, observed, evidence, now)
    all_up = len(progress) == len(submitted.instances) and all(uptime.up for uptime in progress)
    if all_up and deployment_over(submitted, observed):
        return Succeeded(progress)
    crash_loop = _crash_loop(submitted, observed, evidence, progress)
    if crash_loop is not None:
        return crash_loop
    if now >= deadline:
        return _timed_out(submitted, observed, progress)
    times = [uptime.settles_at for uptime in progress if uptime.settles_at is not None]
    if evidence.deployment_failed_at is not None:
        times.append(evidence.deployment_failed_at + CANCEL_GRACE)
    return Pending(progress, min(times, default=None))


def deployment_over(submitted: Submitted, observed: Observed) -> bool:
    """Whether neither this deployment nor another one of its apps is running."""
    return not any(
        deployment.id == submitted.deployment_id
        or not submitted.instances.keys().isdisjoint(deployment.affected_apps)
        for deployment in observed.deployments
    )


def _progress(
    submitted: Submitted, observed: Observed, evidence: Evidence, now: datetime
) -> tuple[Uptime, ...]:
    deploying = {app for deployment in observed.deployments for app in deployment.affected_apps}
    return tuple(
        measure(
            observed.apps[app_id],
            now,
            evidence.settling,
            wanted=wanted,
            deploying=app_id in deploying,
        )
        for app_id, wanted in submitted.instances.items()
        if app_id in observed.apps
    )


def _taken_over(
    submitted: Submitted, observed: Observed, evidence: Evidence, now: datetime
) -> Verdict | None:
    """Newer versions first: a forced change cancels this deployment, too."""
    newer = _newer_change(submitted, observed)
    if newer is not None:
        return Superseded(newer)
    gone = _gone(submitted, observed, evidence)
    if gone is not None:
        return gone
    failed_at = evidence.deployment_failed_at
    if failed_at is None or now < failed_at + CANCEL_GRACE:
        return None
    reason = evidence.deployment_failed_reason
    if "cancel" not in reason.lower():
        return Failed(f"Marathon gave the deployment up: {reason or 'no reason given'}")
    return Cancelled(
        "somebody cancelled the deployment without a rollback; old and new tasks may run side "
        "by side until the apps are restarted"
    )


def _newer_change(submitted: Submitted, observed: Observed) -> str | None:
    version = submitted.version
    if version is None:
        return None
    for app_id in submitted.instances:
        app = observed.apps.get(app_id)
        if app is not None and app.version > version:
            return f"{app_id} was changed by somebody else at {app.version}"
    for deployment in observed.deployments:
        touched = [app for app in deployment.affected_apps if app in submitted.instances]
        if deployment.id != submitted.deployment_id and deployment.version > version and touched:
            return f"deployment {deployment.id} of {deployment.version} changes {touched[0]}"
    return None


def _gone(
    submitted: Submitted, observed: Observed, evidence: Evidence
) -> Cancelled | Superseded | None:
    """Whether an app that had the submitted version lost it: rolled back, or removed."""
    for app_id in submitted.instances:
        if app_id not in evidence.reached:
            continue
        app = observed.apps.get(app_id)
        if app is None and evidence.deployment_failed_at is None:
            return Superseded(f"{app_id} was removed by somebody else")
        if app is None:
            return Cancelled(f"somebody cancelled the deployment, and {app_id} is removed again")
        if submitted.version is not None and app.version < submitted.version:
            return Cancelled(
                f"somebody cancelled the deployment; {app_id} is rolled back to its "
                f"version of {app.version}"
            )
    return None


def _crash_loop(
    submitted: Submitted, observed: Observed, evidence: Evidence, progress: tuple[Uptime, ...]
) -> Failed | None:
    for uptime in progress:
        app = observed.apps[uptime.app_id]
        count = failures(app, evidence)
        most = CRASH_LOOP_FAILURES * max(1, submitted.instances[app.id])
        total = len(evidence.failed_tasks.get(app.id, ()))
        if not uptime.up and (count >= CRASH_LOOP_FAILURES or total >= most):
            return Failed(
                f"{app.id} fails again and again ({max(count, total)} times): {_last_words(app)}",
                app.id,
            )
    return None


def failures(app: AppView, evidence: Evidence) -> int:
    """Return how often the worst instance of this app ended since the submission.

    A relaunch keeps the instance and raises its incarnation (stack.md, 1), so failures that no
    read saw are counted, too; instances that ran before the submission count from then on.
    """
    ended: dict[str, int] = {}
    for task_id in evidence.failed_tasks.get(app.id, frozenset()):
        instance = names.instance_of_task(task_id)
        ended[instance] = ended.get(instance, 0) + 1
    earlier = {task_id.rpartition("._app.")[0] for task_id in evidence.settling.before}
    for task in app.tasks:
        if task.instance_id not in earlier:
            seen = ended.get(task.instance_id, 0)
            ended[task.instance_id] = max(seen, task.incarnation - 1)
    return max(ended.values(), default=0)


def _last_words(app: AppView) -> str:
    failure = app.last_failure
    if failure is None:
        return "its tasks end by themselves with exit status 0; a service must keep running"
    where = f" on {failure.host}" if failure.host else ""
    return f"{failure.message.strip() or failure.state}{where}"


def _timed_out(submitted: Submitted, observed: Observed, progress: tuple[Uptime, ...]) -> TimedOut:
    missing = [app_id for app_id in submitted.instances if app_id not in observed.apps]
    if missing:
        return TimedOut(f"{missing[0]} does not exist yet", missing[0])
    uptime = _to_blame(observed, progress)
    if uptime is None:
        running = ", ".join(deployment.id for deployment in observed.deployments)
        return TimedOut(f"all apps are up, but a deployment is still running: {running}")
    app = observed.apps[uptime.app_id]
    return TimedOut(f"{app.id}: {why_not_up(app, uptime, observed.queue)}", app.id)


def _to_blame(observed: Observed, progress: tuple[Uptime, ...]) -> Uptime | None:
    """Return the first app that is not up although all it depends on is."""
    down = {uptime.app_id: uptime for uptime in progress if not uptime.up}
    for app_id, uptime in down.items():
        if down.keys().isdisjoint(observed.apps[app_id].dependencies):
            return uptime
    return next(iter(down.values()), None)
