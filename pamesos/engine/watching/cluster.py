"""The loop of one cluster: wait for the bell, observe, remember, decide, act, say what is new."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from pamesos.core.actions import (
    Action,
    BadAgent,
    Effect,
    GiveUp,
    Hold,
    KillTask,
    Notice,
    PreemptTask,
    RemoveRmNode,
    ResetLaunchDelay,
    Wait,
)
from pamesos.core.decide import Policy, decide, policy_of
from pamesos.core.memory import (
    Memory,
    note_give_up,
    note_kill,
    note_preempt,
    note_reset,
    note_resume,
    remember,
)
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.act import Actor
from pamesos.engine.watching.bell import Bell, Ring
from pamesos.engine.watching.boundaries import boundary
from pamesos.engine.watching.history import History
from pamesos.engine.watching.hold import is_within
from pamesos.engine.watching.leader import Gate
from pamesos.engine.watching.observe import Observer, rest_url
from pamesos.engine.watching.publish import NOBODY, ClusterState, Publisher
from pamesos.engine.watching.rm_eye import RmEye
from pamesos.errors import StateUnavailableError

log = structlog.get_logger()


@dataclass(frozen=True)
class Pace:
    """How often the watcher looks when nothing rings, in seconds."""

    #: The safety net for lost events.
    full_read_s: float = 300.0
    rm_poll_s: float = 5.0
    #: While something is wrong or away.
    retry_s: float = 5.0


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Parts:
    """What one watcher works with: eyes, hands, what wakes it, what may stop it, what it knows."""

    observer: Observer
    rm: RmEye
    actor: Actor
    bell: Bell
    gate: Gate
    history: History


class ClusterWatcher:
    """Watches one group in a thread of its own."""

    #: Who shows what it sees; set before the start.
    publisher: Publisher = NOBODY

    def __init__(
        self,
        group_id: str,
        parts: Parts,
        *,
        pace: Pace,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.group_id = group_id
        self._observer = parts.observer
        self._rm = parts.rm
        self._actor = parts.actor
        self._bell = parts.bell
        self._gate = parts.gate
        self._history = parts.history
        self._term = 0
        self._busy_since: float | None = None
        self._pace = pace
        self._clock = clock
        self._memory = Memory()
        self._notices: dict[str, Notice] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {group_id}", daemon=True)

    def start(self) -> None:
        self._rm.start()
        self._thread.start()

    def stop(self) -> None:
        """Ask the loop to end after the action that is under way."""
        self._stop.set()
        self._gate.close()
        self._rm.stop()
        self._bell.nudge()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the loop; False if it did not end in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def hangs(self, limit_s: float) -> bool:
        """Whether the loop has died, or has been at one step for longer than it ever should."""
        since = self._busy_since
        too_long = since is not None and time.monotonic() - since > limit_s
        return too_long or not (self._thread.is_alive() or self._stop.is_set())

    def _run(self) -> None:
        with structlog.contextvars.bound_contextvars(cluster=self.group_id):
            ring, rest_s = Ring(everything=True), self._pace.retry_s
            next_full_read = self._clock()
            while not self._stop.is_set():
                self.publisher.turn(self.group_id)
                now = self._clock()
                if now >= next_full_read:
                    ring = replace(ring, everything=True)
                if ring.everything:
                    next_full_read = now + _seconds(self._pace.full_read_s)
                try:
                    wait_s, rest_s = self.cycle(ring), self._pace.retry_s
                except StateUnavailableError as error:
                    log.warning("cycle.failed", reason=error.problem)
                    wait_s = self._pace.retry_s
                except Exception:  # the one place: a defect must not end the watch
                    log.exception("cycle.failed", rests_s=rest_s)
                    self.publisher.cycle_failed(self.group_id)
                    wait_s, rest_s = rest_s, min(rest_s * 2, 300.0)
                self._busy_since = None
                until_full = (next_full_read - self._clock()).total_seconds()
                ring = self._bell.wait(min(wait_s, until_full))

    def cycle(self, ring: Ring) -> float:
        """Look, decide and act once; return after how many seconds to look again at the latest."""
        self._busy_since = time.monotonic()
        boundary("cycle")
        self._gate.begin()
        snapshot = self._look(ring)
        standby = bool(self._gate.standby())
        now = self._clock()
        policy = policy_of(snapshot)
        if not standby:
            self._take_up(snapshot, policy)
        self._memory = remember(self._memory, snapshot, policy.window, now)
        self._rm.wants_tasks = self._memory.server.moved
        actions = decide(snapshot, self._memory, policy, now)
        if standby:  # it looks and learns, so that it can act at once when its turn comes
            self._publish(now, snapshot, ring)
            return self._next_look(actions, now)
        actions = self._unless_held(actions)
        self._say([action for action in actions if isinstance(action, Notice)])
        self._history.keep(self._memory)
        self._carry_out_all([action for action in actions if isinstance(action, Effect)])
        self._publish(now, snapshot, ring)
        return self._next_look(actions, now)

    def _publish(self, now: datetime, snapshot: ClusterSnapshot, ring: Ring) -> None:
        notices, standby = tuple(self._notices.values()), self._gate.standby()
        if standby:
            notices = ()
        self.publisher.publish(
            ClusterState(self.group_id, now, snapshot, self._memory, notices, ring, standby)
        )

    def _take_up(self, snapshot: ClusterSnapshot, policy: Policy) -> None:
        """At the begin of a term learn from the journal; lift what an operator wants lifted."""
        if self._term != (term := self._gate.term):
            self._memory = self._history.recall(self._memory, policy.window)
            self._term = term
        self._memory = self._history.settle(self._memory, snapshot)
        for order in self._gate.orders.resumes_in(self.group_id):
            apps = [app for app in self._memory.apps if is_within(app, order.scope)]
            for app_id in apps:
                self._memory = note_resume(self._memory, app_id)
            self._history.keep(self._memory)
            self._gate.orders.fulfil(order)
            log.info("apps.resumed", apps=apps, by=order.by, reason=order.reason)

    def _unless_held(self, actions: tuple[Action, ...]) -> tuple[Action, ...]:
        held = self._gate.held()
        if not held:
            return actions
        notices = [a for a in actions if isinstance(a, Notice) and not isinstance(a, Hold)]
        return (Hold(held), *notices)

    def _look(self, ring: Ring) -> ClusterSnapshot:
        snapshot = self._observer.observe(ring)
        self._rm.look_at(rest_url(snapshot) if snapshot.group is not None else self._rm.url)
        if ring.apps or ring.everything:
            self._rm.look_now()
        nodes, problem = self._rm.view()
        return replace(
            snapshot, rm_nodes=nodes, rm_problem=problem, workflow_tasks=self._rm.tasks()
        )

    def _carry_out_all(self, effects: list[Effect]) -> None:
        began, sent = time.monotonic(), 0
        for effect in effects:
            if not self._stop.is_set():
                self._busy_since = time.monotonic()
                sent += self._carry_out(effect)
        if sent:  # one line that sums up a cycle which did something, and none for others
            took_ms = round((time.monotonic() - began) * 1000)
            log.info("cycle.acted", sent=sent, decided=len(effects), took_ms=took_ms)

    def _carry_out(self, effect: Effect) -> bool:
        sent = self._actor.act(effect)
        match effect:
            case KillTask() if sent:
                self._memory = note_kill(self._memory, effect.task_id, self._clock())
            case ResetLaunchDelay() if sent:
                self._memory = note_reset(self._memory, effect.app_id)
            case RemoveRmNode():
                self._rm.forget(effect.url)
            case PreemptTask() if sent:
                self._memory = note_preempt(self._memory, effect.task, self._clock())
        return sent

    def _say(self, notices: list[Notice]) -> None:
        """Log what is new, and what is over: once each, never in every cycle."""
        current = {_subject(notice): notice for notice in notices}
        for subject, notice in current.items():
            before = self._notices.get(subject)
            if before is None or (isinstance(notice, Hold) and notice != before):
                _log_notice(notice)
        for subject in self._notices.keys() - current.keys():
            log.info("notice.over", subject=subject)
        for notice in notices:
            if isinstance(notice, GiveUp):
                self._memory = note_give_up(self._memory, notice.app_id, notice.reason)
        self._notices = current

    def _next_look(self, actions: tuple[Action, ...], now: datetime) -> float:
        waits = [(a.until - now).total_seconds() for a in actions if isinstance(a, Wait)]
        if self._history.unsettled or any(isinstance(a, Hold | Effect) for a in actions):
            waits.append(self._pace.retry_s)
        return max(0.05, min(waits, default=self._pace.full_read_s))


def _seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def _subject(notice: Notice) -> str:
    match notice:
        case Hold():
            return "hold"
        case GiveUp():
            return notice.app_id
        case BadAgent():
            return f"{notice.app_id} on {notice.host}"
        case Wait():
            return notice.subject


def _log_notice(notice: Notice) -> None:
    match notice:
        case Hold():
            log.warning("cluster.held", reason=notice.reason)
        case GiveUp():
            log.error("app.given_up", app_id=notice.app_id, reason=notice.reason)
        case BadAgent():
            log.error("agent.bad", app_id=notice.app_id, host=notice.host, reason=notice.reason)
        case Wait():
            log.info("node.suspected", task_id=notice.subject, reason=notice.reason)
