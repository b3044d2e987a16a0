"""What the network makes possible and what not: addresses, ports, images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pamesos.config.lookup import RUN_HERE, apps, get, has_container_network
from pamesos.config.tree import Fault, KeyPath
from pamesos.core.addresses import DEFAULT_SQL_PORTS
from pamesos.core.model import is_loopback

#: The embedded HSQLDB listens there, on loopback (facts/proactive.md 2, "ports").
_HSQLDB_PORT = 9001


def network_faults(data: Any) -> Iterator[Fault]:
    """Yield the faults; the paths are those of the file."""
    yield from _ports(data)
    yield from _loopback(data)
    yield from _hosts(data)
    yield from _containers(data)


def _ports(data: Any) -> Iterator[Fault]:
    """Two fixed ports of one host must differ."""
    if has_container_network(data):
        data = {**data, "database": None}  # a container of its own has all ports
    host = get(data, "scheduler", "host")
    taken: dict[tuple[Any, Any], KeyPath] = {}
    if get(data, "database", "kind") == "embedded":
        taken[host, _HSQLDB_PORT] = ("database",)
    for path, at_host, port in _fixed_ports(data, host):
        other = taken.setdefault((at_host, port), path)
        if other != path:
            other_text = ".".join(map(str, other))
            yield Fault(path, f"port {port} of {at_host} is taken by {other_text}; choose another")


def _fixed_ports(data: Any, host: Any) -> Iterator[tuple[KeyPath, Any, Any]]:
    kind = get(data, "database", "kind")
    if kind in RUN_HERE or kind == "external":
        engine = get(data, "database", "engine") or "postgresql" if kind == "external" else kind
        port = get(data, "database", "port") or DEFAULT_SQL_PORTS.get(engine)
        yield ("database", "port"), get(data, "database", "host"), port
    if get(data, "scheduler") is not None:
        yield ("scheduler", "ports", "web"), host, get(data, "scheduler", "ports", "web") or 8080
        yield ("scheduler", "ports", "pnp"), host, get(data, "scheduler", "ports", "pnp") or 64738
    if get(data, "protocol") == "pamr":
        port = get(data, "scheduler", "ports", "pamr") or 33647
        yield ("scheduler", "ports", "pamr"), host, port


def _loopback(data: Any) -> Iterator[Fault]:
    database, scheduler = get(data, "database", "host"), get(data, "scheduler", "host")
    if not (isinstance(database, str) and isinstance(scheduler, str)):
        return
    if has_container_network(data):
        return
    run_here = get(data, "database", "kind") in RUN_HERE
    if run_here and is_loopback(database) and not is_loopback(scheduler):
        text = f"{database} can be reached from its own machine only; write the agent's name"
        yield Fault(("database", "host"), text)


def _hosts(data: Any) -> Iterator[Fault]:
    """A container network gives its containers names; elsewhere an agent is named."""
    scheduler = get(data, "scheduler")
    if not has_container_network(data):
        if isinstance(scheduler, Mapping) and "host" not in scheduler:
            text = "is missing: the agent it runs on, by the name that nodes reach it at"
            yield Fault(("scheduler", "host"), text)
        for path, app in apps(data):
            if "agent" in app:
                yield Fault((*path, "agent"), "only with a container network; host is the agent")
        return
    for path, app in apps(data):
        is_kept = "agent" in app or "constraints" in app
        if path[0] != "nodeSources" and (app.get("volume") or app.get("volumes")) and not is_kept:
            text = "is missing: its volume is a directory of one agent; name the agent"
            yield Fault((*path, "agent"), text)


def _containers(data: Any) -> Iterator[Fault]:
    bridge, named = get(data, "network") == "bridge", has_container_network(data)
    network = "the bridge" if bridge else "this network"
    for path, app in apps(data):
        if (bridge or named) and not app.get("image"):
            what = "the bridge network needs" if bridge else "a container network needs"
            yield Fault((*path, "image"), f"is missing: {what} images")
        if path[0] == "nodeSources" and app.get("volumes") and not app.get("image"):
            yield Fault((*path, "volumes"), "only a container has volumes; give it an image")
        if (bridge or named) and isinstance(app.get("host"), str) and is_loopback(app["host"]):
            instead = "write the agent's name" if bridge else "leave it out, or write its DNS name"
            text = f"{app['host']} is each container itself on {network}; {instead}"
            yield Fault((*path, "host"), text)
