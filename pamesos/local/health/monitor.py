"""Runs the checks of every task that runs, and tells the lifecycle what they say."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

from pamesos.local import background
from pamesos.local.events import render
from pamesos.local.executors.base import Executor
from pamesos.local.health import http, probe
from pamesos.local.health.readiness import Readiness
from pamesos.local.health.state import Health, is_fatal, is_ignored
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.instances.model import Instance
from pamesos.local.times import from_iso, iso, now


@dataclasses.dataclass(slots=True)
class _Checked:
    """What is known of one instance; ``green`` has the checks that this task passed once."""

    results: dict[int, Health] = dataclasses.field(default_factory=dict)
    green: set[int] = dataclasses.field(default_factory=set)
    loops: list[asyncio.Task[None]] = dataclasses.field(default_factory=list)


class Monitor:
    """See :class:`pamesos.local.instances.lifecycle.Watcher`."""

    def __init__(
        self, lifecycle: Lifecycle, executor: Executor, reach: http.Reach | None = None
    ) -> None:
        self._lifecycle = lifecycle
        self._executor = executor
        self._checked: dict[str, _Checked] = {}
        self._reach = reach or http.Network()
        self.readiness = Readiness(lifecycle, self._reach)

    def started(self, instance: Instance) -> None:
        """Begin to check a task that runs."""
        self.readiness.started(instance)
        checks = instance.app.get("healthChecks") or ()
        if not checks:
            return
        checked = self._checked.setdefault(instance.id, _Checked())
        checked.green.clear()
        for index, result in checked.results.items():
            # What failed is the task before; this one has all its chances.
            checked.results[index] = dataclasses.replace(result, consecutive_failures=0)
        checked.loops = [
            background.start(self._loop(instance, index, check), f"health {instance.id}")
            for index, check in enumerate(checks)
        ]

    def ended(self, instance: Instance) -> None:
        """Stop checking a task; what its checks said is shown until there is news."""
        self.readiness.ended(instance)
        checked = self._checked.get(instance.id)
        if checked is None:
            return
        for loop in checked.loops:
            loop.cancel()
        checked.loops = []
        if not instance.is_wanted:
            del self._checked[instance.id]

    def results(self, instance: Instance) -> list[Health]:
        """Return what is known, one for each check that was ever made."""
        checked = self._checked.get(instance.id)
        return [] if checked is None else [checked.results[i] for i in sorted(checked.results)]

    def add_checks(self, app: Mapping[str, Any]) -> None:
        """Say that an app's checks begin."""
        for check in app.get("healthChecks") or ():
            fields = render.add_health_check(app, check)
            self._lifecycle.events.publish("add_health_check_event", fields)

    def remove_checks(self, app: Mapping[str, Any]) -> None:
        """Say that an app's checks end."""
        for _ in app.get("healthChecks") or ():
            self._lifecycle.events.publish("remove_health_check_event", {"appId": app["id"]})

    async def _loop(self, instance: Instance, index: int, check: Mapping[str, Any]) -> None:
        clock = asyncio.get_running_loop()
        if probe.is_of_mesos(check) and isinstance(self._reach, http.Network):
            await asyncio.sleep(_delay_s(instance, check))
        while True:
            begun = clock.time()
            wrong = await probe.ask(self._executor, self._reach, instance, check)
            self._note(instance, index, check, wrong)
            left_s = begun + float(check["intervalSeconds"]) - clock.time()
            await self._reach.pause(instance, max(0.0, left_s))

    def _note(
        self, checked_as: Instance, index: int, check: Mapping[str, Any], wrong: str | None
    ) -> None:
        instance = self._lifecycle.tracker.get(checked_as.id)
        if instance is None or not instance.is_running or instance.task is None:
            return
        checked = self._checked[instance.id]
        before = checked.results.get(index, Health())
        if wrong is None:
            checked.green.add(index)
            self._take(instance, index, check, before.succeeded(iso(now())))
            return
        started = instance.task.started_at or instance.task.staged_at
        if is_ignored(check, started, index in checked.green, now()):
            checked.results.setdefault(index, before)
            return
        self._lifecycle.events.publish(
            "failed_health_check_event", render.failed_health_check(instance, check)
        )
        if is_fatal(check, before):
            self._kill(instance, before)
        self._take(instance, index, check, before.failed(iso(now()), wrong))

    def _take(
        self, instance: Instance, index: int, check: Mapping[str, Any], after: Health
    ) -> None:
        checked = self._checked[instance.id]
        before = checked.results.get(index, Health())
        checked.results[index] = after
        events = self._lifecycle.events
        healthy = self._is_healthy(instance, checked)
        is_flip = before.alive != after.alive
        task = instance.task
        if task is not None and probe.is_of_mesos(check) and (is_flip or instance.healthy is None):
            events.publish("status_update_event", render.status_update(instance, task, ""))
        if healthy != instance.healthy:
            self._lifecycle.set_health(instance, healthy)
        if is_flip:
            fields = render.health_status_changed(instance, alive=after.alive)
            events.publish("health_status_changed_event", fields)

    def _is_healthy(self, instance: Instance, checked: _Checked) -> bool:
        return all(
            index in checked.green and checked.results[index].alive
            for index in range(len(instance.app["healthChecks"]))
        )

    def _kill(self, instance: Instance, before: Health) -> None:
        task = instance.task
        reason, at = before.last_failure_cause or "", before.last_failure or iso(now())
        if task is None or task.id in self._lifecycle.doomed:
            return
        fields = render.unhealthy_kill(instance, task, reason)
        self._lifecycle.events.publish("unhealthy_instance_kill_event", fields, at=at)
        self._lifecycle.kill(instance, because=(reason, at))


def _delay_s(instance: Instance, check: Mapping[str, Any]) -> float:
    """Return how long to wait with the first check; an adopted task has waited already."""
    task = instance.task
    assert task is not None
    age = now() - from_iso(task.started_at or task.staged_at)
    return max(0.0, float(check.get("delaySeconds", 0)) - age.total_seconds())
