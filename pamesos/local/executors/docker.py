"""Runs tasks as containers of Docker Engine, as the Docker containerizer of Mesos does.

A container is made, started with its output going to the sandbox, watched, and removed when it has
ended. It belongs to us if its sandbox does, so a later engine finds what an earlier one left. The
command that carries the output outlives a killed engine too; its pid is kept beside the sandbox.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import math
from collections.abc import Coroutine
from typing import Any

from pamesos.local import background
from pamesos.local.executors import docker_cli, docker_options, docker_output, sandbox
from pamesos.local.executors.base import Report, StatusUpdate
from pamesos.local.executors.docker_cli import DockerError, State
from pamesos.local.executors.docker_output import Output
from pamesos.local.executors.volumes import Volumes
from pamesos.local.instances.model import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    STARTING,
    Instance,
    Task,
)

#: How often a container that is about to start is looked at.
_LOOK_AGAIN_S = 0.1
#: How long after the grace period a container may need to end before it is given up.
_GIVE_UP_S = 20.0
#: What a container that was never started, or is gone, is told of.
_UNKNOWN = "Container ended with unknown status: Docker Engine does not know it any more"


@dataclasses.dataclass(slots=True)
class _Container:
    """A task's container. ``grace_s`` is set once it is to end.

    ``is_made`` before its command is executed: from then on it is stopped, not just removed.
    """

    task: Task
    name: str
    output: Output | None = None
    work: asyncio.Task[None] | None = None
    stopping: asyncio.Task[None] | None = None
    grace_s: float | None = None
    is_made: bool = False
    is_started: bool = False
    given_up: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)


class DockerExecutor:
    """See :class:`pamesos.local.executors.base.Executor`."""

    def __init__(self, layout: sandbox.Layout, report: Report, volumes: Volumes) -> None:
        self._layout = layout
        self._report = report
        self._volumes = volumes
        self._containers: dict[str, _Container] = {}
        #: Task id -> status, of containers that an earlier engine left; None until asked.
        self._left: dict[str, str] | None = None
        #: Where there is no such file no container was ever made, and no engine is asked for one.
        self._mark = layout.work_dir / "containers"

    def has(self, task_id: str) -> bool:
        """Tell whether a task is one of ours and has not ended."""
        return task_id in self._containers

    def launch(self, instance: Instance) -> None:
        """Make and start the container; what becomes of it is reported."""
        task = instance.task
        assert task is not None
        container = self._add(task)
        work = self._guarded(container, self._launch(container, instance))
        container.work = background.start(work, f"container {task.id}")

    def kill(self, task: Task, grace_s: float) -> None:
        """Stop the container: SIGTERM, then SIGKILL after ``grace_s`` seconds."""
        container = self._containers.get(task.id)
        if container is None:
            self._report(StatusUpdate(task.id, KILLED, "Task was not running"))
            return
        if container.grace_s is not None:
            return
        container.grace_s = grace_s
        if container.is_started:
            self._stop(container)
        elif not container.is_made:
            container.given_up.set()

    def adopt(self, instance: Instance) -> bool:
        """Watch a container of an earlier engine, also if it ended while no engine was there."""
        task = instance.task
        assert task is not None
        if self._left is None:
            self._left = dict(docker_cli.ours(self._layout.work_dir))
        if self._left.get(task.id, "created") == "created":
            return False
        container = self._add(task)
        container.is_made = container.is_started = True
        container.output = docker_output.recall(self._layout, task)
        work = self._guarded(container, self._follow(container))
        container.work = background.start(work, f"container {task.id}")
        return True

    async def probe(self, instance: Instance, command: str, timeout_s: float) -> str | None:
        """Run a command in the container; None means that it said 0."""
        task = instance.task
        assert task is not None
        name = docker_options.name_of(task)
        try:
            answer = await docker_cli.run(
                ["exec", name, "/bin/sh", "-c", command], timeout_s=timeout_s
            )
        except TimeoutError:
            return f"Command timed out after {timeout_s:g}secs"
        return None if answer.code == 0 else f"Command exited with status {answer.code}"

    async def clean(self) -> None:
        """Remove the containers whose sandbox is ours and that belong to no task we know."""
        if not self._mark.exists():
            return
        left = dict(await asyncio.to_thread(docker_cli.ours, self._layout.work_dir))
        strangers = [task_id for task_id in left if task_id not in self._containers]
        await docker_cli.remove(strangers)

    async def close(self) -> None:
        """Wait until all containers that were killed have ended, and none is left."""
        while self._containers:
            await asyncio.sleep(_LOOK_AGAIN_S)
        await self.clean()
        self._mark.unlink(missing_ok=True)

    def _add(self, task: Task) -> _Container:
        container = _Container(task, docker_options.name_of(task))
        self._containers[task.id] = container
        return container

    async def _guarded(
        self, container: _Container, steps: Coroutine[Any, Any, State | None]
    ) -> None:
        """Report the one end that a container has, whatever happens."""
        try:
            update = _verdict(container, await _unless_given_up(container, steps))
        except (DockerError, OSError, KeyError, ValueError, TimeoutError) as error:
            state = FAILED if container.grace_s is None else KILLED
            text = str(error) or type(error).__name__
            update = StatusUpdate(container.task.id, state, f"Failed to launch container: {text}")
        if container.stopping is not None:
            container.stopping.cancel()
        with contextlib.suppress(TimeoutError):
            await docker_cli.run(["rm", "--force", "--volumes", container.name])
        del self._containers[container.task.id]
        self._report(update)

    async def _launch(self, container: _Container, instance: Instance) -> State | None:
        task = container.task
        directory = sandbox.create(self._layout, task, None)
        docker = instance.app["container"]["docker"]
        await docker_cli.need_image(
            docker["image"],
            force_pull=bool(docker.get("forcePullImage")),
            home=directory if (directory / ".docker" / "config.json").is_file() else None,
        )
        self._mark.touch()
        self._report(StatusUpdate(task.id, STARTING))
        volumes = {path: str(source) for path, source in self._volumes.of(instance).items()}
        await docker_cli.create(docker_options.creation(instance, str(directory), volumes))
        container.is_made = True
        container.output = self._output(container, "start", "--attach")
        return await self._follow(container)

    async def _follow(self, container: _Container) -> State | None:
        is_told = container.task.state == RUNNING
        while True:
            state = await docker_cli.look(container.name)
            if state is None:
                return None
            if state.started and not is_told:
                is_told = True
                self._running(container, state)
            output = container.output
            if not state.is_running and (state.started or output is None or output.is_over):
                if output is not None:
                    await output.finish()
                return state
            await self._until_news(container, state)

    async def _until_news(self, container: _Container, state: State) -> None:
        """Return when a running container's output has ended; look often at one that starts."""
        if state.is_running:
            if container.output is None or container.output.is_over:
                container.output = self._output(
                    container, "attach", "--no-stdin", "--sig-proxy=false"
                )
            await container.output.over()
        await asyncio.sleep(_LOOK_AGAIN_S)

    def _output(self, container: _Container, *command: str) -> Output:
        return docker_output.start(self._layout, container.task, [*command, container.name])

    def _running(self, container: _Container, state: State) -> None:
        """Tell that a container runs, and where."""
        container.is_started = True
        self._report(StatusUpdate(container.task.id, RUNNING, container_ip=state.ip))
        if container.grace_s is not None:
            self._stop(container)

    def _stop(self, container: _Container) -> None:
        grace_s = math.ceil(container.grace_s or 0)
        work = _end(container, grace_s)
        container.stopping = background.start(work, f"end of container {container.task.id}")


async def _unless_given_up(
    container: _Container, steps: Coroutine[Any, Any, State | None]
) -> State | None:
    """Return how the container ended; None if it was given up before."""
    work = asyncio.create_task(steps)
    lost = asyncio.create_task(container.given_up.wait())
    await asyncio.wait({work, lost}, return_when=asyncio.FIRST_COMPLETED)
    lost.cancel()
    if work.done():
        return work.result()
    work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await work
    return None


async def _end(container: _Container, grace_s: int) -> None:
    """Stop a container; give it up if the engine cannot."""
    with contextlib.suppress(TimeoutError):
        await docker_cli.run(
            ["stop", f"--time={grace_s}", container.name], timeout_s=grace_s + _GIVE_UP_S
        )
    await asyncio.sleep(_GIVE_UP_S)
    container.given_up.set()


def _verdict(container: _Container, state: State | None) -> StatusUpdate:
    task_id = container.task.id
    if state is None and not container.is_made:
        return StatusUpdate(task_id, KILLED, "Container was never started")
    if state is None:
        ending = FAILED if container.grace_s is None else KILLED
        return StatusUpdate(task_id, ending, _UNKNOWN)
    message = f"Container exited with status {state.code}"
    if container.grace_s is not None:
        return StatusUpdate(task_id, KILLED, message)
    is_good = state.started and state.code == 0
    return StatusUpdate(task_id, FINISHED if is_good else FAILED, message)
