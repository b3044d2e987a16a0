"""Reads agents as users write them: ``name;cpus:4;mem:8192;rack:a;ports:31000-32000``, or JSON."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from typing import Any

from pamesos.local.launcher.agents import Agent, PortRange

_FIGURES = {"cpus": 8.0, "mem": 16384.0, "disk": 100000.0, "gpus": 0.0}
_PORTS = "31000-32000"


class BadAgentError(Exception):
    """An agent that cannot be read; the text says why."""


def many(specs: Iterable[str], file_text: str | None = None) -> tuple[Agent, ...]:
    """Return the agents of ``--agent`` options and of the text of a file. Raises BadAgentError.

    The file is a JSON list of such texts or of objects: ``name``, ``host``, ``cpus``, ``mem`` and
    ``disk`` (MiB), ``gpus``, ``ports`` (``"31000-32000,8080-8080"``), ``attributes``, ``region``,
    ``zone``.
    """
    agents = [one(spec) for spec in specs]
    if file_text is not None:
        agents += [_of_json(each) for each in _list(file_text)]
    names = [agent.id for agent in agents]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadAgentError(f"two agents are called {sorted(twice)[0]!r}")
    return tuple(agents)


def one(spec: str) -> Agent:
    """Return the agent of a text. Raises BadAgentError."""
    name, *parts = [part.strip() for part in spec.split(";")]
    members: dict[str, Any] = {"name": name, "attributes": {}}
    for part in filter(None, parts):
        key, separator, value = part.partition(":")
        if not separator:
            raise BadAgentError(f"{part!r} of agent {name!r} is not of the form name:value")
        if key in _FIGURES or key in ("ports", "host", "region", "zone"):
            members[key] = value
        else:
            members["attributes"][key] = value
    return _of_json(members)


def _list(text: str) -> list[Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadAgentError(f"it is not JSON: {error}") from None
    if not isinstance(found, list) or not found:
        raise BadAgentError("it is not a JSON list of agents")
    return found


def _of_json(members: Any) -> Agent:
    if isinstance(members, str):
        return one(members)
    if not isinstance(members, Mapping) or not members.get("name"):
        raise BadAgentError(f"an agent without a name: {members!r}")
    name = str(members["name"])
    figures = {key: _figure(name, key, members.get(key, usual)) for key, usual in _FIGURES.items()}
    ranges = tuple(_range(name, text) for text in str(members.get("ports", _PORTS)).split(","))
    host = str(members.get("host", name))
    attributes = {str(key): str(value) for key, value in (members.get("attributes") or {}).items()}
    return Agent(
        id=name,
        hostname=host,
        ip=_address(host),
        cpus=figures["cpus"],
        mem=figures["mem"],
        disk=figures["disk"],
        gpus=int(figures["gpus"]),
        ports=ranges,
        dynamic=max(ranges, key=lambda each: each[1] - each[0]),
        attributes=attributes,
        region=members.get("region"),
        zone=members.get("zone"),
    )


def _figure(name: str, key: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < 1e15:
        raise BadAgentError(f"{key} of agent {name!r} cannot be {value!r}")
    return number


def _range(name: str, text: str) -> PortRange:
    first, _, last = text.strip().partition("-")
    try:
        begin, end = int(first), int(last or first)
    except ValueError:
        raise BadAgentError(f"ports of agent {name!r} cannot be {text!r}") from None
    if not 1 <= begin <= end <= 65535:
        raise BadAgentError(f"ports of agent {name!r} cannot be {text!r}")
    return begin, end


def _address(host: str) -> str:
    """Return where tasks of an agent are: here, whatever its name, unless that is an address."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "127.0.0.1"


def simulated(cpus: float, mem: float) -> tuple[Agent, ...]:
    """Return the agents of a simulated cluster when nobody names any: five in two racks."""
    figures = f"cpus:{cpus};mem:{mem};ports:10000-65535"
    return tuple(
        one(f"agent-{n};host:127.0.1.{n};rack:r{2 - n % 2};{figures}") for n in range(1, 6)
    )
