"""Instances whose tasks nobody can see: waited for, replaced, forgotten, ended at their return.

The half of :class:`pamesos.local.instances.lifecycle.Lifecycle` that ``unreachableStrategy`` is
about; the order of events is that of recordings/marathon/05.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pamesos.local.events import render
from pamesos.local.events.bus import EventBus
from pamesos.local.executors.base import Executor, StatusUpdate
from pamesos.local.executors.process import DEFAULT_GRACE_S
from pamesos.local.instances import model
from pamesos.local.instances.model import Instance, Task
from pamesos.local.instances.tracker import Tracker
from pamesos.local.launcher.queue import LaunchQueue
from pamesos.local.times import now


class Watcher(Protocol):
    """Who is told when a task runs and when it ended: health and readiness checks."""

    def started(self, instance: Instance) -> None:
        """Begin to check a task that runs."""

    def ended(self, instance: Instance) -> None:
        """Stop checking a task."""


class Keeper(Protocol):
    """Who remembers tasks that are no more."""

    def ended(self, instance: Instance) -> None:
        """Remember a task that ended."""

    def failed(self, app_id: str, failure: dict[str, Any] | None) -> None:
        """Remember an app's ``lastTaskFailure``; None forgets it."""


class Away:
    """What becomes of instances out of reach; the parts are put in by the other half."""

    tracker: Tracker
    queue: LaunchQueue
    events: EventBus
    #: App id -> its definition of now, None if there is none.
    current: Callable[[str], dict[str, Any] | None]
    #: Task id -> instance that is forgotten while its task still ends, or may come back.
    _wiped: dict[str, Instance]
    _executor: Executor
    _watcher: Watcher
    _keeper: Keeper

    def schedule(self, app: dict[str, Any], count: int) -> list[Instance]:
        """Add instances of an app to the launch queue."""
        raise NotImplementedError

    def _change(self, instance: Instance) -> Instance:
        raise NotImplementedError

    def _tell_status(self, instance: Instance, task: Task, message: str) -> None:
        raise NotImplementedError

    def _note_failure(self, instance: Instance, task: Task, message: str) -> None:
        raise NotImplementedError

    def give_up(self, instance: Instance) -> None:
        """Want an unreachable instance no more, but wait for it: it ends when it is back."""
        self._change(dataclasses.replace(instance, goal=model.GOAL_GONE))

    def replace_unreachable(self, instance: Instance) -> None:
        """Launch another one in the place of an instance that was out of reach for too long."""
        task = instance.task
        assert task is not None
        self._tell_status(instance, task, f"Agent {task.host} is unreachable")
        self._fill_place_of(self._change(dataclasses.replace(instance, condition=model.INACTIVE)))

    def expunge(self, instance: Instance) -> None:
        """Forget an instance that was out of reach for too long; if it comes back, it is ended."""
        self._change(dataclasses.replace(instance, condition=model.CONDITIONS[model.KILLED]))
        self._leave_behind(instance)

    def _out_of_reach(self, instance: Instance, task: Task, message: str) -> None:
        """Note that nobody knows what a task does; replace it if the app says so (recordings 05).

        With ``inactiveAfterSeconds`` 0 the replacement is launched at once, and with
        ``expungeAfterSeconds`` 0 the instance is forgotten. Else both are done when it is time.
        """
        self._watcher.ended(instance)
        strategy = instance.app.get("unreachableStrategy")
        is_patient = not isinstance(strategy, Mapping) or strategy["inactiveAfterSeconds"] > 0
        if not is_patient:
            instance = dataclasses.replace(instance, condition=model.INACTIVE)
        self._tell_status(instance, task, message)
        if task.state == model.LOST:
            self._keeper.ended(instance)
            self._note_failure(instance, task, message)
            self.queue.lost(instance.app, now())
        self._change(instance)
        if instance.goal != model.GOAL_RUNNING:
            return
        if not is_patient:
            if task.state == model.LOST:
                self.tracker.remove(instance)
            elif isinstance(strategy, Mapping) and strategy["expungeAfterSeconds"] == 0:
                self._leave_behind(instance)
            self._fill_place_of(instance)

    def _fill_place_of(self, instance: Instance) -> None:
        """Schedule a replacement unless others are enough, as after a return (recordings 05)."""
        app = self.current(instance.app_id) or instance.app
        others = (i for i in self.tracker.of_app(instance.app_id) if i.id != instance.id)
        if sum(other.is_wanted for other in others) < int(app["instances"]):
            self.schedule(app, 1)

    def _leave_behind(self, instance: Instance) -> None:
        """Forget an instance whose task may come back; then it is ended."""
        assert instance.task is not None
        self.tracker.remove(instance)
        self._wiped[instance.task.id] = instance

    def _unknown(self, update: StatusUpdate) -> None:
        gone = self._wiped.get(update.task_id)
        if gone is None or gone.task is None:
            return
        if update.state in model.ACTIVE_STATES:
            self._executor.kill(gone.task, grace_s(gone.app))
            return
        del self._wiped[update.task_id]
        gone = dataclasses.replace(gone, condition=model.CONDITIONS[update.state])
        fields = render.unknown_instance_terminated(gone)
        self.events.publish("unknown_instance_terminated_event", fields)


def is_as_good_as_unreachable(instance: Instance) -> bool:
    """Tell whether Marathon takes a lost task for one out of reach, and replaces its instance.

    An app that would rather wait gets its task again, in the same instance: ours is surely dead.
    """
    strategy = instance.app.get("unreachableStrategy")
    is_hasty = isinstance(strategy, Mapping) and strategy["inactiveAfterSeconds"] == 0
    is_lost = instance.task is not None and instance.task.state == model.LOST
    return is_lost and is_hasty and instance.goal == model.GOAL_RUNNING


def grace_s(app: Mapping[str, Any]) -> float:
    """Return how long a task of this app has to end by itself when it is killed."""
    return float(app.get("taskKillGracePeriodSeconds", DEFAULT_GRACE_S))
