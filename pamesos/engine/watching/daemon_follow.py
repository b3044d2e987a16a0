"""Follow one Marathon with one set of credentials: its event stream, and a watcher per cluster."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from pamesos.clients.events import Connected, Disconnected, Event, EventStream, Item
from pamesos.clients.marathon import MarathonClient
from pamesos.core import names
from pamesos.core.connection import Connection
from pamesos.core.jobs import Credentials
from pamesos.core.observed import GroupView
from pamesos.engine.watching.act import Actor
from pamesos.engine.watching.bell import Bell
from pamesos.engine.watching.cluster import ClusterWatcher, Pace, Parts, utc_now
from pamesos.engine.watching.history import History
from pamesos.engine.watching.journal import Journal
from pamesos.engine.watching.leader import Gate
from pamesos.engine.watching.observe import Observer
from pamesos.engine.watching.publish import Board
from pamesos.engine.watching.rm_eye import Rm, RmEye
from pamesos.engine.watching.state import State
from pamesos.errors import MarathonError

log = structlog.get_logger()

#: A stop waits this long, all in all, for actions that are under way.
STOP_S = 3.0
#: Events after which a new cluster may exist.
_GROUPS_CHANGED = frozenset({"group_change_success", "deployment_success", "deployment_info"})


@dataclass(frozen=True)
class Reach:
    """How Marathon and the RMs are reached: what a reload may change."""

    connection: Connection
    credentials: Credentials
    connect_rm: Callable[[str], Rm]

    def same_as(self, other: Reach) -> bool:
        mine, theirs = (self.connection, self.credentials), (other.connection, other.credentials)
        return mine == theirs


@dataclass(frozen=True)
class Watched:
    watcher: ClusterWatcher
    bell: Bell


class Follower:
    """``group_ids`` empty: every cluster that carries pamesos' labels, new ones too."""

    def __init__(
        self,
        reach: Reach,
        state: State,
        *,
        group_ids: tuple[str, ...],
        pace: Pace,
        dry_run: bool,
        on_groups: Callable[[], None],
        board: Board,
    ) -> None:
        self._reach = reach
        self._state = state
        self._group_ids = group_ids
        self._pace = pace
        self._dry_run = dry_run
        self._on_groups = on_groups
        self._board = board
        self._watched: dict[str, Watched] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._marathon = MarathonClient(reach.connection, stop=self._stop)
        self._stream = EventStream(reach.connection, on_item=self._hear)

    @property
    def url(self) -> str:
        return self._marathon.url

    def start(self) -> None:
        for group_id in self._group_ids:
            self._watch(group_id)
        self._stream.start()

    def stop(self) -> bool:
        """End everything within seconds; False if an action is still under way."""
        self._stop.set()
        watched = self._all()
        for one in watched:
            one.watcher.stop()
        end_at = time.monotonic() + STOP_S
        # It waits for its thread, which a Marathon that takes connections and never answers blocks.
        ending = threading.Thread(target=self._stream.stop, name="stream-end", daemon=True)
        ending.start()
        ended = [one.watcher.join(max(0.0, end_at - time.monotonic())) for one in watched]
        for one in watched:
            self._board.forget(one.watcher.group_id)
        ending.join(max(0.0, end_at - time.monotonic()))
        return all(ended)

    def hangs(self, limit_s: float) -> bool:
        return any(one.watcher.hangs(limit_s) for one in self._all())

    def nudge(self) -> None:
        """Let every watcher decide again with what it knows."""
        for one in self._all():
            one.bell.nudge()

    def discover(self) -> None:
        """Look for new clusters and for ones that are gone, unless some were named."""
        if self._group_ids:
            return
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

    def _all(self) -> list[Watched]:
        with self._lock:
            return list(self._watched.values())

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
        for one in self._all():
            one.bell.ring_everything()
        self._on_groups()

    def _watch(self, group_id: str) -> None:
        bell = Bell()
        gate = Gate(group_id, self._state.mandate, self._state.orders)
        journal = Journal(self._state.lines, group_id)
        eye = RmEye(self._reach.connect_rm, interval_s=self._pace.rm_poll_s, on_change=bell.nudge)
        marathon = MarathonClient(self._reach.connection, stop=self._stop)
        actor = Actor(marathon, eye, journal, gate, clock=utc_now, dry_run=self._dry_run)
        history = History(journal, utc_now)
        parts = Parts(Observer(group_id, marathon), eye, actor, bell, gate, history)
        watcher = ClusterWatcher(group_id, parts, pace=self._pace)
        watcher.publisher = self._board
        self._board.watch(group_id)
        with self._lock:
            self._watched[group_id] = Watched(watcher, bell)
        watcher.start()
        log.info("cluster.watched", cluster=group_id)


def clusters_in(root: GroupView) -> Iterable[str]:
    """Return the ids of the groups whose apps carry the label of a cluster."""
    for app in root.apps:
        if names.LABEL_CLUSTER in app.labels:
            yield app.id.rpartition("/")[0]
