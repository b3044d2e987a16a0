"""Own the process of `pamesos watch`: start, reload, watchdog, stop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from pamesos.engine.watching.cluster import Pace
from pamesos.engine.watching.daemon_follow import Follower, Reach
from pamesos.engine.watching.daemon_notify import Notifier
from pamesos.engine.watching.publish import Board
from pamesos.engine.watching.state import State
from pamesos.errors import PamesosError

log = structlog.get_logger()

#: How often orders are looked for, and the watchdog is fed.
TICK_S = 1.0


@dataclass(frozen=True)
class WatchOptions:
    """``group_ids`` empty: every cluster that carries pamesos' labels, new ones too."""

    group_ids: tuple[str, ...] = ()
    dry_run: bool = False
    pace: Pace = field(default_factory=Pace)


class WatchDaemon:
    """Watches until it is stopped. ``load`` reads the settings, at first and at each reload."""

    def __init__(
        self,
        load: Callable[[], Reach],
        state: State,
        options: WatchOptions,
        notifier: Notifier | None = None,
        *,
        board: Board | None = None,
    ) -> None:
        """Raises what ``load`` raises."""
        self._load = load
        self._state = state
        self._options = options
        self._notifier = notifier or Notifier()
        self._board = board or Board()
        self._reach = load()
        self._wake = threading.Event()
        self._look_for_clusters = threading.Event()
        self._reload = threading.Event()
        self._stop = threading.Event()
        self._follower = self._new_follower()

    def stop(self) -> None:
        """End the watch; safe in a signal handler."""
        self._stop.set()
        self._wake.set()

    def reload(self) -> None:
        """Read the settings again; safe in a signal handler."""
        self._reload.set()
        self._wake.set()

    def run(self) -> None:
        """Watch until :meth:`stop`."""
        log.info("watch.started", marathon=self._follower.url, dry_run=self._options.dry_run)
        self._state.start(self._state_changed)
        self._follower.start()
        self._notifier.ready()
        try:
            self._turn()
        finally:
            self._notifier.stopping()
            clean = self._follower.stop()
            self._state.stop()
            log.info("watch.stopped", clean=clean)

    def _turn(self) -> None:
        next_full_read = 0.0
        while not self._stop.is_set():
            self._wake.clear()
            if self._reload.is_set():
                self._reload.clear()
                self._do_reload()
            if self._look_for_clusters.is_set() or time.monotonic() >= next_full_read:
                self._look_for_clusters.clear()
                next_full_read = time.monotonic() + self._options.pace.full_read_s
                self._follower.discover()
            self._state.tick()
            self._feed_watchdog()
            self._wake.wait(TICK_S)

    def _feed_watchdog(self) -> None:
        wanted_s = self._notifier.watchdog_s
        if wanted_s is not None and not self._follower.hangs(wanted_s / 2):
            self._notifier.alive()

    def _do_reload(self) -> None:
        """Take up new settings; faulty ones change nothing."""
        self._notifier.reloading()
        try:
            reach = self._load()
        except PamesosError as error:
            log.warning("settings.refused", reason=error.problem, kept="those from before")
        else:
            if reach.same_as(self._reach):
                log.info("settings.unchanged")
            else:
                self._change_to(reach)
        self._notifier.ready()

    def _change_to(self, reach: Reach) -> None:
        # The watchers begin anew; the journal gives them back what they knew.
        self._follower.stop()
        self._reach = reach
        self._follower = self._new_follower()
        self._follower.start()
        self._look_for_clusters.set()
        log.info("settings.reloaded", marathon=self._follower.url)

    def _new_follower(self) -> Follower:
        return Follower(
            self._reach,
            self._state,
            group_ids=self._options.group_ids,
            pace=self._options.pace,
            dry_run=self._options.dry_run,
            on_groups=self._groups_changed,
            board=self._board,
        )

    def _groups_changed(self) -> None:
        self._look_for_clusters.set()
        self._wake.set()

    def _state_changed(self) -> None:
        self._follower.nudge()
