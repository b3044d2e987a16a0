"""Carry actions out: looked at afresh, written down, sent, logged once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

import structlog

from pamesos.core.actions import Effect, KillTask, PreemptTask, RemoveRmNode, ResetLaunchDelay
from pamesos.core.observed import AppView, GroupView
from pamesos.core.snapshot import ClusterSnapshot, NodeTask
from pamesos.engine.watching.boundaries import boundary
from pamesos.engine.watching.journal import Journal
from pamesos.engine.watching.leader import Gate
from pamesos.engine.watching.rm_eye import RmEye
from pamesos.errors import PamesosError, StateUnavailableError

log = structlog.get_logger()

_DONE = "done"


class MarathonWrites(Protocol):
    """What is needed of a Marathon client to act."""

    def find_app(self, app_id: str) -> AppView | None: ...

    def kill_tasks(
        self, task_ids: Iterable[str], *, scale: bool = False, wipe: bool = False
    ) -> tuple[str, ...]: ...

    def reset_delay(self, app_id: str) -> bool: ...


class Actor:
    """Sends the actions of one cluster; with ``dry_run`` it only says what it would do."""

    def __init__(
        self,
        marathon: MarathonWrites,
        rm: RmEye,
        journal: Journal,
        gate: Gate,
        *,
        clock: Callable[[], datetime],
        dry_run: bool = False,
    ) -> None:
        self._marathon = marathon
        self._rm = rm
        self._journal = journal
        self._gate = gate
        self._clock = clock
        self._dry_run = dry_run

    def act(self, effect: Effect) -> bool:
        """Carry one action out; return whether it was sent (also if its answer was an error)."""
        event, fields = _EVENTS[type(effect)], _fields(effect)
        if self._dry_run:
            log.info(event, outcome="dry run: nothing was sent", **fields)
            return True
        try:
            doubt = self._gate.refusal() or self._doubt(effect)
        except PamesosError as error:
            doubt = f"it could not be looked at again: {error.problem}"
        entry = ""
        if not doubt:
            entry, doubt = self._intend(event, fields)
        if doubt:
            log.info("action.dropped", action=event, doubt=doubt, **fields)
            return False
        # Time may have passed while it was written down: the right to act may be another's now.
        late = self._gate.standby()
        outcome = f"not sent: {late}" if late else self._send(effect)
        boundary("after-send")
        self._conclude(entry, outcome)
        (log.info if outcome == _DONE else log.warning)(event, outcome=outcome, **fields)
        return not late

    def _intend(self, event: str, fields: dict[str, Any]) -> tuple[str, str]:
        """Return the id of the journal's entry, or why there is none: then nothing is sent."""
        boundary("before-intent")
        try:
            entry = self._journal.intend(self._clock(), event, fields)
        except StateUnavailableError as error:
            return "", f"it could not be written down: {error.problem}"
        boundary("after-intent")
        return entry, ""

    def _conclude(self, entry: str, outcome: str) -> None:
        try:
            self._journal.conclude(self._clock(), entry, outcome)
        except StateUnavailableError as error:  # the next term looks what became of it
            log.warning("journal.unwritten", entry=entry, outcome=outcome, reason=error.problem)
        boundary("after-outcome")

    def _doubt(self, effect: Effect) -> str:
        """Look again, just before sending; return why the action is not right any more."""
        if isinstance(effect, PreemptTask):
            still = effect.task in self._rm.read_tasks()
            return "" if still else "the task ended, or runs anew"
        if not isinstance(effect, KillTask):
            return ""  # both others are harmless when they come too late
        app = self._marathon.find_app(effect.app_id)
        task = next((t for t in app.tasks if t.id == effect.task_id), None) if app else None
        if app is None or task is None or not task.running:
            return "the task does not run any more"
        if app.deployment_ids:
            return f"deployment {app.deployment_ids[0]} has begun"
        now = ClusterSnapshot(group=_alone(app), rm_nodes=self._rm.read())
        node = next((n for n in now.node_tasks() if n.task.id == effect.task_id), None)
        return "" if node is None or not _recovered(node) else "the RM hears from the node again"

    def _send(self, effect: Effect) -> str:
        try:
            match effect:
                case KillTask():
                    known = self._marathon.kill_tasks([effect.task_id])
                    return _DONE if known else "not needed: Marathon does not know the task"
                case ResetLaunchDelay():
                    reset = self._marathon.reset_delay(effect.app_id)
                    return _DONE if reset else "not needed: the app is not queued"
                case RemoveRmNode():
                    removed = self._rm.remove_node(effect.url)
                    return _DONE if removed else "not needed: the RM does not know the node"
                case PreemptTask():
                    preempted = self._rm.preempt(effect.task)
                    return _DONE if preempted else "not needed: the task does not run"
        except PamesosError as error:
            return f"failed: {error.problem}"


_EVENTS: dict[type[Effect], str] = {
    KillTask: "task.replaced",
    ResetLaunchDelay: "launch_delay.reset",
    RemoveRmNode: "rm_node.removed",
    PreemptTask: "workflow_task.preempted",
}


def _fields(effect: Effect) -> dict[str, Any]:
    if not isinstance(effect, PreemptTask):
        return asdict(effect)
    task = effect.task
    return {
        "job_id": task.job_id,
        "workflow_task": task.name,
        "node": task.node,
        "reason": effect.reason,
    }


def _alone(app: AppView) -> GroupView:
    return GroupView(app.id, app.version, (app,))


def _recovered(node: NodeTask) -> bool:
    return node.known or node.undecided
