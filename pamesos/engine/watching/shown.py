"""What there is to see of the watchers, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pamesos.core.actions import BadAgent, GiveUp, Hold, Notice
from pamesos.core.memory import Memory
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.bell import Ring
from pamesos.engine.watching.tally import Counts
from pamesos.engine.watching.timeline import Deed


@dataclass(frozen=True)
class ClusterState:
    """One cluster as a cycle of its watcher left it."""

    group_id: str
    at: datetime
    snapshot: ClusterSnapshot
    memory: Memory = field(default_factory=Memory)
    notices: tuple[Notice, ...] = ()
    ring: Ring = field(default_factory=Ring)
    #: Why another daemon acts here, and this one only looks; empty if it is on this one.
    standby: str = ""

    @property
    def holds(self) -> tuple[Hold, ...]:
        return tuple(notice for notice in self.notices if isinstance(notice, Hold))

    @property
    def give_ups(self) -> tuple[GiveUp, ...]:
        return tuple(notice for notice in self.notices if isinstance(notice, GiveUp))

    @property
    def bad_agents(self) -> tuple[BadAgent, ...]:
        return tuple(notice for notice in self.notices if isinstance(notice, BadAgent))


@dataclass(frozen=True)
class StreamState:
    """The event stream; ``problem`` says why it is not connected."""

    connected: bool = False
    url: str = ""
    problem: str = "it was not connected yet"
    since: datetime | None = None
    events: int = 0
    losses: int = 0


@dataclass(frozen=True)
class ClusterShow:
    """All there is to show of one cluster; ``state`` None before its first cycle ended."""

    group_id: str
    state: ClusterState | None
    counts: Counts
    #: Newest first.
    deeds: tuple[Deed, ...]
    #: Seconds since its loop last turned.
    idle_s: float


@dataclass(frozen=True)
class BoardView:
    """The board at one moment."""

    at: datetime
    started_at: datetime
    stream: StreamState
    clusters: tuple[ClusterShow, ...]

    def cluster(self, group_id: str) -> ClusterShow | None:
        return next((one for one in self.clusters if one.group_id == group_id), None)
