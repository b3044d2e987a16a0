"""What became of an action whose outcome nobody wrote down: found by looking at the world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pamesos.core.jobs import RunningTask
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.journal import Entry

KILL, PREEMPT = "task.replaced", "workflow_task.preempted"
RESET, REMOVE = "launch_delay.reset", "rm_node.removed"
#: Marathon's own default of taskKillGracePeriodSeconds, and what a kill takes besides.
_KILL_GRACE_S, _KILL_SLACK_S = 3, 5
#: Workflow tasks are read only while they matter: afterwards nobody can tell.
_LOOK_FOR = timedelta(minutes=2)


def outcome_of(entry: Entry, snapshot: ClusterSnapshot, now: datetime) -> str | None:
    """Return ``done: …``, ``lost: …`` or ``unknown: …``; None while it cannot be told yet."""
    if snapshot.group is None:
        return None
    look = _LOOKS.get(entry.action)
    return look(entry, snapshot, now) if look else "unknown: nobody saw how it ended"


def workflow_task(entry: Entry) -> RunningTask:
    """Return the workflow task that a preemption was about."""
    return RunningTask(
        int(entry.fields.get("job_id", 0)),
        str(entry.fields.get("workflow_task", "")),
        str(entry.fields.get("node", "")),
    )


def _kill(entry: Entry, snapshot: ClusterSnapshot, now: datetime) -> str | None:
    app = next((a for a in snapshot.apps if a.id == entry.fields.get("app_id")), None)
    if app is None or not any(t.id == entry.subject and t.running for t in app.tasks):
        return _found(False, "the task runs")
    # A task that was told to end may take its grace for it: that it runs says nothing before.
    grace_s = float(app.definition.get("taskKillGracePeriodSeconds", _KILL_GRACE_S))
    if now - entry.at < timedelta(seconds=grace_s + _KILL_SLACK_S):
        return None
    return _found(True, "the task runs")


def _reset(entry: Entry, snapshot: ClusterSnapshot, _now: datetime) -> str | None:
    queued = snapshot.queue.get(entry.subject)
    return _found(queued is not None and queued.waiting_for_delay, "the app is delayed")


def _removal(entry: Entry, snapshot: ClusterSnapshot, _now: datetime) -> str | None:
    if snapshot.rm_nodes is None:
        return None
    listed = any(node.url == entry.subject for node in snapshot.rm_nodes)
    return _found(listed, "the RM lists the node")


def _preemption(entry: Entry, snapshot: ClusterSnapshot, now: datetime) -> str | None:
    if snapshot.workflow_tasks is None:
        return None if now - entry.at < _LOOK_FOR else "unknown: the Scheduler cannot be read"
    wanted = str(workflow_task(entry))
    same = [task for task in snapshot.workflow_tasks if str(task) == wanted]
    # Put back, it runs again under the same name, but from a later time.
    old = any(task.started_at is not None and task.started_at < entry.at for task in same)
    return _found(old, "the workflow task runs")


_LOOKS: dict[str, Callable[[Entry, ClusterSnapshot, datetime], str | None]] = {
    KILL: _kill,
    RESET: _reset,
    REMOVE: _removal,
    PREEMPT: _preemption,
}


def _found(still: bool, what: str) -> str:
    if still:
        return f"lost: cut off before it was sent, {what} still; it may be decided again"
    return "done: cut off before it was confirmed, seen afterwards"
