"""What the watcher remembers between two looks; losing it costs only knowledge of the past.

Pure: :func:`remember` makes the next memory from the last one and a snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pamesos.core import names
from pamesos.core.jobs import RunningTask
from pamesos.core.observed import AppView, FailureView
from pamesos.core.server import ServerMemory, remember_server
from pamesos.core.snapshot import ClusterSnapshot, is_ready

#: Ends that are no failure: the node was told to leave, or somebody killed the task.
_NO_FAILURE = frozenset({"TASK_FINISHED", "TASK_KILLED"})


@dataclass(frozen=True)
class Failure:
    """One task of an app that failed."""

    task_id: str
    at: datetime
    message: str = ""
    host: str = ""
    #: How long it had been running; zero if no look saw it run, None if nobody looked before.
    ran: timedelta | None = None

    @property
    def instance(self) -> str:
        """The part of the task id that a relaunch keeps (facts/stack.md 1)."""
        return names.instance_of_task(self.task_id)


@dataclass(frozen=True)
class AppMemory:
    """What is remembered of one app."""

    #: Within the window, each task once, oldest first.
    failures: tuple[Failure, ...] = ()
    #: How many failures were known when the launch delay was last reset; -1 before the first.
    failures_at_reset: int = -1
    #: Set once the budget is spent; lifted by a new definition or a calm window.
    gave_up: str = ""
    version: str = ""
    #: Which ``lastTaskFailure`` the last look showed: Marathon shows it for ever, so it must not be
    #: counted again once it has left the window. Empty before the first look.
    last_failure: str = ""
    #: Since when every instance has been ready; None while one is not.
    calm_since: datetime | None = None
    #: Task id -> when it started, of the tasks that ran at the last look: a failed one is listed
    #: without its times.
    started: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True)
class Memory:
    """What is remembered of one cluster."""

    apps: Mapping[str, AppMemory] = field(default_factory=dict)
    #: Task id -> since when it has been running and, in the RM, not alive.
    suspects: Mapping[str, datetime] = field(default_factory=dict)
    #: Tasks that were killed by the watcher, and when: for the rate limit; never killed twice.
    killed: Mapping[str, datetime] = field(default_factory=dict)
    server: ServerMemory = field(default_factory=ServerMemory)
    #: Workflow tasks that were preempted, by their words, and when.
    preempted: Mapping[str, datetime] = field(default_factory=dict)

    def app(self, app_id: str) -> AppMemory:
        return self.apps.get(app_id, AppMemory())


def remember(memory: Memory, snapshot: ClusterSnapshot, window: timedelta, now: datetime) -> Memory:
    """Return the memory after a look. What was not observed is neither learnt nor forgotten."""
    if snapshot.group is None:
        return memory
    return replace(
        memory,
        apps={
            app.id: _remember_app(memory.app(app.id), app, frozenset(memory.killed), window, now)
            for app in snapshot.apps
        },
        suspects=_suspects(memory, snapshot, now),
        killed={task: at for task, at in memory.killed.items() if now - at < window},
        server=remember_server(memory.server, snapshot, now),
        preempted={task: at for task, at in memory.preempted.items() if now - at < window},
    )


def note_preempt(memory: Memory, task: RunningTask, now: datetime) -> Memory:
    """Return the memory after a workflow task was put back."""
    return replace(memory, preempted={**memory.preempted, str(task): now})


def note_kill(memory: Memory, task_id: str, now: datetime) -> Memory:
    """Return the memory after a kill was sent."""
    return replace(memory, killed={**memory.killed, task_id: now})


def note_reset(memory: Memory, app_id: str) -> Memory:
    """Return the memory after a launch delay was reset."""
    app = memory.app(app_id)
    known = replace(app, failures_at_reset=len(app.failures))
    return replace(memory, apps={**memory.apps, app_id: known})


def note_give_up(memory: Memory, app_id: str, reason: str) -> Memory:
    """Return the memory after the budget of an app was found spent."""
    given = replace(memory.app(app_id), gave_up=reason)
    return replace(memory, apps={**memory.apps, app_id: given})


def note_resume(memory: Memory, app_id: str) -> Memory:
    """Return the memory after an operator wants an app helped again: with a whole budget."""
    known = memory.app(app_id)
    fresh = AppMemory(version=known.version, last_failure=known.last_failure)
    return replace(memory, apps={**memory.apps, app_id: fresh})


def _suspects(memory: Memory, snapshot: ClusterSnapshot, now: datetime) -> dict[str, datetime]:
    # Without the RM nothing can be suspected, and what was suspected starts anew when it is back:
    # nodes need a moment to reconnect to a server that was away.
    if snapshot.rm_nodes is None:
        return {}
    return {
        node.task.id: memory.suspects.get(node.task.id, now)
        for node in snapshot.node_tasks()
        if not node.known and not node.undecided
    }


def _remember_app(
    known: AppMemory, app: AppView, killed: frozenset[str], window: timedelta, now: datetime
) -> AppMemory:
    if known.version and known.version != app.version:
        # A new definition is a new chance.
        known = AppMemory(version=app.version, last_failure=known.last_failure)
    recent = tuple(failure for failure in known.failures if now - failure.at < window)
    seen = {failure.task_id for failure in known.failures} | killed
    new = {
        failure.task_id: failure
        for failure in _failures(known, app, now)
        if failure.task_id not in seen
    }
    calm_since = (known.calm_since or now) if is_ready(app) and not new else None
    calm = calm_since is not None and now - calm_since >= window
    return AppMemory(
        failures=recent + tuple(new.values()),
        failures_at_reset=max(-1, known.failures_at_reset - len(known.failures) + len(recent)),
        gave_up="" if calm else known.gave_up,
        version=app.version,
        last_failure=_last_failure(app),
        calm_since=calm_since,
        started={t.id: t.started_at for t in app.running_tasks() if t.started_at is not None},
    )


def _failures(known: AppMemory, app: AppView, now: datetime) -> Iterator[Failure]:
    """Yield what failed; an end that nobody saw is not counted: unobserved is not broken."""
    last = app.last_failure
    for task in app.tasks:  # a failed task stays listed until its relaunch (facts/stack.md, 3)
        if task.terminal and task.state not in _NO_FAILURE:
            about = last if last is not None and last.task_id == task.id else None
            yield _failure(known, task.id, task.host, about, now)
    # It names a kill by a failed health check too, which TASK_KILLED alone does not tell apart from
    # a user's (facts/stack.md, 4). One older than this watcher is history.
    if last is not None and known.last_failure not in ("", _last_failure(app)):
        yield _failure(known, last.task_id, last.host, last, now)


def _last_failure(app: AppView) -> str:
    last = app.last_failure
    return last.task_id if last is not None and last.task_id else "none"


def _failure(
    known: AppMemory, task_id: str, host: str | None, about: FailureView | None, now: datetime
) -> Failure:
    started = known.started.get(task_id)
    ran = timedelta(0) if known.version else None
    if started is not None:  # by Marathon's clock if it says when
        ended = about.at if about is not None and about.at is not None else now
        ran = max(timedelta(0), ended - started)
    return Failure(task_id, now, about.message if about is not None else "", host or "", ran)
