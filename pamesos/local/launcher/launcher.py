"""Brings waiting instances and agents together.

The real Marathon waits for offers, up to 5 s; here the agents are known and nothing is waited for
but an app's own delay. What cannot be placed is tried again when something changes, and every
second, because a port that another program holds is given back without a word to us.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Sequence

import structlog

from pamesos.local.instances.model import Instance
from pamesos.local.instances.tracker import Tracker
from pamesos.local.launcher.agents import Agent, Fleet
from pamesos.local.launcher.offers import Match, Used, match
from pamesos.local.launcher.ports import IsFree
from pamesos.local.launcher.queue import LaunchQueue
from pamesos.local.times import now

_log = structlog.get_logger(__name__)

RETRY_S = 1.0
#: After as many launches others get their turn in the loop.
_AT_ONCE = 8

Provision = Callable[[Instance, Agent, tuple[int, ...]], None]


class Launcher:
    """One loop that launches what waits; :meth:`wake` says that it should look again."""

    def __init__(
        self,
        tracker: Tracker,
        queue: LaunchQueue,
        fleet: Fleet,
        provision: Provision,
        is_free: IsFree,
    ) -> None:
        self._tracker = tracker
        self._queue = queue
        self._fleet = fleet
        self._provision = provision
        self._is_free = is_free
        self._awake = asyncio.Event()
        #: Apps to look at again; a set with an order, so that the first to wait is served first.
        self._dirty: dict[str, None] = {}
        self._stuck: set[str] = set()

    def wake(self, app_id: str | None = None) -> None:
        """Look at an app again; without one, at all that could not be placed before."""
        for app in self._stuck if app_id is None else (app_id,):
            self._dirty[app] = None
        self._awake.set()

    async def run(self) -> None:
        """Launch until cancelled."""
        while True:
            wait_s = await self._guarded_round()
            try:
                await asyncio.wait_for(self._awake.wait(), wait_s)
            except TimeoutError:
                self._dirty.update(dict.fromkeys(self._stuck))

    async def _guarded_round(self) -> float | None:
        """Serve what is due; a fault of ours must not end all launching."""
        try:
            return await self._round()
        except Exception:
            _log.exception("launching_failed")
            return RETRY_S

    async def _round(self) -> float | None:
        """Serve every app that is due; return after how long to look again by itself."""
        self._awake.clear()
        apps, self._dirty = tuple(self._dirty), {}
        used = self._used()
        for app_id in apps:
            is_held = self._queue.seconds_left(app_id, now()) > 0
            if not is_held and await self._serve(app_id, used):
                self._stuck.discard(app_id)
            else:
                self._stuck.add(app_id)
        held = [self._queue.seconds_left(app_id, now()) for app_id in self._stuck]
        waits = [held_s if held_s > 0 else RETRY_S for held_s in held]
        return min(waits, default=None)

    async def _serve(self, app_id: str, used: dict[str, Used]) -> bool:
        """Launch the waiting instances of an app; return whether none is left."""
        waiting = [instance for instance in self._tracker.of_app(app_id) if instance.is_waiting]
        if not waiting:
            return True
        placed = self._placed(app_id)
        for number, instance in enumerate(waiting, 1):
            if self._tracker.get(instance.id) is not instance:
                continue
            found = self._launch(instance, used, placed)
            if found is None:
                return False
            placed.append(found.agent)
            # All that wait now are launched together, as with one offer: one that fails at once
            # holds back what comes later, not its fellows.
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return True

    def _launch(
        self, instance: Instance, used: dict[str, Used], placed: Sequence[Agent]
    ) -> Match | None:
        matches: list[Match] = []
        agents = self._fleet.offering()
        for agent in sorted(agents, key=lambda agent: used[agent.id].cpus):
            found = match(instance.app, agent, used[agent.id], placed, agents, self._is_free)
            matches.append(found)
            if found.refused is None:
                break
        if self._is_news(instance.app_id, matches):
            self._queue.tried(instance.app_id, matches, now(), used)
        if not matches or matches[-1].refused is not None:
            return None
        agent, given = matches[-1].agent, matches[-1].ports
        used[agent.id].add(instance.app, given)
        self._provision(instance, agent, given)
        return matches[-1]

    def _is_news(self, app_id: str, matches: list[Match]) -> bool:
        """Tell whether a round says what the one before did not: retries are not offers."""
        said = tuple((match.agent, match.refused) for match in matches)
        known = self._queue.entry(app_id).unused_offers
        return said != tuple((unused.agent, unused.refused) for unused in known)

    def _placed(self, app_id: str) -> list[Agent]:
        agents = {agent.id: agent for agent in self._fleet.agents}
        return [
            agents[instance.task.agent]
            for instance in self._tracker.of_app(app_id)
            if instance.task is not None and instance.task.may_run and instance.task.agent in agents
        ]

    def _used(self) -> dict[str, Used]:
        used: dict[str, Used] = collections.defaultdict(Used)
        for instance in self._tracker.all():
            task = instance.task
            if task is not None and task.may_run:
                used[task.agent].add(instance.app, task.ports)
        return used
