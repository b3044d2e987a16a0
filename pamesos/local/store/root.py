"""The tree of groups and apps as one frozen value; a change makes a new one.

Apps are plain dicts in the wire's shape (their normal form) and are shared between roots: nobody
changes an app in place, so a new root of 1,000 apps costs one copied mapping and not 1,000 apps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

App = Mapping[str, Any]

ROOT_ID = "/"


@dataclasses.dataclass(frozen=True, slots=True)
class GroupNode:
    """A group without what is in it. ``id`` is absolute, ``dependencies`` too."""

    id: str
    version: str
    dependencies: tuple[str, ...] = ()
    #: None only for the root of a Marathon that never had it set: it is not shown there.
    enforce_role: bool | None = False


@dataclasses.dataclass(frozen=True, slots=True)
class Root:
    """All apps by absolute id and all groups by absolute id, the root group among them."""

    version: str
    apps: Mapping[str, dict[str, Any]]
    groups: Mapping[str, GroupNode]

    @staticmethod
    def empty(version: str) -> Root:
        """Return a root without apps; ``version`` is an ISO time such as Marathon shows."""
        return Root(
            version,
            MappingProxyType({}),
            MappingProxyType({ROOT_ID: GroupNode(ROOT_ID, version)}),
        )


def parent_id(path: str) -> str:
    """Return ``/a`` for ``/a/b`` and ``/`` for ``/a``."""
    return path.rpartition("/")[0] or ROOT_ID


def ancestors(path: str) -> Iterator[str]:
    """Yield the groups above a path, nearest first, the root last; nothing for the root."""
    while path != ROOT_ID:
        path = parent_id(path)
        yield path


def is_below(path: str, group: str) -> bool:
    """Tell whether a path lies anywhere inside a group."""
    return path != group and (group == ROOT_ID or path.startswith(group + "/"))


def apps_below(root: Root, group: str) -> Iterator[str]:
    """Yield the ids of the apps anywhere inside a group."""
    return (app for app in root.apps if is_below(app, group))


def touched(root: Root, paths: Iterable[str], version: str) -> dict[str, GroupNode]:
    """Return the groups with all that lie on these paths present and carrying ``version``."""
    groups = dict(root.groups)
    for path in paths:
        for group in (path, *ancestors(path)):
            node = groups.get(group) or GroupNode(group, version)
            groups[group] = dataclasses.replace(node, version=version)
    return groups


def put_app(root: Root, app: dict[str, Any], version: str) -> Root:
    """Return a root in which this app (its ``id`` absolute) is the only one of its id."""
    apps = dict(root.apps)
    apps[app["id"]] = app
    return Root(version, apps, touched(root, [parent_id(app["id"])], version))


def put_apps(root: Root, changed: Iterable[dict[str, Any]], version: str) -> Root:
    """Return a root with these apps added or replaced."""
    apps = dict(root.apps)
    parents = []
    for app in changed:
        apps[app["id"]] = app
        parents.append(parent_id(app["id"]))
    return Root(version, apps, touched(root, parents, version))


def delete_app(root: Root, app_id: str, version: str) -> Root:
    """Return a root without this app; its group stays even when nothing is left in it."""
    apps = {key: app for key, app in root.apps.items() if key != app_id}
    return Root(version, apps, touched(root, [parent_id(app_id)], version))


def delete_group(root: Root, group: str, version: str) -> Root:
    """Return a root without this group and all that is inside it."""
    apps = {key: app for key, app in root.apps.items() if not is_below(key, group)}
    kept = {key: n for key, n in root.groups.items() if key != group and not is_below(key, group)}
    return Root(version, apps, touched(Root(root.version, apps, kept), [parent_id(group)], version))


Renderer = Callable[[str], dict[str, Any]]


def render(
    root: Root,
    group: str = ROOT_ID,
    *,
    app: Renderer | None = None,
    with_apps: bool = True,
    with_groups: bool = True,
    with_pods: bool = True,
) -> dict[str, Any]:
    """Return a group as GET /v2/groups shows it.

    ``app`` turns an app's id into what is shown of it (the engine fills embeds in); without it the
    app's normal form is shown. The embeds leave members out: recordings 01.
    """
    children: dict[str, list[str]] = {}
    for key in root.groups:
        if key != ROOT_ID:
            children.setdefault(parent_id(key), []).append(key)
    members: dict[str, list[str]] = {}
    for key in root.apps:
        members.setdefault(parent_id(key), []).append(key)
    show = app or (lambda app_id: root.apps[app_id])

    def tree(node_id: str) -> dict[str, Any]:
        node = root.groups[node_id]
        shown: dict[str, Any] = {"id": node_id}
        if with_apps:
            shown["apps"] = [show(key) for key in members.get(node_id, ())]
        if with_pods:
            shown["pods"] = []
        if with_groups:
            shown["groups"] = [tree(key) for key in children.get(node_id, ())]
        shown["dependencies"] = list(node.dependencies)
        shown["version"] = node.version
        if node.enforce_role is not None and parent_id(node_id) == ROOT_ID != node_id:
            shown["enforceRole"] = node.enforce_role
        return shown

    return tree(group)
