"""Follows a change until its verdict: reads, keeps the evidence, and asks ``core.verdict``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from pamesos.core.observed import AppView, QueueView
from pamesos.core.uptime import SETTLE, Settling
from pamesos.core.verdict import (
    Evidence,
    Observed,
    Pending,
    Submitted,
    Succeeded,
    TimedOut,
    Verdict,
    judge,
)
from pamesos.engine.lookout import Lookout

#: Called with an app id and its state in words, once per change.
OnProgress = Callable[[str, str], None]


class Follower:
    """Follows one submission through a Lookout that was opened before it was sent."""

    def __init__(
        self,
        lookout: Lookout,
        before: Mapping[str, AppView],
        *,
        on_progress: OnProgress | None = None,
        settle: timedelta = SETTLE,
    ) -> None:
        """``before`` are the apps as they were read before the change was sent."""
        self._lookout = lookout
        self._on_progress = on_progress
        self._settle = settle
        self._before_tasks = frozenset(
            task.id for app in before.values() for task in app.tasks if task.running
        )
        self._before_failures = {
            app.last_failure.task_id for app in before.values() if app.last_failure is not None
        }
        self._before_failures |= {
            task.id for app in before.values() for task in app.tasks if task.terminal
        }
        self._running_since: dict[str, datetime] = {}
        self._reached: set[str] = set()
        self._failed: dict[str, set[str]] = {}
        self._said: dict[str, str] = {}

    def follow(self, submitted: Submitted, deadline: datetime) -> Verdict:
        """Wait for the verdict; TimedOut at the deadline at the latest.

        The caller has read everything once after the change was sent.
        """
        lookout = self._lookout
        while True:
            self._note(submitted)
            now = lookout.clock()
            verdict = judge(submitted, self._observed(), self._evidence(submitted), now, deadline)
            self._report(verdict)
            if isinstance(verdict, TimedOut):
                return self._with_cause(submitted, now, deadline)
            if not isinstance(verdict, Pending):
                return verdict
            lookout.wait(min(verdict.look_again_at or deadline, deadline))

    def _note(self, submitted: Submitted) -> None:
        """Keep what the next read may no longer show."""
        now = self._lookout.clock()
        for app in self._lookout.apps.values():
            if app.version == submitted.version:
                self._reached.add(app.id)
            failed = self._failed.setdefault(app.id, set())
            failed |= {task.id for task in app.tasks if task.state == "TASK_FAILED"}
            if app.last_failure is not None:
                failed.add(app.last_failure.task_id)
            for task in app.running_tasks():
                self._running_since.setdefault(task.id, now)

    def _observed(self, queue: Mapping[str, QueueView] | None = None) -> Observed:
        return Observed(self._lookout.apps, self._lookout.deployments, queue or {})

    def _evidence(self, submitted: Submitted) -> Evidence:
        bell = self._lookout.bell
        failed = {
            app_id: frozenset((seen | bell.failed_tasks.get(app_id, set())) - self._before_failures)
            for app_id, seen in self._failed.items()
        }
        ended = bell.failed_deployments.get(submitted.deployment_id or "")
        return Evidence(
            settling=Settling(self._running_since, self._before_tasks, self._settle),
            failed_tasks=failed,
            reached=frozenset(self._reached),
            deployment_failed_at=ended.at if ended is not None else None,
            deployment_failed_reason=ended.reason if ended is not None else "",
        )

    def _report(self, verdict: Verdict) -> None:
        if self._on_progress is None or not isinstance(verdict, Pending | Succeeded):
            return
        for uptime in verdict.progress:
            words = str(uptime)
            if self._said.get(uptime.app_id) != words:
                self._said[uptime.app_id] = words
                self._on_progress(uptime.app_id, words)

    def _with_cause(self, submitted: Submitted, now: datetime, deadline: datetime) -> Verdict:
        """Read once more, the launch queue too, so that the cause is the latest."""
        self._lookout.read_all()
        queue = {entry.app_id: entry for entry in self._lookout.client.get_queue(offers=True)}
        self._note(submitted)
        return judge(submitted, self._observed(queue), self._evidence(submitted), now, deadline)
