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
    #: Only groups right below the root have it; None for all others, the root included.
    enforce_role: bool | None = None


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


def apps_below(root: Root, group: str) -> list[str]:
    """Return the ids of the apps anywhere inside a group, each group's own before its groups'."""
    members = members_of(root)
    children = children_of(root)
    found: list[str] = []
    waiting = [group]
    while waiting:
        here = waiting.pop()
        found.extend(members.get(here, ()))
        waiting.extend(reversed(children.get(here, ())))
    return found


def members_of(root: Root) -> dict[str, list[str]]:
    """Return for each group that has some the apps right in it, in order."""
    members: dict[str, list[str]] = {}
    for key in root.apps:
        members.setdefault(parent_id(key), []).append(key)
    return members


def node_for(path: str, version: str, *, enforce: bool = False) -> GroupNode:
    """Return a new group; only groups right below the root say whether they enforce a role."""
    top = parent_id(path) == ROOT_ID != path
    return GroupNode(path, version, (), enforce if top else None)


def with_parents(groups: Mapping[str, GroupNode], path: str, version: str) -> dict[str, GroupNode]:
    """Return the groups with all those present that ``path`` lies in."""
    result = dict(groups)
    for group in ancestors(path):
        if group not in result:
            result[group] = node_for(group, version)
    return result


def put_apps(root: Root, changed: Iterable[dict[str, Any]], version: str) -> Root:
    """Return a root with these apps (ids absolute) added or replaced, their groups with them."""
    apps, groups = dict(root.apps), dict(root.groups)
    for app in changed:
        apps[app["id"]] = app
        groups = with_parents(groups, app["id"], version)
    return Root(version, apps, groups)


def put_app(root: Root, app: dict[str, Any], version: str) -> Root:
    """Return a root in which this app is the only one of its id."""
    return put_apps(root, [app], version)


def delete_app(root: Root, app_id: str, version: str) -> Root:
    """Return a root without this app; its group stays even when nothing is left in it."""
    apps = {key: app for key, app in root.apps.items() if key != app_id}
    return Root(version, apps, root.groups)


def delete_group(root: Root, group: str, version: str) -> Root:
    """Return a root without this group and all that is inside it."""
    apps = {key: app for key, app in root.apps.items() if not is_below(key, group)}
    groups = {key: n for key, n in root.groups.items() if key != group and not is_below(key, group)}
    return Root(version, apps, groups)


def patch_group(root: Root, group: str, version: str, *, enforce: bool) -> Root:
    """Return a root in which a group right below the root enforces its role, or not."""
    node = dataclasses.replace(root.groups[group], enforce_role=enforce)
    return Root(version, root.apps, {**root.groups, group: node})


def clear(version: str) -> Root:
    """Return what is left after DELETE /v2/groups."""
    return Root.empty(version)


def children_of(root: Root) -> dict[str, list[str]]:
    """Return for each group that has some the groups right below it, in order."""
    children: dict[str, list[str]] = {}
    for key in root.groups:
        if key != ROOT_ID:
            children.setdefault(parent_id(key), []).append(key)
    return children


Renderer = Callable[[str], dict[str, Any]]


def render(
    root: Root,
    group: str = ROOT_ID,
    *,
    app: Renderer | None = None,
    with_apps: bool = True,
    with_groups: bool = True,
) -> dict[str, Any]:
    """Return a group as GET /v2/groups shows it.

    ``app`` turns an app's id into what is shown of it (the engine fills embeds in); without it the
    app's normal form is shown. What is not embedded shows as an empty list (recordings 01, 02).
    """
    children = children_of(root)
    members = members_of(root)
    show = app or (lambda app_id: root.apps[app_id])

    def tree(node_id: str) -> dict[str, Any]:
        node = root.groups[node_id]
        apps = members.get(node_id, ()) if with_apps else ()
        groups = children.get(node_id, ()) if with_groups else ()
        shown: dict[str, Any] = {
            "id": node_id,
            "apps": [show(key) for key in apps],
            "pods": [],
            "groups": [tree(key) for key in groups],
            "dependencies": list(node.dependencies),
            "version": node.version,
        }
        if node.enforce_role is not None:
            shown["enforceRole"] = node.enforce_role
        return shown

    return tree(group)
