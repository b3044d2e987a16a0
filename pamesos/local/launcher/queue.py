"""The launch queue: per app, how long launches are held back and what became of its offers.

What waits is not kept here: it is the instances that have no task (:mod:`instances`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pamesos.local.launcher import backoff
from pamesos.local.launcher.agents import Agent
from pamesos.local.launcher.offers import REASONS, Match, Used, left_of
from pamesos.local.times import iso


@dataclasses.dataclass(slots=True)
class Refusals:
    """How many offers came as far as each reason, and how many it refused."""

    processed: dict[str, int] = dataclasses.field(default_factory=dict)
    declined: dict[str, int] = dataclasses.field(default_factory=dict)

    def add(self, refused: str | None) -> None:
        """Count one offer, refused for this reason or used."""
        for reason in REASONS:
            self.processed[reason] = self.processed.get(reason, 0) + 1
            if reason == refused:
                self.declined[reason] = self.declined.get(reason, 0) + 1
                return

    def as_json(self) -> list[dict[str, Any]]:
        """Return the list of ``/v2/queue``, every reason in it."""
        return [
            {
                "reason": reason,
                "declined": self.declined.get(reason, 0),
                "processed": self.processed.get(reason, 0),
            }
            for reason in REASONS
        ]


@dataclasses.dataclass(frozen=True, slots=True)
class Unused:
    """An offer that was refused: what was left of the agent then, and why."""

    agent: Agent
    refused: str
    at: str
    left: Agent


@dataclasses.dataclass(slots=True)
class Entry:
    """What the queue remembers of one app."""

    delay: backoff.Delay | None = None
    processed: int = 0
    unused: int = 0
    last_used_at: str | None = None
    last_unused_at: str | None = None
    last: Refusals = dataclasses.field(default_factory=Refusals)
    attempt: Refusals = dataclasses.field(default_factory=Refusals)
    unused_offers: tuple[Unused, ...] = ()


class LaunchQueue:
    """Entries by app id."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def entry(self, app_id: str) -> Entry:
        """Return the entry of an app, a new one if there was none."""
        return self._entries.setdefault(app_id, Entry())

    def forget(self, app_id: str) -> None:
        """Drop the delay of an app that was deleted; the count of its offers goes on (rec. 05)."""
        if app_id in self._entries:
            self._entries[app_id].delay = None

    def failed(self, app: Mapping[str, Any], now: datetime) -> None:
        """Hold back the next launch: a task of this app ended in a way that counts."""
        entry = self.entry(app["id"])
        entry.delay = backoff.after_failure(entry.delay, app, now)

    def lost(self, app: Mapping[str, Any], now: datetime) -> None:
        """Hold back the next launch as long as the one before: a task was lost with its agent."""
        entry = self.entry(app["id"])
        entry.delay = backoff.again(entry.delay, app, now)

    def reset_delay(self, app_id: str) -> None:
        """Launch again at once, and count failures anew."""
        self.entry(app_id).delay = None

    def seconds_left(self, app_id: str, now: datetime) -> float:
        """Return for how long launches of an app are held back."""
        entry = self._entries.get(app_id)
        return 0.0 if entry is None else backoff.seconds_left(entry.delay, now)

    def tried(
        self, app_id: str, matches: list[Match], now: datetime, used: Mapping[str, Used]
    ) -> None:
        """Count the offers that were looked at for one launch; the last may have been used.

        ``used`` says what the tasks of each agent, by its id, held then.
        """
        entry, moment = self.entry(app_id), iso(now)
        refused = [match for match in matches if match.refused is not None]
        entry.processed += len(matches)
        for match in matches:
            entry.attempt.add(match.refused)
        if len(refused) < len(matches):
            entry.last_used_at = moment
            entry.last, entry.unused_offers = Refusals(), ()
            return
        entry.unused += len(refused)
        entry.last_unused_at = moment
        entry.last = Refusals()
        for match in refused:
            entry.last.add(match.refused)
        entry.unused_offers = tuple(
            Unused(m.agent, m.refused or "", moment, left_of(m.agent, used[m.agent.id]))
            for m in refused
        )
