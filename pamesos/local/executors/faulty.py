"""An executor whose tasks and agents can be made to fail, on demand, whatever runs them.

It stands between the engine and the real executor. A task that is out of reach goes on running;
what becomes of it meanwhile is told when it is back, as a Mesos agent does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from pamesos.local.executors.base import Executor, Report, StatusUpdate
from pamesos.local.executors.simulated import MESSAGES
from pamesos.local.instances import model
from pamesos.local.instances.model import Instance, Task

BACK = "Agent reregistered"


@dataclasses.dataclass(slots=True)
class _Away:
    """A task out of reach: its end if it ended meanwhile, and the kill that has not reached it."""

    task: Task
    end: StatusUpdate | None = None
    grace_s: float | None = None


class FaultyExecutor:
    """See :class:`pamesos.local.executors.base.Executor`."""

    def __init__(self, make: Callable[[Report], Executor], report: Report) -> None:
        self._report = report
        self._ends: dict[str, tuple[str, str]] = {}
        self._away: dict[str, _Away] = {}
        self.inner = make(self._from_inner)

    def end(self, task: Task, state: str, message: str | None = None) -> None:
        """End a task at once and say that it ended in this state."""
        self._ends[task.id] = (state, MESSAGES.get(state, "") if message is None else message)
        self.inner.kill(task, 0)

    def hide(self, task: Task) -> None:
        """Put a task out of reach."""
        if task.id not in self._away:
            self._away[task.id] = _Away(task)
            message = f"Agent {task.host} is unreachable"
            self._report(StatusUpdate(task.id, model.UNREACHABLE, message))

    def show(self, task_id: str) -> None:
        """Bring a task back within reach, with all that happened to it meanwhile."""
        away = self._away.pop(task_id, None)
        if away is None:
            return
        if away.end is not None:
            self._report(away.end)
            return
        self._report(StatusUpdate(task_id, model.RUNNING, BACK))
        if away.grace_s is not None:
            self.inner.kill(away.task, away.grace_s)

    def hidden(self, agent_id: str | None = None) -> list[Task]:
        """Return the tasks out of reach, of one agent or of all."""
        tasks = [away.task for away in self._away.values()]
        return [task for task in tasks if agent_id in (None, task.agent)]

    def launch(self, instance: Instance) -> None:
        """Start the task."""
        self.inner.launch(instance)

    def kill(self, task: Task, grace_s: float) -> None:
        """End the task, as soon as it is within reach."""
        away = self._away.get(task.id)
        if away is None:
            self.inner.kill(task, grace_s)
        else:
            away.grace_s = grace_s

    def adopt(self, instance: Instance) -> bool:
        """Take a task over."""
        return self.inner.adopt(instance)

    async def probe(self, instance: Instance, command: str, timeout_s: float) -> str | None:
        """Run a health check's command."""
        return await self.inner.probe(instance, command, timeout_s)

    async def clean(self) -> None:
        """End what was not adopted."""
        await self.inner.clean()

    async def close(self) -> None:
        """End all tasks, those out of reach too."""
        for away in list(self._away.values()):
            if away.end is None:
                self.inner.kill(away.task, away.grace_s or 0)
        await self.inner.close()

    def _from_inner(self, update: StatusUpdate) -> None:
        if update.state not in model.ACTIVE_STATES:
            state, message = self._ends.pop(update.task_id, (update.state, update.message))
            update = dataclasses.replace(update, state=state, message=message)
        away = self._away.get(update.task_id)
        if away is None:
            self._report(update)
        elif update.state not in model.ACTIVE_STATES:
            away.end = update
