"""What a watcher learns from the journal: what it, or the leader before it, knew and did.

Read back at the start of each term of office (a start, or a change of leader). The functions are
pure: entries and memory in, memory out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from pamesos.core.memory import AppMemory, Failure, Memory
from pamesos.core.server import ServerMemory
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.history_settle import KILL, PREEMPT, outcome_of, workflow_task
from pamesos.engine.watching.journal import Entry, Journal

log = structlog.get_logger()

SERVER = "server.seen"
FAILED, GIVEN_UP, GIVE_UP_OVER = "task.failed", "app.given_up", "app.helped_again"

Note = tuple[str, dict[str, Any]]


class History:
    """Keeps one cluster's memory in the journal, and gets it back."""

    def __init__(self, journal: Journal, clock: Callable[[], datetime]) -> None:
        self._journal = journal
        self._clock = clock
        self._kept = Memory()
        self._cut_off: list[Entry] = []

    def recall(self, memory: Memory, window: timedelta) -> Memory:
        """Return the memory together with what the journal tells. Raises StateUnavailableError."""
        entries = self._journal.entries()
        self._kept = restore(entries, window, self._clock())
        self._cut_off = [entry for entry in entries if entry.cut_off]
        return merge(memory, self._kept)

    @property
    def unsettled(self) -> bool:
        """Whether an action of an earlier term still has no outcome."""
        return bool(self._cut_off)

    def settle(self, memory: Memory, snapshot: ClusterSnapshot) -> Memory:
        """Look what became of actions without an outcome; return the memory after it.

        Until that is known, a kill counts as sent: it is not decided a second time. Raises
        StateUnavailableError.
        """
        for entry in tuple(self._cut_off):
            outcome = outcome_of(entry, snapshot, self._clock())
            if outcome is None:
                continue
            self._journal.conclude(self._clock(), entry.id, outcome)
            self._cut_off.remove(entry)
            log.info(entry.action, outcome=outcome, **entry.fields)
            if outcome.startswith("lost"):
                memory = _forget(memory, entry)
        return memory

    def keep(self, memory: Memory) -> None:
        """Write down what is new in the memory. Raises StateUnavailableError."""
        for action, fields in changes(self._kept, memory):
            self._journal.note(self._clock(), action, fields)
        self._kept = memory


def _forget(memory: Memory, entry: Entry) -> Memory:
    """Return the memory without an action that never happened, so that it is decided again."""
    gone = _sent_to(entry)
    if entry.action == KILL:
        return replace(memory, killed={t: at for t, at in memory.killed.items() if t != gone})
    if entry.action == PREEMPT:
        others = {task: at for task, at in memory.preempted.items() if task != gone}
        return replace(memory, preempted=others)
    return memory


def restore(entries: Sequence[Entry], window: timedelta, now: datetime) -> Memory:
    """Return what a watcher that wrote these entries would remember now."""
    apps: dict[str, AppMemory] = {}
    sent: dict[str, dict[str, datetime]] = {KILL: {}, PREEMPT: {}}
    server = ServerMemory()
    for entry in entries:
        app_id = str(entry.fields.get("app_id", ""))
        if entry.action in sent and not _never_happened(entry):
            sent[entry.action][_sent_to(entry)] = entry.at
        if entry.action == SERVER:
            server = _server(entry)
        if app_id:
            apps[app_id] = _restore_app(apps.get(app_id, AppMemory()), entry)
    return Memory(
        apps={app_id: _within(app, window, now) for app_id, app in apps.items()},
        killed={task: at for task, at in sent[KILL].items() if now - at < window},
        preempted={task: at for task, at in sent[PREEMPT].items() if now - at < window},
        server=server,
    )


def _sent_to(entry: Entry) -> str:
    return str(workflow_task(entry)) if entry.action == PREEMPT else entry.subject


def _server(entry: Entry) -> ServerMemory:
    moved_at = entry.fields.get("moved_at")
    return ServerMemory(
        entry.subject,
        str(entry.fields.get("address", "")),
        is_successor=bool(entry.fields.get("is_successor")),
        moved_at=datetime.fromisoformat(moved_at) if moved_at else None,
    )


def _never_happened(entry: Entry) -> bool:
    return entry.outcome is not None and entry.outcome.startswith(("lost", "not sent"))


def _restore_app(app: AppMemory, entry: Entry) -> AppMemory:
    version = str(entry.fields.get("version") or app.version)
    if app.version and version != app.version:
        app = AppMemory(version=version)  # a new definition is a new chance
    app = replace(app, version=version)
    match entry.action:
        case "task.failed":
            return replace(app, failures=(*app.failures, _failure(entry)))
        case "launch_delay.reset" if not entry.cut_off and not _never_happened(entry):
            return replace(app, failures_at_reset=len(app.failures))
        case "app.given_up":
            return replace(app, gave_up=str(entry.fields.get("reason", "")))
        case "app.helped_again":
            fresh = bool(entry.fields.get("asked"))
            return replace(app, gave_up="", failures=() if fresh else app.failures)
        case _:
            return app


def _about(failure: Failure) -> dict[str, Any]:
    about = {"task_id": failure.task_id, "message": failure.message, "host": failure.host}
    return about | ({} if failure.ran is None else {"ran_s": failure.ran.total_seconds()})


def _failure(entry: Entry) -> Failure:
    message, host = (str(entry.fields.get(name, "")) for name in ("message", "host"))
    ran_s = entry.fields.get("ran_s")
    ran = timedelta(seconds=ran_s) if isinstance(ran_s, int | float) else None
    return Failure(entry.subject, entry.at, message, host, ran)


def _within(app: AppMemory, window: timedelta, now: datetime) -> AppMemory:
    recent = tuple(failure for failure in app.failures if now - failure.at < window)
    # The last one stays although it is old: Marathon goes on naming it, and it is not new.
    failures = recent or app.failures[-1:]
    forgotten = len(app.failures) - len(failures)
    at_reset = max(-1, app.failures_at_reset - forgotten)
    return replace(app, failures=failures, failures_at_reset=at_reset)


def merge(own: Memory, told: Memory) -> Memory:
    """Return what was seen by this watcher together with what the journal tells."""
    apps = dict(own.apps)
    for app_id, app in told.apps.items():
        apps[app_id] = _merge_app(own.app(app_id), app)
    return replace(
        own,
        apps=apps,
        killed={**own.killed, **told.killed},
        preempted={**own.preempted, **told.preempted},
        server=own.server if own.server.task_id else told.server,
    )


def _merge_app(own: AppMemory, told: AppMemory) -> AppMemory:
    if own.version and told.version and own.version != told.version:
        return own  # the journal speaks of an older definition
    known = {failure.task_id for failure in told.failures}
    seen = tuple(failure for failure in own.failures if failure.task_id not in known)
    return replace(
        own,
        failures=told.failures + seen,
        failures_at_reset=told.failures_at_reset,
        gave_up=told.gave_up,
        version=own.version or told.version,
    )


def changes(before: Memory, after: Memory) -> Iterator[Note]:
    """Yield the notes that make :func:`restore` return what is new in ``after``."""
    for app_id, app in after.apps.items():
        known = before.app(app_id)
        frame = {"app_id": app_id, "version": app.version}
        seen = {failure.task_id for failure in known.failures}
        for failure in app.failures:
            if failure.task_id not in seen:
                yield FAILED, {**frame, **_about(failure)}
        if app.gave_up and app.gave_up != known.gave_up:
            yield GIVEN_UP, {**frame, "reason": app.gave_up}
        if known.gave_up and not app.gave_up:
            asked = not app.failures and bool(known.failures)
            yield GIVE_UP_OVER, {**frame, "asked": asked, "reason": _why_over(known, app, asked)}
    if after.server.task_id and _as_seen(after.server) != _as_seen(before.server):
        yield SERVER, _as_seen(after.server)


def _as_seen(server: ServerMemory) -> dict[str, Any]:
    return {
        "task_id": server.task_id,
        "address": server.address,
        "is_successor": server.is_successor,
        "moved_at": server.moved_at.isoformat() if server.moved_at is not None else None,
    }


def _why_over(before: AppMemory, after: AppMemory, asked: bool) -> str:
    if before.version != after.version:
        return "a new definition"
    return "an operator resumed it" if asked else "it was calm for a whole window"
