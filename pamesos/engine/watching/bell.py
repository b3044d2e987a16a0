"""A bell that names apps. It wakes the one who waits and never says what happened."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Ring:
    """What rang since the last wait: some apps, or ``everything``; neither when time ran out."""

    apps: frozenset[str] = frozenset()
    everything: bool = False
    #: When the first of them rang (monotonic clock); None if nothing asked for a read.
    rung_at: float | None = field(default=None, compare=False)


class Bell:
    """Collects rings from any thread; rings that come together are heard once."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._apps: set[str] = set()
        self._everything = False
        self._rung = False
        self._rung_at: float | None = None

    def ring(self, app_id: str) -> None:
        """Ask for one app to be read again."""
        with self._condition:
            self._apps.add(app_id)
            self._note_time()
            self._wake()

    def ring_everything(self) -> None:
        """Ask for a full read: the stream was away, or something named no app."""
        with self._condition:
            self._everything = True
            self._note_time()
            self._wake()

    def nudge(self) -> None:
        """Wake the waiter without asking for a read: something else is new."""
        with self._condition:
            self._wake()

    def wait(self, timeout_s: float) -> Ring:
        """Return what rang, at once if something did already; an empty ring after the time."""
        with self._condition:
            self._condition.wait_for(lambda: self._rung, timeout=max(0.0, timeout_s))
            ring = Ring(frozenset(self._apps), self._everything, self._rung_at)
            self._apps.clear()
            self._everything = self._rung = False
            self._rung_at = None
            return ring

    def _note_time(self) -> None:
        if self._rung_at is None:
            self._rung_at = time.monotonic()

    def _wake(self) -> None:
        self._rung = True
        self._condition.notify_all()
