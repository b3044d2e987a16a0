"""Runs tasks on this machine: gets their sandbox ready, then a process or a container runs there.

Most tasks need nothing fetched and no volume; those are handed on at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pamesos.local import background
from pamesos.local.executors import sandbox, volumes
from pamesos.local.executors.base import Executor, Report, StatusUpdate
from pamesos.local.executors.docker import DockerExecutor
from pamesos.local.executors.fetch import FetchError, fetch
from pamesos.local.executors.process import ProcessExecutor, user_of
from pamesos.local.executors.volumes import Volumes
from pamesos.local.instances.model import FAILED, KILLED, Instance, Task


class MachineExecutor:
    """See :class:`pamesos.local.executors.base.Executor`."""

    def __init__(
        self,
        layout: sandbox.Layout,
        inherited: Mapping[str, str],
        report: Report,
        *,
        is_known: Callable[[str], bool],
        apps: Callable[[], Collection[str]],
    ) -> None:
        """``is_known`` tells whether there still is an instance of this id; ``apps`` are wanted."""
        self._layout = layout
        self._report = report
        self.volumes = Volumes(layout.work_dir, is_known)
        self._processes = ProcessExecutor(layout, inherited, report)
        self._containers = DockerExecutor(layout, report, self.volumes)
        self._apps = apps
        self._preparing: dict[str, asyncio.Task[None]] = {}

    def launch(self, instance: Instance) -> None:
        """Start the task once all that it needs is in its sandbox."""
        task, app = instance.task, instance.app
        assert task is not None
        if not app.get("fetch") and not volumes.paths(app):
            self._of(instance).launch(instance)
            return
        work = self._prepare(instance, task)
        self._preparing[task.id] = background.start(work, f"sandbox of {task.id}")

    def kill(self, task: Task, grace_s: float) -> None:
        """End a task. One whose sandbox is still made ready is not started."""
        preparation = self._preparing.pop(task.id, None)
        if preparation is not None:
            preparation.cancel()
            self._report(StatusUpdate(task.id, KILLED, "Command was never started"))
        elif self._containers.has(task.id):
            self._containers.kill(task, grace_s)
        else:
            self._processes.kill(task, grace_s)

    def adopt(self, instance: Instance) -> bool:
        """Take a process or a container over."""
        return self._of(instance).adopt(instance)

    async def probe(self, instance: Instance, command: str, timeout_s: float) -> str | None:
        """Run a command where the task runs."""
        return await self._of(instance).probe(instance, command, timeout_s)

    async def clean(self) -> None:
        """End whatever belongs to no task that was adopted, and forget volumes of no app."""
        self.volumes.sweep(self._apps())
        await asyncio.gather(self._processes.clean(), self._containers.clean())

    async def close(self) -> None:
        """Return when nothing is left."""
        await asyncio.gather(self._processes.close(), self._containers.close())
        self.volumes.sweep(self._apps())

    def _of(self, instance: Instance) -> Executor:
        return self._containers if is_container(instance) else self._processes

    async def _prepare(self, instance: Instance, task: Task) -> None:
        try:
            await _beside(lambda: self._fill(instance, task))
        except (FetchError, OSError, KeyError) as error:
            if isinstance(error, FetchError):
                _note(self._layout.sandbox(task), str(error))
                error = _told(task)
            self._preparing.pop(task.id)
            message = f"Failed to launch container: {error}"
            self._report(StatusUpdate(task.id, FAILED, message))
            return
        self._preparing.pop(task.id)
        self._of(instance).launch(instance)

    def _fill(self, instance: Instance, task: Task) -> None:
        owner = None if is_container(instance) else user_of(instance)
        directory = sandbox.create(self._layout, task, owner)
        fetch(list(instance.app.get("fetch") or ()), directory)
        if owner is not None:
            _give(directory, owner)
        for path, source in self.volumes.of(instance).items():
            if owner is not None:
                os.chown(source, *owner)
            if not is_container(instance):
                (directory / path).symlink_to(source)


async def _beside(work: Callable[[], None]) -> None:
    """Do blocking work beside the loop; its thread keeps nobody from ending who cannot wait."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: Exception | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as caught:
            error = caught
        with contextlib.suppress(RuntimeError):  # the loop is no more
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=run, daemon=True).start()
    await done


def is_container(instance: Instance) -> bool:
    """Tell whether a task runs in a container of Docker Engine."""
    container = instance.app.get("container") or {}
    return container.get("type") == "DOCKER" and bool(container.get("docker"))


def _told(task: Task) -> FetchError:
    """Return what Mesos says of a fetch that failed (recordings/mesos)."""
    return FetchError(
        f"Failed to fetch all URIs for container '{task.container}' with exit status: 256"
    )


def _note(directory: Path, text: str) -> None:
    with (directory / "stderr").open("a") as file:
        file.write(text + "\n")


def _give(directory: Path, owner: tuple[int, int]) -> None:
    for parent, names, files in os.walk(directory):
        for name in (*names, *files):
            shutil.chown(Path(parent) / name, *owner)
