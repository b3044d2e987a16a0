"""What ``docker create`` is told about an app: pure, after recordings/stack/10-docker-inspect."""

from __future__ import annotations

import dataclasses
import os.path
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pamesos.local.executors.environment import environment
from pamesos.local.instances.model import Instance, Task
from pamesos.local.instances.ports import assigned

#: Where a container sees its sandbox.
SANDBOX = "/mnt/mesos/sandbox"
#: As a Mesos agent: nothing starts with less memory, and shares of the CPU have a least value.
_MIN_MEMORY_MIB = 32
_MIN_SHARES = 2
_SHARES_PER_CPU = 1024
_CPU_PERIOD_US = 100_000
#: What a command task gets from its agent and a container does not (facts/stack.md 16).
_AGENTS_OWN = (
    "LIBPROCESS_IP",
    "MESOS_DIRECTORY",
    "MESOS_EXECUTOR_ID",
    "MESOS_FRAMEWORK_ID",
    "MESOS_SLAVE_ID",
    "PATH",
    "PWD",
)
_MEGABYTE = 1024 * 1024
#: A line of an ``--env-file`` is read up to this length, and its value has no end of line.
_MAX_LINE = 60_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")

Json = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Creation:
    """Arguments of ``docker``, its input (an ``--env-file``), and variables that it passes on.

    Values of the environment are never arguments: those can be read by everybody on the machine.
    """

    arguments: tuple[str, ...]
    env_file: str
    passed_on: Mapping[str, str]


def name_of(task: Task) -> str:
    """Return the name of a task's container."""
    return f"mesos-{task.container}"


def creation(instance: Instance, sandbox: str, volumes: Mapping[str, str]) -> Creation:
    """Return how an instance's container is made; ``sandbox`` is its directory here.

    ``volumes`` are the directories of its persistent volumes by their path in the sandbox.
    """
    task, app = instance.task, instance.app
    assert task is not None
    values = variables(instance)
    in_file = {name: value for name, value in values.items() if _fits_in_file(name, value)}
    others = {name: value for name, value in values.items() if name not in in_file}
    docker = app["container"]["docker"]
    arguments = [
        "create",
        *_limits(app),
        *(["--privileged"] if docker.get("privileged") else ()),
        "--env-file=/dev/stdin",
        *(f"--env={name}" for name in others),
        *_volumes(app, sandbox),
        *(f"--volume={source}:{SANDBOX}/{path}" for path, source in volumes.items()),
        *_network(app, task),
        f"--name={name_of(task)}",
        f"--label=MESOS_TASK_ID={task.id}",
        *(f"--{each['key']}={each['value']}" for each in docker.get("parameters") or ()),
        *(["--entrypoint=/bin/sh"] if app.get("cmd") else ()),
        docker["image"],
        *(["-c", app["cmd"]] if app.get("cmd") else map(str, app.get("args") or ())),
    ]
    lines = "".join(f"{name}={value}\n" for name, value in in_file.items())
    return Creation(tuple(arguments), lines, others)


def variables(instance: Instance) -> dict[str, str]:
    """Return the environment of a container: nothing of the agent's is in it."""
    task = instance.task
    assert task is not None
    own = instance.app.get("env") or {}
    found = environment({}, instance, SANDBOX, "")
    found = {name: value for name, value in found.items() if name in own or name not in _AGENTS_OWN}
    return {"MESOS_CONTAINER_NAME": name_of(task)} | found


def _fits_in_file(name: str, value: str) -> bool:
    is_line = "\n" not in value and "\r" not in value and len(value) < _MAX_LINE
    return is_line and _NAME.fullmatch(name) is not None


def _limits(app: Json) -> Iterator[str]:
    """Yield the limits: shares of the CPU, and as much memory as the app has or may burst to."""
    limits = app.get("resourceLimits") or {}
    yield f"--cpu-shares={max(_MIN_SHARES, int(app['cpus'] * _SHARES_PER_CPU))}"
    cpus: Any = limits.get("cpus")
    if cpus is not None and cpus != "unlimited":
        yield f"--cpu-period={_CPU_PERIOD_US}"
        yield f"--cpu-quota={int(cpus * _CPU_PERIOD_US)}"
    mem: Any = limits.get("mem", app["mem"])
    if mem != "unlimited":
        yield f"--memory={int(max(mem, _MIN_MEMORY_MIB) * _MEGABYTE)}"
    if "mem" in limits:
        yield f"--memory-reservation={int(max(app['mem'], _MIN_MEMORY_MIB) * _MEGABYTE)}"


def _volumes(app: Json, sandbox: str) -> Iterator[str]:
    yield f"--volume={sandbox}:{SANDBOX}"
    for volume in app["container"].get("volumes") or ():
        if "hostPath" in volume:
            # Relative ones are of the sandbox, on either side.
            source = os.path.join(sandbox, volume["hostPath"])  # noqa: PTH118 - text, no file
            inside = os.path.join(SANDBOX, volume["containerPath"])  # noqa: PTH118
            yield f"--volume={source}:{inside}:{volume['mode'].lower()}"


def _network(app: Json, task: Task) -> Iterator[str]:
    network = (app.get("networks") or [{"mode": "host"}])[0]
    if network["mode"] == "host":
        yield "--network=host"
        return
    yield f"--network={network['name'] if network['mode'] == 'container' else 'bridge'}"
    for mapping, port in assigned(app, task.ports):
        if port is not None:
            inside = mapping.get("containerPort") or port
            for protocol in mapping.get("protocol", "tcp").split(","):
                yield f"--publish={port}:{inside}/{protocol}"
