"""The last step of every change: service ports, versions, and the rules for the whole tree."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from pamesos.local.definitions.normal import in_order
from pamesos.local.definitions.refusal import message, not_valid
from pamesos.local.definitions.settings import Settings
from pamesos.local.deployments.plan import dependency_levels, is_changed
from pamesos.local.store.root import ROOT_ID, Root, children_of, is_below, parent_id

Json = dict[str, Any]


def settle(
    original: Root,
    changed: Root,
    settings: Settings,
    *,
    restart: frozenset[str] = frozenset(),
) -> Root:
    """Return the target of a deployment from ``original``; its version is that of ``changed``.

    Apps that are the same as before are the very same objects. Raises Refusal 422 for cycles and
    for an app that has a group's id, 500 when no service port is left.
    """
    version = changed.version
    ports = _Ports(original, changed, settings)
    apps = {}
    for app_id, app in changed.apps.items():
        old = original.apps.get(app_id)
        if app is old and app_id not in restart:
            apps[app_id] = app
        else:
            apps[app_id] = _versioned(old, ports.assign(app, old), version, app_id in restart)
    groups = {
        group_id: dataclasses.replace(node, version=version)
        for group_id, node in changed.groups.items()
        if not _gives_way(group_id, apps)
    }
    target = Root(version, apps, groups)
    _refuse_clashes(target)
    _refuse_cycles(target)
    return target


def _gives_way(group_id: str, apps: dict[str, Json]) -> bool:
    """Tell whether a group is in the way of an app and empty (recordings 01, groups)."""
    return group_id in apps and not any(is_below(app, group_id) for app in apps)


def _versioned(old: Json | None, new: Json, version: str, restart: bool) -> Json:
    """Return the app with its version and what changed last (recordings 03, marathon-fuzz)."""
    if old is None or is_changed(old, new):
        info = {"lastScalingAt": version, "lastConfigChangeAt": version}
    elif restart:
        info = {**old["versionInfo"], "lastConfigChangeAt": version}
    elif old["instances"] != new["instances"]:
        info = {**old["versionInfo"], "lastScalingAt": version}
    else:
        return old
    return in_order({**new, "version": version, "versionInfo": info})


class _Ports:
    """Hands out service ports: an app gets its own back, others the lowest free one."""

    def __init__(self, original: Root, changed: Root, settings: Settings) -> None:
        self.range = range(settings.local_port_min, settings.local_port_max)
        self.roots = (original, changed)
        self.free: Iterator[int] | None = None

    def assign(self, app: Json, old: Json | None) -> Json:
        given = service_ports(app)
        if 0 not in given:
            return app
        own = [] if old is None else service_ports(old)
        mine = iter([port for port in own if port in self.range and port not in given])
        return with_service_ports(app, [port or next(mine, 0) or self._next() for port in given])

    def _next(self) -> int:
        if self.free is None:
            self.free = self._unused()
        port = next(self.free, None)
        if port is None:
            first, last = self.range.start, self.range.stop
            raise message(500, f"All ports in the range [{first}-{last}) are already in use")
        return port

    def _unused(self) -> Iterator[int]:
        used = {
            port for root in self.roots for app in root.apps.values() for port in service_ports(app)
        }
        return (port for port in self.range if port not in used)


def service_ports(app: Json) -> list[int]:
    """Return the service ports of an app, 0 where one is yet to be assigned."""
    mappings = app.get("container", {}).get("portMappings")
    if mappings:
        return [mapping["servicePort"] for mapping in mappings]
    return [definition["port"] for definition in app.get("portDefinitions", ())]


def with_service_ports(app: Json, ports: list[int]) -> Json:
    """Return the app with these service ports, in order."""
    mappings = app.get("container", {}).get("portMappings")
    if mappings:
        pairs = zip(mappings, ports, strict=True)
        container = {
            **app["container"],
            "portMappings": [{**mapping, "servicePort": port} for mapping, port in pairs],
        }
        return {**app, "container": container}
    definitions = zip(app["portDefinitions"], ports, strict=True)
    return {**app, "portDefinitions": [{**each, "port": port} for each, port in definitions]}


def group_order(root: Root) -> list[str]:
    """Return the groups below the root in the order that ``/groups(N)`` in a fault counts."""
    children = children_of(root)

    def below(group_id: str) -> Iterator[str]:
        direct = children.get(group_id, ())
        yield from direct
        for child in direct:
            yield from below(child)

    return list(below(ROOT_ID))


def _refuse_clashes(root: Root) -> None:
    clashes = [group_id for group_id in root.groups if group_id in root.apps]
    if not clashes:
        return
    order = group_order(root)
    text = "Groups and Applications may not have the same identifier."
    raise not_valid((_group_path(parent_id(clash), order), text) for clash in clashes)


def _group_path(group_id: str, order: Iterable[str]) -> str:
    if group_id == ROOT_ID:
        return "/"
    return f"/groups({list(order).index(group_id)})"


def _refuse_cycles(root: Root) -> None:
    try:
        dependency_levels(root)
    except ValueError as error:
        raise not_valid([("/", str(error))]) from None
