"""What Marathon refuses in an app beyond the kinds of its fields.

Its own answer to these names no app of the group (facts/marathon.md 4). Each rule is one of the
422 answers in recordings/marathon and marathon-fuzz.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pamesos.config.tree import Fault, KeyPath

#: Last segments of ids that are words of Marathon's own API.
RESERVED = ("restart", "tasks", "versions")


def rule_faults(app: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    """Yield what Marathon would refuse; fields of a wrong kind are left to their own fault."""
    yield from _commands(app, path)
    yield from _ports(app, path)
    yield from _health_checks(app, path)
    yield from _readiness_checks(app, path)
    yield from _upgrade(app, path)
    yield from _constraints(app, path)


def _objects(value: Any, key: str) -> list[tuple[int, dict[str, Any]]]:
    members = value.get(key) if isinstance(value, dict) else None
    members = members if isinstance(members, list) else []
    return [(at, member) for at, member in enumerate(members) if isinstance(member, dict)]


def _commands(app: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    if not any(app.get(key) for key in ("cmd", "args", "container")):
        text = "is missing: what it runs; give cmd, args or container"
        yield Fault((*path, "cmd"), text)
    if app.get("cmd") and app.get("args"):
        yield Fault((*path, "args"), "give either cmd or args, not both")
    if isinstance(app.get("cmd"), str) and len(app["cmd"]) == 1:
        yield Fault((*path, "cmd"), "Marathon refuses so short a command")


def _ports(app: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    for field in ("name", "port"):
        seen: set[Any] = set()
        for at, definition in _objects(app, "portDefinitions"):
            value = definition.get(field)
            if value and value in seen:
                text = f"{value} is there twice; each port needs its own {field}"
                yield Fault((*path, "portDefinitions", at, field), text)
            seen.add(value)


def _port_list(app: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the app's ports where they are written in one of the present forms."""
    mappings = _objects(app.get("container"), "portMappings")
    found = [port for _, port in mappings or _objects(app, "portDefinitions")]
    return found or None


def _health_checks(app: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    ports = _port_list(app)
    for at, check in _objects(app, "healthChecks"):
        index = check.get("portIndex")
        if ports is not None and isinstance(index, int) and index >= len(ports):
            text = f"the app has no port {index}; it has {len(ports)}, counted from 0"
            yield Fault((*path, "healthChecks", at, "portIndex"), text)


def _readiness_checks(app: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    ports = _port_list(app)
    checks = _objects(app, "readinessChecks")
    if len(checks) > 1:
        text = f"Marathon takes one readiness check, got {len(checks)}"
        yield Fault((*path, "readinessChecks"), text)
    for at, check in checks:
        where = (*path, "readinessChecks", at)
        timeout, interval = check.get("timeoutSeconds", 10), check.get("intervalSeconds", 30)
        if isinstance(timeout, int) and isinstance(interval, int) and timeout >= interval:
            text = f"{timeout} must be less than intervalSeconds, {interval}"
            yield Fault((*where, "timeoutSeconds"), text)
        name = check.get("portName", "http-api")
        if ports is not None and name not in [port.get("name") for port in ports]:
            yield Fault((*where, "portName"), f"the app has no port called {name}")


def _upgrade(app: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    strategy = app.get("upgradeStrategy")
    if not isinstance(strategy, dict):
        return
    for key in ("minimumHealthCapacity", "maximumOverCapacity"):
        value = strategy.get(key)
        if value is None:
            text = "is missing: an upgradeStrategy needs both of its numbers"
            yield Fault((*path, "upgradeStrategy", key), text)
        elif isinstance(value, int | float) and value > 1:
            yield Fault(
                (*path, "upgradeStrategy", key), f"expected a number from 0 to 1, got {value}"
            )


def _constraints(app: dict[str, Any], path: KeyPath) -> Iterator[Fault]:
    constraints = app.get("constraints")
    for at, constraint in enumerate(constraints if isinstance(constraints, list) else ()):
        if isinstance(constraint, list) and len(constraint) not in (2, 3):
            text = "expected [field, operator] or [field, operator, value]"
            text += ', e.g. ["hostname", "UNIQUE"]'
            yield Fault((*path, "constraints", at), text)
