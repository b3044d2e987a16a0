"""Carries a plan out, step by step; a step is done when what it started runs, healthy and ready.

A step looks at each new instance only until it was up once: what happens to it later is no
business of the deployment (facts/marathon.md 12).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pamesos.local.deployments.plan import RESTART, SCALE, START, STOP, Action, DeploymentPlan
from pamesos.local.deployments.upgrade import kill_order, strategy
from pamesos.local.events import render
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.instances.model import Instance
from pamesos.local.instances.tracker import Changes


class Checks(Protocol):
    """Who is told that an app's health checks begin and end."""

    def add_checks(self, app: Mapping[str, Any]) -> None:
        """Say that they begin."""

    def remove_checks(self, app: Mapping[str, Any]) -> None:
        """Say that they end."""


class Runner:
    """One deployment under way. ``step`` counts from 1, as Marathon shows it."""

    def __init__(
        self,
        plan: DeploymentPlan,
        lifecycle: Lifecycle,
        checks: Checks,
        to_kill: frozenset[str] = frozenset(),
        resumed_at: int | None = None,
    ) -> None:
        self.plan = plan
        self.step = resumed_at or 1
        #: The step at which an earlier engine was cut off: it has launched things already.
        self._resumed_at = resumed_at
        self._lifecycle = lifecycle
        self._tracker = lifecycle.tracker
        self._checks = checks
        #: Instances that the caller chose to end where an app is scaled down.
        self._to_kill = to_kill

    @property
    def current(self) -> tuple[Action, ...]:
        """The actions of the step under way."""
        return self.plan.steps[self.step - 1]

    def begin(self) -> None:
        """Do what takes no time: announce the first step, and be done with one that only starts.

        The caller tells of the changed group after this and before :meth:`run` (recordings 01).
        """
        self._tell("deployment_info")
        while all(action.action == START for action in self.current):
            for action in self.current:
                self._checks.add_checks(self.plan.target.apps[action.app])
            self._tell("deployment_step_success")
            if self.step == len(self.plan.steps):
                return
            self.step += 1
            self._tell("deployment_info")

    async def run(self, keep: Callable[[], None]) -> None:
        """Do the rest; returns when the last step is done. ``keep`` is called at each new step."""
        while True:
            if not all(action.action == START for action in self.current):
                async with asyncio.TaskGroup() as group:
                    for action in self.current:
                        group.create_task(self._do(action))
                self._tell("deployment_step_success")
            if self.step == len(self.plan.steps):
                return
            self.step += 1
            keep()
            self._tell("deployment_info")

    def _tell(self, event_type: str) -> None:
        fields = render.deployment_step(self.plan, self.current)
        self._lifecycle.events.publish(event_type, fields)

    async def _do(self, action: Action) -> None:
        with self._tracker.watch(action.app) as changes:
            if action.action == SCALE:
                await self._scale(action.app, changes)
            elif action.action == RESTART:
                await self._restart(action.app, changes)
            elif action.action == STOP:
                await self._stop(action.app, changes)

    async def _scale(self, app_id: str, changes: Changes) -> None:
        app = self.plan.target.apps[app_id]
        self._lifecycle.queue.reset_delay(app_id)
        wanted = self._wanted(app_id)
        chosen = [instance for instance in wanted if instance.id in self._to_kill]
        rest = [instance for instance in wanted if instance.id not in self._to_kill]
        excess = max(0, len(rest) - int(app["instances"]))
        going = chosen + kill_order(rest, app["killSelection"])[:excess]
        for instance in going:
            self._lifecycle.stop(instance)
        missing = max(0, int(app["instances"]) - len(rest))
        coming = self._lifecycle.schedule(app, missing)
        if self.step == self._resumed_at:
            coming += [i for i in rest if i not in going and not i.is_done]
        await self._until_up(coming, changes)
        await self._until_gone(going, changes)

    async def _stop(self, app_id: str, changes: Changes) -> None:
        instances = self._tracker.of_app(app_id)
        self._checks.remove_checks(self.plan.original.apps[app_id])
        self._lifecycle.stop_app(app_id)
        await self._until_gone(instances, changes)

    async def _restart(self, app_id: str, changes: Changes) -> None:
        app = self.plan.target.apps[app_id]
        self._move_checks(app_id)
        self._lifecycle.queue.reset_delay(app_id)
        wanted = self._wanted(app_id)
        new = [instance for instance in wanted if instance.app == app]
        for instance in wanted:
            if instance.is_waiting and instance not in new:
                self._lifecycle.stop(instance)
            elif instance.is_unreachable:
                # Not waited for: it is ended when it is back (recordings 05).
                self._lifecycle.give_up(instance)
        wanted = [instance for instance in wanted if not instance.is_unreachable]
        new = [instance for instance in new if not instance.is_unreachable]
        old = [instance for instance in wanted if instance not in new and instance.is_active]
        await _Replacement(self._lifecycle, app, old, new).run(changes)

    def _move_checks(self, app_id: str) -> None:
        before = self.plan.original.apps.get(app_id, {})
        after = self.plan.target.apps[app_id]
        if before.get("healthChecks"):
            self._checks.remove_checks(before)
        if after.get("healthChecks"):
            self._checks.add_checks(after)

    def _wanted(self, app_id: str) -> list[Instance]:
        return [instance for instance in self._tracker.of_app(app_id) if instance.is_wanted]

    async def _until_up(self, instances: list[Instance], changes: Changes) -> None:
        missing = {instance.id for instance in instances}
        while missing:
            for instance_id in await changes.take():
                instance = self._tracker.get(instance_id)
                if instance is None or instance.is_done or not instance.is_wanted:
                    missing.discard(instance_id)

    async def _until_gone(
        self, instances: list[Instance] | tuple[Instance, ...], changes: Changes
    ) -> None:
        left = {i.id for i in instances if self._tracker.get(i.id) is not None}
        while left:
            left -= {i for i in await changes.take() if self._tracker.get(i) is None}


class _Replacement:
    """One app's old instances making way for new ones, within its upgrade strategy."""

    def __init__(
        self,
        lifecycle: Lifecycle,
        app: dict[str, Any],
        old: list[Instance],
        new: list[Instance],
    ) -> None:
        self._lifecycle = lifecycle
        self._app = app
        self._count = int(app["instances"])
        self._strategy = strategy(app, len(old))
        self._old = {i.id: i for i in kill_order(old, app["killSelection"])}
        self._new = {i.id for i in new}
        self._up = {i.id for i in new if i.is_done}

    async def run(self, changes: Changes) -> None:
        """Return when the new ones are up and the old ones gone."""
        to_kill = list(self._old.values())
        for instance in to_kill[: self._strategy.kill_now]:
            self._lifecycle.stop(instance)
        waiting = to_kill[self._strategy.kill_now :]
        self._launch()
        while self._old or len(self._up) < self._count:
            for instance_id in await changes.take():
                if self._take(instance_id) and waiting:
                    self._lifecycle.stop(waiting.pop(0))
            if len(self._up) >= self._count:
                while waiting:
                    self._lifecycle.stop(waiting.pop(0))
            self._launch()

    def _take(self, instance_id: str) -> bool:
        """Note what became of an instance; return whether a new one is up for the first time."""
        instance = self._lifecycle.tracker.get(instance_id)
        if instance is None:
            self._old.pop(instance_id, None)
            self._new.discard(instance_id)
            self._up.discard(instance_id)
            return False
        if instance_id in self._new and instance_id not in self._up and instance.is_done:
            self._up.add(instance_id)
            return True
        return False

    def _launch(self) -> None:
        room = self._strategy.capacity - len(self._old) - len(self._new)
        missing = max(0, min(room, self._count - len(self._new)))
        self._new |= {i.id for i in self._lifecycle.schedule(self._app, missing)}
