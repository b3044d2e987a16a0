"""Counts of what one watcher did: plain numbers, so that the engine needs no metrics library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

#: Upper bounds in seconds. The goal is 20 ms plus one targeted read.
BUCKETS_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Durations:
    """A histogram: ``counts`` has one number for each bucket, not summed up, and one for more."""

    counts: tuple[int, ...] = (0,) * (len(BUCKETS_S) + 1)
    sum_s: float = 0.0

    def plus(self, seconds: float) -> Durations:
        index = next((i for i, bound in enumerate(BUCKETS_S) if seconds <= bound), len(BUCKETS_S))
        counts = (*self.counts[:index], self.counts[index] + 1, *self.counts[index + 1 :])
        return Durations(counts, self.sum_s + seconds)


@dataclass(frozen=True)
class Counts:
    """Of one cluster, since the daemon started."""

    #: (action, outcome) -> how often; the outcome is a word of :func:`outcome_kind`.
    actions: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: (``full`` or ``app``, ``done`` or ``failed``) -> reads of Marathon.
    reads: Mapping[tuple[str, str], int] = field(default_factory=dict)
    holds: int = 0
    give_ups: int = 0
    cycles: int = 0
    cycle_failures: int = 0
    answers: Durations = Durations()
    full_read_at: datetime | None = None


@dataclass
class Tally:
    """The same while it is being counted; its owner keeps the lock."""

    actions: Counter[tuple[str, str]] = field(default_factory=Counter)
    reads: Counter[tuple[str, str]] = field(default_factory=Counter)
    holds: int = 0
    give_ups: int = 0
    cycles: int = 0
    cycle_failures: int = 0
    answers: Durations = Durations()
    full_read_at: datetime | None = None

    def freeze(self) -> Counts:
        return Counts(
            dict(self.actions),
            dict(self.reads),
            self.holds,
            self.give_ups,
            self.cycles,
            self.cycle_failures,
            self.answers,
            self.full_read_at,
        )


def outcome_kind(outcome: str) -> str:
    """Return one of a few words: a label of a metric must not hold a free text."""
    head = outcome.partition(":")[0].strip().replace(" ", "_")
    return head if head in _OUTCOMES else "failed"


_OUTCOMES = frozenset({"done", "not_needed", "not_sent", "lost"})
