"""What becomes of instances: scheduled, provisioned, running, ended, launched again or forgotten.

This is the only place that changes instances, so the order of events is decided here and nowhere
else (recordings/stack/*.sse): the status of a task comes before the change of its instance, and
``app_terminated_event`` before the last status of an app that is being stopped.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

from pamesos.local.events import render
from pamesos.local.events.bus import EventBus
from pamesos.local.executors.base import Executor, StatusUpdate
from pamesos.local.instances import model
from pamesos.local.instances.away import Away, Keeper, Watcher, grace_s, is_as_good_as_unreachable
from pamesos.local.instances.model import Instance, Task
from pamesos.local.instances.tracker import Tracker
from pamesos.local.launcher.agents import Agent
from pamesos.local.launcher.queue import LaunchQueue
from pamesos.local.times import iso, now


class Wake(Protocol):
    """Says that launches may be possible: for one app, or for whatever is stuck."""

    def __call__(self, app_id: str | None = None) -> None:
        """Look again."""


class Lifecycle(Away):
    """Changes instances, and says so on the event stream."""

    def __init__(self, tracker: Tracker, queue: LaunchQueue, events: EventBus) -> None:
        self.tracker = tracker
        self.queue = queue
        self.events = events
        #: Task id -> (reason, time) of tasks that are killed for bad health.
        self.doomed: dict[str, tuple[str, str]] = {}
        #: Apps of which nothing is to be left; the last instance ends with an event.
        self._stopping: set[str] = set()
        #: Task id -> instance that was wiped while its task still ends.
        self._wiped: dict[str, Instance] = {}
        #: App id -> its definition of now, None if there is none.
        self.current: Callable[[str], dict[str, Any] | None] = lambda _app_id: None
        self._executor: Executor
        self._watcher: Watcher
        self._wake: Wake
        self._keeper: Keeper

    def connect(self, executor: Executor, watcher: Watcher, wake: Wake, keeper: Keeper) -> None:
        """Set who runs tasks, checks them, launches and remembers; they need this one first."""
        self._executor, self._watcher, self._wake = executor, watcher, wake
        self._keeper = keeper

    def schedule(self, app: dict[str, Any], count: int) -> list[Instance]:
        """Add instances of an app to the launch queue."""
        self._stopping.discard(app["id"])
        added = []
        for _ in range(count):
            instance = Instance(
                id=model.new_instance_id(app["id"]),
                app_id=app["id"],
                app=app,
                condition=model.SCHEDULED,
                goal=model.GOAL_RUNNING,
                since=iso(now()),
            )
            added.append(self._change(instance))
        self._wake(app["id"])
        return added

    def provision(self, instance: Instance, agent: Agent, ports: tuple[int, ...]) -> None:
        """Start an instance's next task on an agent."""
        incarnation = instance.task.incarnation + 1 if instance.task is not None else 1
        task = Task(
            id=model.task_id(instance.id, incarnation),
            incarnation=incarnation,
            state=model.STAGING,
            agent=agent.id,
            host=agent.hostname,
            ip=agent.ip,
            ports=ports,
            container=model.new_container_id(),
            staged_at=iso(now()),
        )
        provisioned = self._change(
            dataclasses.replace(
                instance, condition=model.PROVISIONED, task=task, healthy=None, ready=False
            )
        )
        self._executor.launch(provisioned)

    def kill(self, instance: Instance, *, because: tuple[str, str] | None = None) -> None:
        """End an instance's task; its goal stays, so that it is launched again.

        ``because`` is why and since when its health is bad; then the kill counts as a failure.
        """
        task = instance.task
        if task is None or not task.is_active:
            return
        if because is not None:
            self.doomed[task.id] = because
        self._executor.kill(task, grace_s(instance.app))

    def stop(self, instance: Instance) -> None:
        """End an instance for good."""
        gone = dataclasses.replace(instance, goal=model.GOAL_GONE)
        if gone.is_active:
            if instance.goal != model.GOAL_GONE:
                self._change(gone)
            self.kill(gone)
            return
        if instance.task is not None:
            self._change(gone)
        self._forget(gone)
        if gone.is_unreachable:
            self._leave_behind(gone)

    def stop_app(self, app_id: str) -> None:
        """End all instances of an app that is to be no more."""
        self._stopping.add(app_id)
        instances = self.tracker.of_app(app_id)
        for instance in instances:
            self.stop(instance)
        if not instances:
            self._app_is_gone(app_id)

    def wipe(self, instance: Instance) -> None:
        """Forget an instance at once and put a new one in its place; its task is ended."""
        gone = self._change(dataclasses.replace(instance, goal=model.GOAL_GONE))
        task = gone.task
        self._watcher.ended(gone)
        if task is not None:
            killed = dataclasses.replace(task, state=model.KILLED)
            gone = dataclasses.replace(gone, condition="Killed", task=killed)
            self._keeper.ended(gone)
            self.events.publish("instance_changed_event", render.instance_changed(gone))
        self.tracker.remove(gone)
        if task is not None and task.is_active:
            self._wiped[task.id] = gone
            self._executor.kill(task, grace_s(instance.app))

    def on_status(self, update: StatusUpdate, *, is_dead: bool = False) -> None:
        """Take note of a task's new state; the executor's report.

        ``is_dead``: a lost task surely runs no more, so its instance gets another one.
        """
        instance = self.tracker.by_task(update.task_id)
        if instance is None or instance.task is None:
            self._unknown(update)
            return
        task = _updated(instance.task, update)
        was_away = instance.is_unreachable
        changed = dataclasses.replace(
            instance,
            task=task,
            condition=model.CONDITIONS[update.state],
            since=instance.since if task.is_active and not was_away else iso(now()),
            ready=task.state == model.RUNNING and not instance.app.get("readinessChecks"),
        )
        if task.is_active:
            self._tell_status(changed, task, update.message)
            self._change(changed)
            if task.state == model.RUNNING:
                self._watcher.started(changed)
            if was_away and not changed.is_wanted:
                self.kill(changed)
        elif changed.is_unreachable or (not is_dead and is_as_good_as_unreachable(changed)):
            self._out_of_reach(changed, task, update.message)
        else:
            self._ended(changed, task, update.message)

    def set_health(self, instance: Instance, healthy: bool | None) -> None:
        """Keep what the checks together say of a running task, and tell."""
        changed = dataclasses.replace(instance, healthy=healthy)
        self.events.publish(
            "instance_health_changed_event", render.instance_health_changed(changed, healthy)
        )
        self.tracker.put(changed)

    def set_ready(self, instance: Instance) -> None:
        """Keep that a running task passed its readiness checks."""
        self.tracker.put(dataclasses.replace(instance, ready=True))

    def _ended(self, instance: Instance, task: Task, message: str) -> None:
        self._watcher.ended(instance)
        self._keeper.ended(instance)
        is_wanted = instance.goal == model.GOAL_RUNNING
        if not is_wanted:
            self._tell_if_last(instance)
        self._tell_status(instance, task, message)
        self._note_failure(instance, task, message)
        if is_wanted:
            self._change(instance)
        else:
            self.events.publish("instance_changed_event", render.instance_changed(instance))
        if instance.healthy is not None and is_wanted:
            self.set_health(instance, None)
        if not is_wanted:
            self.tracker.remove(instance)
        elif task.state in model.DELAYS_LAUNCH:
            self.queue.failed(instance.app, now())
        self._wake(instance.app_id)
        self._wake()

    def _note_failure(self, instance: Instance, task: Task, message: str) -> None:
        doomed = self.doomed.pop(task.id, None)
        at = iso(now())
        if doomed is not None:
            reason, at = doomed
            message = f"Task was killed since health check failed. Reason: {reason}"
        elif task.state not in model.IS_FAILURE:
            return
        failure = {
            "appId": instance.app_id,
            "host": task.host,
            "message": message,
            "state": task.state,
            "taskId": task.id,
            "timestamp": at,
            "version": instance.version,
            "slaveId": task.agent,
        }
        self._keeper.failed(instance.app_id, failure)

    def _forget(self, instance: Instance) -> None:
        self._tell_if_last(instance)
        self.tracker.remove(instance)

    def _tell_if_last(self, instance: Instance) -> None:
        if instance.app_id in self._stopping and self.tracker.is_last(instance):
            self._app_is_gone(instance.app_id)

    def _app_is_gone(self, app_id: str) -> None:
        self._stopping.discard(app_id)
        self.queue.forget(app_id)
        self._keeper.failed(app_id, None)
        self.events.publish("app_terminated_event", {"appId": app_id})

    def _tell_status(self, instance: Instance, task: Task, message: str) -> None:
        self.events.publish("status_update_event", render.status_update(instance, task, message))

    def _change(self, instance: Instance) -> Instance:
        self.events.publish("instance_changed_event", render.instance_changed(instance))
        return self.tracker.put(instance)


def _updated(task: Task, update: StatusUpdate) -> Task:
    started = task.started_at
    if update.state == model.RUNNING and started is None:
        started = iso(now())
    return dataclasses.replace(
        task,
        state=update.state,
        started_at=started,
        pid=update.pid or task.pid,
        pid_start=update.pid_start or task.pid_start,
        container_ip=update.container_ip or task.container_ip,
    )
