"""What the engine asks of an executor, and what an executor tells it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol

from pamesos.local.instances.model import Instance, Task


@dataclasses.dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A task's new state (``TASK_RUNNING``) with Mesos' words for it.

    ``pid`` and ``pid_start`` come with the first state of a task that is a process,
    ``container_ip`` with the first of one that has an address of its own.
    """

    task_id: str
    state: str
    message: str = ""
    pid: int = 0
    pid_start: int = 0
    container_ip: str = ""


#: Called by the executor, in the loop's thread; the order of calls is the order of events.
Report = Callable[[StatusUpdate], None]


class Executor(Protocol):
    """Runs tasks. Every task that was launched or adopted ends in exactly one terminal report."""

    def launch(self, instance: Instance) -> None:
        """Start the instance's task; what becomes of it is reported."""

    def kill(self, task: Task, grace_s: float) -> None:
        """Ask a task to end, and make it end after ``grace_s`` seconds."""

    def adopt(self, instance: Instance) -> bool:
        """Take a task of an earlier engine over; False if it does not run any more."""

    async def probe(self, instance: Instance, command: str, timeout_s: float) -> str | None:
        """Run a health check's command where the task runs; return what is wrong, else None."""

    async def clean(self) -> None:
        """End whatever still runs of tasks that were not adopted."""

    async def close(self) -> None:
        """End all tasks and return when none is left."""
