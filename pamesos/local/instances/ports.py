"""Which port of a task belongs to which definition, and where it is reached. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pamesos.local.instances.model import Instance
from pamesos.local.launcher.ports import is_host_network

Json = Mapping[str, Any]


def definitions(app: Json) -> list[Json]:
    """Return the port definitions of an app, or its mappings on other networks than the host's."""
    if is_host_network(app):
        return list(app.get("portDefinitions") or ())
    return list((app.get("container") or {}).get("portMappings") or ())


def assigned(app: Json, ports: Sequence[int]) -> list[tuple[Json, int | None]]:
    """Return each definition with the host port that a task has for it.

    None is a mapping without ``hostPort``: its port is open on the container's network only.
    """
    if is_host_network(app):
        return list(zip(definitions(app), ports, strict=False))
    left = iter(ports)
    return [
        (each, next(left, None) if each.get("hostPort") is not None else None)
        for each in definitions(app)
    ]


def addresses(instance: Instance) -> list[tuple[str, int]]:
    """Return where each port of a task is reached: on its agent, else on its own address."""
    task = instance.task
    assert task is not None
    inside = task.container_ip or task.ip
    return [
        (task.ip, port) if port is not None else (inside, int(each.get("containerPort") or 0))
        for each, port in assigned(instance.app, task.ports)
    ]


def address(instance: Instance, port: int) -> tuple[str, int]:
    """Return where a port that a check names by number is reached."""
    task = instance.task
    assert task is not None
    networks = instance.app.get("networks") or ()
    is_on_its_own = any(network.get("mode") == "container" for network in networks)
    return (task.container_ip or task.ip if is_on_its_own else task.ip), port
