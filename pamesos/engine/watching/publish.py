"""What the watchers show to whoever looks: the status page, the metrics, a webhook.

Nothing here decides, and nothing here can hold a watcher up: it hands values over, under a lock
that is never kept while something else is waited for.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

import structlog

from pamesos.clients.events import Connected, Disconnected, Event, Item
from pamesos.engine.watching.news import NewsDesk
from pamesos.engine.watching.shown import BoardView, ClusterShow, ClusterState, StreamState
from pamesos.engine.watching.tally import Tally, outcome_kind
from pamesos.engine.watching.timeline import Deed, Line, Lines, TellingLines, deed_of, replay

__all__ = ["NOBODY", "Board", "BoardView", "ClusterShow", "ClusterState", "Publisher"]

log = structlog.get_logger()

#: So many deeds of a cluster are shown; the journal has all.
KEPT = 100


class Publisher(Protocol):
    """What a watcher needs to be seen."""

    def turn(self, group_id: str) -> None: ...

    def publish(self, state: ClusterState) -> None: ...

    def cycle_failed(self, group_id: str) -> None: ...


@dataclass
class _Track:
    state: ClusterState | None = None
    tally: Tally = field(default_factory=Tally)
    turned: float = field(default_factory=time.monotonic)
    news: NewsDesk = field(default_factory=NewsDesk)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Board:
    """Takes what the watchers publish, from any thread; readers get frozen views."""

    def __init__(self, *, clock: Callable[[], datetime] = _utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._started_at = clock()
        self._stream = StreamState()
        self._tracks: dict[str, _Track] = {}
        self._deeds: defaultdict[str, deque[Deed]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._listeners: list[Callable[[Deed], None]] = []

    def subscribe(self, listener: Callable[[Deed], None]) -> None:
        """Call ``listener`` with each deed that is new; it must return at once."""
        self._listeners.append(listener)

    # -- from the watchers -----------------------------------------------------------------------

    def watch(self, group_id: str) -> None:
        """A cluster is watched from now on."""
        with self._lock:
            self._tracks.setdefault(group_id, _Track())

    def forget(self, group_id: str) -> None:
        """A cluster is gone."""
        with self._lock:
            self._tracks.pop(group_id, None)

    def turn(self, group_id: str) -> None:
        """The loop of a cluster begins a turn, whatever comes of it."""
        with self._lock:
            if group_id in self._tracks:
                self._tracks[group_id].turned = time.monotonic()

    def cycle_failed(self, group_id: str) -> None:
        """A cycle ended in a defect."""
        with self._lock:
            if group_id in self._tracks:
                self._tracks[group_id].tally.cycle_failures += 1

    def publish(self, state: ClusterState) -> None:
        """Show a cycle's end; what is new in it becomes a deed."""
        with self._lock:
            track = self._tracks.get(state.group_id)
            if track is None:  # gone meanwhile
                return
            before, track.state = track.state, state
            _count(track.tally, before, state)
            news = track.news.read(state)
            _count_news(track.tally, news)
            self._deeds[state.group_id].extend(news)
        self._tell(news)

    def hear(self, item: Item) -> None:
        """Take an item of the event stream into account."""
        with self._lock:
            stream = self._stream
            match item:
                case Event():
                    self._stream = replace(stream, events=stream.events + 1)
                case Connected(url=url):
                    self._stream = replace(
                        stream, connected=True, url=url, problem="", since=self._clock()
                    )
                case Disconnected(reason=reason):
                    self._stream = replace(
                        stream,
                        connected=False,
                        problem=reason,
                        since=stream.since if not stream.connected else self._clock(),
                        losses=stream.losses + stream.connected,
                    )

    # -- from the journal ------------------------------------------------------------------------

    def listen_to(self, lines: Lines) -> Lines:
        """Wrap a journal's place: what is read from it and what is added to it is shown."""
        return TellingLines(lines, self._hear_line, self._hear_all)

    def _hear_all(self, lines: list[Line]) -> None:
        with self._lock:
            for group_id, deeds in replay(lines, KEPT).items():
                mine = self._deeds[group_id]
                known = {deed.id for deed in mine}
                older = [deed for deed in deeds if deed.id not in known]
                together = sorted([*older, *mine], key=lambda deed: deed.at)
                mine.clear()
                mine.extend(together)

    def _hear_line(self, line: Line) -> None:
        with self._lock:
            deed = self._write_down(line)
        if deed is not None and deed.outcome is not None:
            self._tell([deed])

    def _write_down(self, line: Line) -> Deed | None:
        if line.get("phase") == "intent" and (deed := deed_of(line)):
            self._deeds[deed.group_id].append(deed)
            return deed
        if line.get("phase") == "outcome":
            return self._conclude(str(line.get("id")), str(line.get("outcome", "")))
        return None

    def _conclude(self, deed_id: str, outcome: str) -> Deed | None:
        for group_id, deeds in self._deeds.items():
            for index, deed in enumerate(deeds):
                if deed.id == deed_id:
                    deeds[index] = concluded = replace(deed, outcome=outcome)
                    if group_id in self._tracks:
                        tally = self._tracks[group_id].tally
                        tally.actions[deed.action, outcome_kind(outcome)] += 1
                    return concluded
        return None

    # -- for readers -----------------------------------------------------------------------------

    def view(self) -> BoardView:
        """Return the board as it is now."""
        now = time.monotonic()
        with self._lock:
            shows = [
                ClusterShow(
                    group_id,
                    track.state,
                    track.tally.freeze(),
                    tuple(reversed(self._deeds[group_id])),
                    now - track.turned,
                )
                for group_id, track in sorted(self._tracks.items())
            ]
            return BoardView(self._clock(), self._started_at, self._stream, tuple(shows))

    def _tell(self, news: Iterable[Deed]) -> None:
        for deed in news:
            for listener in self._listeners:
                try:
                    listener(deed)
                except Exception:  # a listener's defect must not end a cycle
                    log.exception("news.not_told")


class _Nobody:
    """Looks at nothing: the publisher of a watcher that nobody watches."""

    def turn(self, group_id: str) -> None: ...

    def publish(self, state: ClusterState) -> None: ...

    def cycle_failed(self, group_id: str) -> None: ...


NOBODY = _Nobody()


def _count(tally: Tally, before: ClusterState | None, state: ClusterState) -> None:
    ok = state.snapshot.group is not None
    # After a failed read everything is read again (observe.py).
    full = state.ring.everything or before is None or before.snapshot.group is None
    how = "done" if ok else "failed"
    if full:
        tally.reads["full", how] += 1
        tally.full_read_at = state.at if ok else tally.full_read_at
    elif state.ring.apps:
        tally.reads["app", how] += len(state.ring.apps)
    tally.cycles += 1
    if state.ring.rung_at is not None and ok:
        tally.answers = tally.answers.plus(time.monotonic() - state.ring.rung_at)


def _count_news(tally: Tally, news: Iterable[Deed]) -> None:
    for deed in news:
        tally.holds += deed.action == "hold"
        tally.give_ups += deed.action == "give_up"
