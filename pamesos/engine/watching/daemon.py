"""Own the process of `pamesos watch`: the event stream, and one watcher for each cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from pamesos.clients.events import Connected, Disconnected, Event, EventStream, Item
from pamesos.clients.marathon import MarathonClient
from pamesos.core import names
from pamesos.core.connection import Connection
from pamesos.core.observed import GroupView
from pamesos.engine.watching.act import Actor
from pamesos.engine.watching.bell import Bell
from pamesos.engine.watching.cluster import ClusterWatcher, Pace, utc_now
from pamesos.engine.watching.journal import Journal
from pamesos.engine.watching.observe import Observer
from pamesos.engine.watching.publish import Board
from pamesos.engine.watching.rm_eye import Rm, RmEye
from pamesos.errors import MarathonError

log = structlog.get_logger()

#: A stop waits this long for an action that is under way.
STOP_S = 5.0
#: Events after which a new cluster may exist.
_GROUPS_CHANGED = frozenset({"group_change_success", "deployment_success", "deployment_info"})


@dataclass(frozen=True)
class WatchOptions:
    """``group_ids`` empty: every cluster that carries pamesos' labels, new ones too."""

    group_ids: tuple[str, ...] = ()
    state_dir: Path = Path()
    dry_run: bool = False
    pace: Pace = field(default_factory=Pace)


@dataclass(frozen=True)
class _Watched:
    watcher: ClusterWatcher
    bell: Bell


class WatchDaemon:
    """Follows one Marathon until it is stopped."""

    def __init__(
        self,
        connection: Connection,
        connect_rm: Callable[[str], Rm],
        options: WatchOptions,
        *,
        board: Board | None = None,
    ) -> None:
        """Raises SettingsError if the journal cannot be written."""
        self._connection = connection
        self._connect_rm = connect_rm
        self._options = options
        self._board = board or Board()
        self._journal = Journal(options.state_dir)
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._look_for_clusters = threading.Event()
        self._stop = threading.Event()
        self._marathon = MarathonClient(connection, stop=self._stop)

    def stop(self) -> None:
        """End the watch; safe in a signal handler."""
        self._stop.set()
        self._look_for_clusters.set()

    def run(self) -> None:
        """Watch until :meth:`stop`."""
        stream = EventStream(self._connection, on_item=self._hear)
        log.info("watch.started", marathon=self._marathon.url, dry_run=self._options.dry_run)
        for group_id in self._options.group_ids:
            self._watch(group_id)
        stream.start()
        try:
            while not self._stop.is_set():
                self._look_for_clusters.clear()
                if not self._options.group_ids:
                    self._discover()
                self._look_for_clusters.wait(self._options.pace.full_read_s)
        finally:
            stream.stop()
            self._end()

    def _hear(self, item: Item) -> None:
        self._board.hear(item)
        match item:
            case Connected(url=url, first=first):
                log.info("events.connected" if first else "events.reconnected", url=url)
                self._ring_everything()
            case Disconnected(reason=reason):
                log.warning("events.lost", reason=reason)
            case Event():
                self._ring(item)

    def _ring(self, event: Event) -> None:
        if event.type in _GROUPS_CHANGED:
            self._ring_everything()
        app_id = event.app_id
        if app_id is None:
            return
        with self._lock:
            watched = list(self._watched.items())
        for group_id, one in watched:
            if app_id.startswith(group_id.rstrip("/") + "/"):
                one.bell.ring(app_id)

    def _ring_everything(self) -> None:
        with self._lock:
            watched = list(self._watched.values())
        for one in watched:
            one.bell.ring_everything()
        self._look_for_clusters.set()

    def _discover(self) -> None:
        try:
            root = self._marathon.get_group("/")
        except MarathonError as error:
            log.warning("clusters.unreadable", reason=error.problem)
            return
        found = set(clusters_in(root))
        for group_id in sorted(found - self._watched.keys()):
            self._watch(group_id)
        for group_id in sorted(self._watched.keys() - found):
            log.info("cluster.gone", cluster=group_id)
            with self._lock:
                gone = self._watched.pop(group_id)
            gone.watcher.stop()
            self._board.forget(group_id)

    def _watch(self, group_id: str) -> None:
        bell = Bell()
        eye = RmEye(self._connect_rm, interval_s=self._options.pace.rm_poll_s, on_change=bell.nudge)
        marathon = MarathonClient(self._connection, stop=self._stop)
        actor = Actor(marathon, eye, self._journal, clock=utc_now, dry_run=self._options.dry_run)
        observer = Observer(group_id, marathon)
        watcher = ClusterWatcher(group_id, observer, eye, actor, bell, pace=self._options.pace)
        watcher.publisher = self._board
        self._board.watch(group_id)
        with self._lock:
            self._watched[group_id] = _Watched(watcher, bell)
        watcher.start()
        log.info("cluster.watched", cluster=group_id)

    def _end(self) -> None:
        with self._lock:
            watched = list(self._watched.values())
        for one in watched:
            one.watcher.stop()
        ended = [one.watcher.join(STOP_S) for one in watched]
        log.info("watch.stopped", clean=all(ended))
        self._journal.close()


def clusters_in(root: GroupView) -> Iterable[str]:
    """Return the ids of the groups whose apps carry the label of a cluster."""
    for app in root.apps:
        if names.LABEL_CLUSTER in app.labels:
            yield app.id.rpartition("/")[0]
