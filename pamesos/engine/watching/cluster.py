"""The loop of one cluster: wait for the bell, observe, remember, decide, act, say what is new."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from pamesos.core.actions import (
    Action,
    Effect,
    GiveUp,
    Hold,
    KillTask,
    Notice,
    RemoveRmNode,
    ResetLaunchDelay,
    Wait,
)
from pamesos.core.decide import decide, policy_of
from pamesos.core.memory import Memory, note_give_up, note_kill, note_reset, remember
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.act import Actor
from pamesos.engine.watching.bell import Bell, Ring
from pamesos.engine.watching.observe import Observer, rest_url
from pamesos.engine.watching.publish import NOBODY, ClusterState, Publisher
from pamesos.engine.watching.rm_eye import RmEye

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


class ClusterWatcher:
    """Watches one group in a thread of its own."""

    #: Who shows what it sees; set before the start.
    publisher: Publisher = NOBODY

    def __init__(
        self,
        group_id: str,
        observer: Observer,
        rm: RmEye,
        actor: Actor,
        bell: Bell,
        *,
        pace: Pace,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.group_id = group_id
        self._observer = observer
        self._rm = rm
        self._actor = actor
        self._bell = bell
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
        self._rm.stop()
        self._bell.nudge()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the loop; False if it did not end in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

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
                except Exception:  # the one place: a defect must not end the watch
                    log.exception("cycle.failed", rests_s=rest_s)
                    self.publisher.cycle_failed(self.group_id)
                    wait_s, rest_s = rest_s, min(rest_s * 2, 300.0)
                until_full = (next_full_read - self._clock()).total_seconds()
                ring = self._bell.wait(min(wait_s, until_full))

    def cycle(self, ring: Ring) -> float:
        """Look, decide and act once; return after how many seconds to look again at the latest."""
        snapshot = self._look(ring)
        now = self._clock()
        policy = policy_of(snapshot)
        self._memory = remember(self._memory, snapshot, policy.window, now)
        actions = decide(snapshot, self._memory, policy, now)
        self._say([action for action in actions if isinstance(action, Notice)])
        for action in actions:
            if isinstance(action, Effect) and not self._stop.is_set():
                self._carry_out(action)
        notices = tuple(self._notices.values())
        self.publisher.publish(
            ClusterState(self.group_id, now, snapshot, self._memory, notices, ring)
        )
        return self._next_look(actions, now)

    def _look(self, ring: Ring) -> ClusterSnapshot:
        snapshot = self._observer.observe(ring)
        self._rm.look_at(rest_url(snapshot) if snapshot.group is not None else self._rm.url)
        if ring.apps or ring.everything:
            self._rm.look_now()
        nodes, problem = self._rm.view()
        return replace(snapshot, rm_nodes=nodes, rm_problem=problem)

    def _carry_out(self, effect: Effect) -> None:
        sent = self._actor.act(effect)
        match effect:
            case KillTask() if sent:
                self._memory = note_kill(self._memory, effect.task_id, self._clock())
            case ResetLaunchDelay() if sent:
                self._memory = note_reset(self._memory, effect.app_id)
            case RemoveRmNode():
                self._rm.forget(effect.url)

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
        if any(isinstance(action, Hold | Effect) for action in actions):
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
        case Wait():
            return notice.subject


def _log_notice(notice: Notice) -> None:
    match notice:
        case Hold():
            log.warning("cluster.held", reason=notice.reason)
        case GiveUp():
            log.error("app.given_up", app_id=notice.app_id, reason=notice.reason)
        case Wait():
            log.info("node.suspected", task_id=notice.subject, reason=notice.reason)
