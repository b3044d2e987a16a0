"""What is remembered of tasks that are no more: how they failed, and where their sandboxes are."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from typing import Any

from pamesos.local.executors.sandbox import Layout
from pamesos.local.instances import keeping
from pamesos.local.instances.model import Instance
from pamesos.local.store.disk import Disk
from pamesos.local.store.history import History

#: As an agent's ``--max_completed_executors_per_framework``; older sandboxes are removed.
MAX_ENDED = 150


class Memory:
    """See :class:`pamesos.local.instances.lifecycle.Keeper`."""

    def __init__(self, disk: Disk, layout: Layout, history: History) -> None:
        self._disk = disk
        self._layout = layout
        self._ended: dict[str, Instance] = {}
        self.failures: dict[str, dict[str, Any]] = disk.load("failure")
        rows = sorted(disk.load("ended").items(), key=lambda item: int(item[1]["number"]))
        for task_id, row in rows:
            kept = row["instance"]
            # Of an app whose version is forgotten the sandbox is still known, and removed in turn.
            app = history.app(kept["app_id"], kept["version"]) or _nameless(kept)
            self._ended[task_id] = keeping.from_json(kept, app)
        self._numbers = itertools.count(rows[-1][1]["number"] + 1 if rows else 0)

    def ended(self, instance: Instance) -> None:
        """Remember a task that ended, and forget the oldest one's sandbox in its place."""
        task = instance.task
        assert task is not None
        self._ended[task.id] = instance
        row = {"number": next(self._numbers), "instance": keeping.as_json(instance)}
        self._disk.put("ended", task.id, row)
        while len(self._ended) > MAX_ENDED:
            self._forget(next(iter(self._ended)))

    def failed(self, app_id: str, failure: dict[str, Any] | None) -> None:
        """Remember an app's last failure; None forgets it."""
        if failure is None:
            self.failures.pop(app_id, None)
        else:
            self.failures[app_id] = failure
        self._disk.put("failure", app_id, failure)

    def ended_tasks(self) -> list[Instance]:
        """Return the instances as they were when their tasks ended, newest first."""
        return list(reversed(self._ended.values()))

    def _forget(self, task_id: str) -> None:
        task = self._ended.pop(task_id).task
        self._disk.put("ended", task_id, None)
        if task is not None:
            directory = self._layout.executor(task)
            if not directory.is_dir():
                return  # of a simulated task
            loop = asyncio.get_running_loop()
            loop.run_in_executor(None, shutil.rmtree, directory, True)


def _nameless(kept: dict[str, Any]) -> dict[str, Any]:
    resources = dict.fromkeys(("cpus", "mem", "disk", "gpus"), 0)
    return {"id": kept["app_id"], "version": kept["version"], "labels": {}, **resources}
