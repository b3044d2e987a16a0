"""What an engine does first: take up the instances that an earlier one left."""

from __future__ import annotations

from typing import Protocol

from pamesos.local.executors.base import Executor, StatusUpdate
from pamesos.local.executors.faulty import BACK
from pamesos.local.health.monitor import Monitor
from pamesos.local.instances import keeping, model
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.instances.model import Instance
from pamesos.local.store.disk import Disk
from pamesos.local.store.history import History

_LOST = "The task ended while the engine was down"


class Parts(Protocol):
    """What of an engine is needed here."""

    disk: Disk
    history: History
    lifecycle: Lifecycle
    monitor: Monitor

    @property
    def executor(self) -> Executor: ...


def take_over(engine: Parts) -> None:
    """Take up every instance; adopt its task if that still runs, else it is lost."""
    for key, kept in engine.disk.load("instance").items():
        app = engine.history.app(kept["app_id"], kept["version"])
        if app is None:
            engine.disk.put("instance", key, None)
            continue
        _take_up(engine, engine.lifecycle.tracker.put(keeping.from_json(kept, app)))


def _take_up(engine: Parts, instance: Instance) -> None:
    task = instance.task
    if task is None or not task.may_run:
        return
    if not engine.executor.adopt(instance):
        engine.lifecycle.on_status(StatusUpdate(task.id, model.LOST, _LOST), is_dead=True)
        return
    if instance.is_unreachable:
        engine.lifecycle.on_status(StatusUpdate(task.id, model.RUNNING, BACK))
    elif instance.is_running:
        engine.monitor.started(instance)
    if not instance.is_wanted:
        engine.lifecycle.kill(instance)
