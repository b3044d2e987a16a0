"""The command that starts a container and writes its output to the sandbox.

It runs as long as its container and outlives a killed engine: a file beside the sandbox has its
pid, so that a later engine waits for it and does not write everything twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import subprocess
from pathlib import Path
from typing import IO

from pamesos.local.executors import procfs
from pamesos.local.executors.endings import ended
from pamesos.local.executors.sandbox import Layout
from pamesos.local.instances.model import Task

#: How long the last of the output may be on its way when its container has ended.
_LAST_WORDS_S = 5.0


@dataclasses.dataclass(frozen=True, slots=True)
class Output:
    """``child`` is None for the command of an earlier engine."""

    pid: int
    child: subprocess.Popen[bytes] | None = None

    @property
    def is_over(self) -> bool:
        """Tell whether the command has ended."""
        if self.child is not None:
            return self.child.poll() is not None
        process = procfs.read(self.pid)
        return process is None or process.is_zombie

    async def over(self) -> None:
        """Return when the command has ended."""
        with contextlib.suppress(OSError):
            await ended(self.pid)
        if self.child is not None:
            self.child.wait()

    async def finish(self) -> None:
        """Let the last of the output arrive."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.over(), _LAST_WORDS_S)


def start(layout: Layout, task: Task, command: list[str]) -> Output:
    """Run ``docker COMMAND`` with its output going to a task's sandbox. Raises OSError."""
    directory = layout.sandbox(task)
    with _appending(directory / "stdout") as out, _appending(directory / "stderr") as err:
        child = subprocess.Popen(
            ["docker", *command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    process = procfs.read(child.pid)
    begun = 0 if process is None else process.start
    _file(layout, task).write_text(f"{child.pid} {begun}")
    return Output(child.pid, child)


def recall(layout: Layout, task: Task) -> Output | None:
    """Return the command that an earlier engine started, None if it does not run any more."""
    try:
        pid, begun = map(int, _file(layout, task).read_text().split())
    except (OSError, ValueError):
        return None
    process = procfs.read(pid)
    if process is None or process.is_zombie or process.start != begun:
        return None
    return Output(pid)


def _file(layout: Layout, task: Task) -> Path:
    return layout.executor(task) / "client"


def _appending(path: Path) -> IO[bytes]:
    return path.open("ab", buffering=0)
