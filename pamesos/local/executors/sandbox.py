"""Sandboxes laid out as a Mesos agent does (facts/stack.md 15)."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from pathlib import Path

from pamesos.local.instances.model import Task


@dataclasses.dataclass(frozen=True, slots=True)
class Layout:
    """Where the sandboxes of one framework are below the agent's work directory."""

    work_dir: Path
    framework: str

    def executor(self, task: Task) -> Path:
        """Return the directory of all runs of a task."""
        return (
            self.work_dir
            / "slaves"
            / task.agent
            / "frameworks"
            / self.framework
            / "executors"
            / task.id
        )

    def sandbox(self, task: Task) -> Path:
        """Return the directory in which a task runs."""
        return self.executor(task) / "runs" / task.container


def create(layout: Layout, task: Task, owner: tuple[int, int] | None) -> Path:
    """Make a task's sandbox, owned by ``(uid, gid)`` where given. Raises OSError."""
    sandbox = layout.sandbox(task)
    sandbox.mkdir(parents=True, exist_ok=True)
    latest = sandbox.parent / "latest"
    with contextlib.suppress(FileNotFoundError):
        latest.unlink()
    latest.symlink_to(task.container)
    for name in ("stdout", "stderr"):
        (sandbox / name).touch()
        if owner is not None:
            os.chown(sandbox / name, *owner)
    if owner is not None:
        os.chown(sandbox, *owner)
    return sandbox
