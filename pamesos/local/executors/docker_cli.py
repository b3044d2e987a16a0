"""Runs the ``docker`` command, as a Mesos agent does.

The command and not the engine's socket: an app's ``parameters`` are options of ``docker run`` in
its own spelling, and the command knows contexts, TLS and credentials. Nothing here is imported or
started before the first task that needs a container.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pamesos.local.executors.docker_options import Creation

#: Where an engine listens unless ``DOCKER_HOST`` says otherwise.
_DEFAULT_HOST = "unix:///var/run/docker.sock"
#: An engine that does not answer a short question by then is taken for dead.
_ANSWER_S = 60.0
_PULL_S = 1800.0
#: How long an engine may be away before its containers are given up.
_ENGINE_AWAY_S = 30.0


class DockerError(Exception):
    """A command failed; the text is meant for ``TASK_FAILED`` messages."""


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """What a command said; ``code`` 127 stands for a command that is not there."""

    code: int
    out: str
    err: str


@dataclasses.dataclass(frozen=True, slots=True)
class State:
    """A container as ``docker inspect`` shows it. ``started`` once its command was executed."""

    status: str
    started: bool
    code: int
    ip: str

    @property
    def is_running(self) -> bool:
        """Tell whether its command has not ended yet."""
        return self.status in ("running", "paused", "restarting")


def host() -> str:
    """Return where the engine is expected."""
    return os.environ.get("DOCKER_HOST") or _DEFAULT_HOST


async def run(
    arguments: Sequence[str],
    *,
    text: str = "",
    extra_env: Mapping[str, str] | None = None,
    timeout_s: float = _ANSWER_S,
) -> Result:
    """Run ``docker ARGUMENTS`` with ``text`` as its input. Raises TimeoutError."""
    try:
        # In a session of its own: Ctrl-C is for the engine, which ends its tasks itself.
        process = await asyncio.create_subprocess_exec(
            "docker",
            *arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **(extra_env or {})},
            start_new_session=True,
        )
    except OSError as error:
        return Result(127, "", f"docker: {error.strerror}")
    try:
        async with asyncio.timeout(timeout_s):
            out, err = await process.communicate(text.encode())
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    code = process.returncode if process.returncode is not None else 1
    return Result(code, out.decode(errors="replace"), err.decode(errors="replace"))


async def need_image(image: str, *, force_pull: bool, home: Path | None) -> None:
    """Make sure that an image is there; pull it if it is not, or if ``force_pull``.

    ``home`` is where the credentials of a registry are, if an app fetched them. Raises DockerError
    with the words of recordings/stack/10 for an image that cannot be had.
    """
    if not force_pull and (await run(["image", "inspect", "--format", "{{.Id}}", image])).code == 0:
        return
    await _need_engine(image)
    extra = None if home is None else {"HOME": str(home)}
    pulled = await run(["pull", image], extra_env=extra, timeout_s=_PULL_S)
    if pulled.code != 0:
        command = f"docker -H {host()} pull {image}"
        raise DockerError(
            f"Failed to run '{command}': exited with status {pulled.code}; stderr='{pulled.err}'"
        )


async def _need_engine(image: str) -> None:
    answer = await run(["version", "--format", "{{.Server.Version}}"])
    if answer.code == 127:
        raise DockerError(
            f"image {image} needs Docker Engine, and there is no docker command on this machine"
        )
    if answer.code != 0:
        raise DockerError(
            f"image {image} needs Docker Engine, and none answers at {host()}: {answer.err.strip()}"
        )


async def inspect(name: str) -> State | None:
    """Return how a container is; None if there is none, or no engine to say so."""
    answer = await run(["container", "inspect", "--format", "{{json .}}", name])
    return _state(json.loads(answer.out)) if answer.code == 0 else None


async def look(name: str) -> State | None:
    """Return how a container is as :func:`inspect`, but wait a while for an engine that is away."""
    clock = asyncio.get_running_loop()
    until = clock.time() + _ENGINE_AWAY_S
    while True:
        with contextlib.suppress(TimeoutError):
            if (state := await inspect(name)) is not None:
                return state
            if (await run(["version"])).code == 0:
                return await inspect(name)
        if clock.time() > until:
            return None
        await asyncio.sleep(1)


async def create(creation: Creation) -> None:
    """Make a container. Raises DockerError."""
    answer = await run(creation.arguments, text=creation.env_file, extra_env=creation.passed_on)
    if answer.code != 0:
        # Not the whole command: an app's parameters may hold what is not for everybody.
        problem = f"Failed to run 'docker create': exited with status {answer.code}"
        raise DockerError(f"{problem}; stderr='{answer.err.strip()}'")


async def remove(task_ids: Iterable[str]) -> None:
    """Remove all containers of these tasks."""
    for task_id in task_ids:
        label = f"label=MESOS_TASK_ID={task_id}"
        found = await run(["ps", "--all", "--quiet", "--filter", label])
        for container in found.out.split():
            await run(["rm", "--force", "--volumes", container])


def _state(shown: Mapping[str, Any]) -> State:
    state, network = shown["State"], shown.get("NetworkSettings") or {}
    networks = (network.get("Networks") or {}).values()
    addresses = (each.get("IPAddress") for each in networks)
    return State(
        status=str(state["Status"]),
        started=not str(state.get("StartedAt", "0001")).startswith("0001"),
        code=int(state["ExitCode"]),
        ip=next((str(address) for address in addresses if address), ""),
    )


def ours(work_dir: Path) -> list[tuple[str, str]]:
    """Return (task id, status) of the containers whose sandbox is below a directory.

    Blocks; used once, before anything runs. Nothing if there is no engine: then nothing runs.
    """
    fields = '{{.Label "MESOS_TASK_ID"}}\t{{.State}}\t{{.Mounts}}'
    command = ["docker", "ps", "--all", "--no-trunc", "--filter", "label=MESOS_TASK_ID"]
    try:
        answer = subprocess.run(
            [*command, "--format", fields], capture_output=True, timeout=_ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = (line.split("\t") for line in answer.stdout.decode(errors="replace").splitlines())
    inside = str(work_dir) + os.sep
    return [(row[0], row[1]) for row in rows if len(row) == 3 and inside in row[2]]
