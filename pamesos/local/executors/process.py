"""Runs tasks as real processes of this machine, each in its own session and sandbox.

A process is watched through a pidfd, which works for our children and, after a restart of the
engine, for adopted ones alike; only of the latter is the exit status unknown. Where a task's
processes are is read from /proc: its session, its descendants, and whatever else carries its
``MESOS_TASK_ID``, so that a task that ended leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import pwd
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from pamesos.local import background
from pamesos.local.executors import leftovers, procfs, sandbox
from pamesos.local.executors.base import Report, StatusUpdate
from pamesos.local.executors.endings import ended
from pamesos.local.executors.environment import environment
from pamesos.local.instances.model import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    STARTING,
    Instance,
    Task,
)

#: Unless the app says otherwise (``--executor_shutdown_grace_period`` of the command executor).
DEFAULT_GRACE_S = 3.0
#: Looking through /proc takes milliseconds. What starts in between is in the task's group, or found
#: when the task has ended.
_SEEN_FOR_S = 0.1
#: After SIGKILL a process can still be in the kernel; then it is given up and reported as ended.
_GIVE_UP_S = 5.0


@dataclasses.dataclass(slots=True)
class _Running:
    """A task that runs. ``child`` is None for an adopted one."""

    task: Task
    pid: int
    descriptor: int
    child: subprocess.Popen[bytes] | None
    is_killed: bool = False
    timers: list[asyncio.TimerHandle] = dataclasses.field(default_factory=list)


class ProcessExecutor:
    """See :class:`pamesos.local.executors.base.Executor`."""

    def __init__(
        self, layout: sandbox.Layout, inherited: Mapping[str, str], report: Report
    ) -> None:
        self._layout = layout
        self._inherited = dict(inherited)
        self._report = report
        self._running: dict[str, _Running] = {}
        self._ended: set[str] = set()
        self._sweeping: asyncio.Task[None] | None = None
        self._seen: list[procfs.Process] = []
        self._seen_at = -_SEEN_FOR_S

    def launch(self, instance: Instance) -> None:
        """Start the task; a command that cannot be started is a TASK_FAILED."""
        task = instance.task
        assert task is not None
        try:
            child = self._spawn(instance, task)
            descriptor = _descriptor(child)
        except (OSError, KeyError, ValueError) as error:
            message = f"Failed to launch container: {error}"
            self._report(StatusUpdate(task.id, FAILED, message))
            return
        process = procfs.read(child.pid)
        start = process.start if process is not None else 0
        self._report(StatusUpdate(task.id, STARTING, pid=child.pid, pid_start=start))
        self._watch(_Running(task, child.pid, descriptor, child))
        self._report(StatusUpdate(task.id, RUNNING))

    def kill(self, task: Task, grace_s: float) -> None:
        """Send SIGTERM to all of the task's processes, SIGKILL after ``grace_s`` seconds."""
        running = self._running.get(task.id)
        if running is None:
            self._report(StatusUpdate(task.id, KILLED, "Task was not running"))
            return
        if running.is_killed:
            return
        running.is_killed = True
        loop = asyncio.get_running_loop()
        self._signal(running, signal.SIGTERM)
        running.timers = [
            loop.call_later(grace_s, self._signal, running, signal.SIGKILL),
            loop.call_later(grace_s + _GIVE_UP_S, self._end, running),
        ]

    def adopt(self, instance: Instance) -> bool:
        """Watch a process of an earlier engine again, if it is still the same one."""
        task = instance.task
        assert task is not None
        process = procfs.read(task.pid) if task.pid else None
        if process is None or process.is_zombie or process.start != task.pid_start:
            return False
        with contextlib.suppress(OSError):
            self._watch(_Running(task, task.pid, os.pidfd_open(task.pid), None))
            return True
        return False

    async def probe(self, instance: Instance, command: str, timeout_s: float) -> str | None:
        """Run a command with the task's environment in its sandbox; None means that it said 0."""
        task = instance.task
        assert task is not None
        directory = self._layout.sandbox(task)
        nowhere = subprocess.DEVNULL
        shell = ["/bin/sh", "-c", command]
        child = self._popen(shell, instance, directory, nowhere, nowhere)
        try:
            async with asyncio.timeout(timeout_s):
                await ended(child.pid)
        except TimeoutError:
            return f"Command timed out after {timeout_s:g}secs"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            code = child.wait()
        return None if code == 0 else _message(code)

    async def clean(self) -> None:
        """Kill what carries a sandbox of ours and belongs to no task that was adopted."""
        await asyncio.to_thread(
            leftovers.of_strangers, str(self._layout.work_dir), set(self._running)
        )

    async def close(self) -> None:
        """Wait until all tasks that were killed have ended, and nothing of them is left."""
        while self._running:
            await asyncio.sleep(0.01)
        if self._sweeping is not None:
            await self._sweeping
        await self.clean()

    def _spawn(self, instance: Instance, task: Task) -> subprocess.Popen[bytes]:
        command = _command_line(instance)
        directory = sandbox.create(self._layout, task, user_of(instance))
        with _appending(directory / "stdout") as out, _appending(directory / "stderr") as err:
            return self._popen(command, instance, directory, out, err)

    def _popen(
        self,
        command: list[str],
        instance: Instance,
        directory: Path,
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
    ) -> subprocess.Popen[bytes]:
        uid, gid = user_of(instance) or (None, None)
        return subprocess.Popen(
            command,
            cwd=directory,
            env=self._environment(instance, directory),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            user=uid,
            group=gid,
            extra_groups=None if gid is None else [],
        )

    def _environment(self, instance: Instance, directory: Path) -> dict[str, str]:
        return environment(self._inherited, instance, str(directory), self._layout.framework)

    def _watch(self, running: _Running) -> None:
        self._running[running.task.id] = running
        loop = asyncio.get_running_loop()
        loop.add_reader(running.descriptor, self._end, running)

    def _signal(self, running: _Running, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, number)
        processes = self._processes()
        group = {process.pid for process in processes if process.group == running.pid}
        procfs.send(procfs.tree(running.pid, processes) - group, number)

    def _processes(self) -> list[procfs.Process]:
        """Return all processes; those of a moment ago will do where many tasks end at once."""
        moment = asyncio.get_running_loop().time()
        if moment > self._seen_at + _SEEN_FOR_S:
            self._seen, self._seen_at = list(procfs.everything()), moment
        return self._seen

    def _end(self, running: _Running) -> None:
        """Report the end of a task's process, and end what it left behind."""
        asyncio.get_running_loop().remove_reader(running.descriptor)
        os.close(running.descriptor)
        for timer in running.timers:
            timer.cancel()
        del self._running[running.task.id]
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(running.pid, signal.SIGKILL)
        self._sweep_later(running.task.id)
        self._report(_terminal(running))

    def _sweep_later(self, task_id: str) -> None:
        self._ended.add(task_id)
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = background.start(self._sweep(), "sweep")

    async def _sweep(self) -> None:
        """End processes of ended tasks that left their session; many ends make one look."""
        while self._ended:
            ended, self._ended = self._ended, set()
            await asyncio.to_thread(leftovers.of_tasks, ended)


def _descriptor(child: subprocess.Popen[bytes]) -> int:
    """Return what tells the end of a process. Raises OSError; then the process is gone again."""
    try:
        return os.pidfd_open(child.pid)
    except OSError:
        child.kill()
        child.wait()
        raise


def _terminal(running: _Running) -> StatusUpdate:
    code = running.child.poll() if running.child is not None else None
    if running.is_killed:
        # Of an adopted process nobody knows the status, but we know what we sent.
        message = _message(code if code is not None else -signal.SIGTERM)
        return StatusUpdate(running.task.id, KILLED, message)
    if code is None:
        message = "Command ended with unknown status: the engine was restarted while it ran"
        return StatusUpdate(running.task.id, FAILED, message)
    return StatusUpdate(running.task.id, FINISHED if code == 0 else FAILED, _message(code))


def _message(code: int) -> str:
    """Return Mesos' words for an exit status as subprocess gives it (recordings/stack)."""
    if code < 0:
        return f"Command terminated with signal {signal.strsignal(-code) or -code}"
    return f"Command exited with status {code}"


def _command_line(instance: Instance) -> list[str]:
    app = instance.app
    image = ((app.get("container") or {}).get("docker") or {}).get("image")
    if image:
        raise ValueError(f"the Mesos containerizer is not here: image {image} needs type DOCKER")
    if app.get("cmd"):
        return ["/bin/sh", "-c", app["cmd"]]
    if not app.get("args"):
        raise ValueError("the app has neither cmd nor args")
    return [str(argument) for argument in app["args"]]


def user_of(instance: Instance) -> tuple[int, int] | None:
    """Return uid and gid to run as; None for our own. Only root can be somebody else.

    Raises KeyError for a user that does not exist.
    """
    name = instance.app.get("user")
    if not name or os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(name)
    return (entry.pw_uid, entry.pw_gid) if entry.pw_uid else None


def _appending(path: Path) -> IO[bytes]:
    return path.open("ab", buffering=0)
