"""Creating and changing groups (facts/marathon.md 4, 8, 9, 18, 19)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

from pamesos.local.definitions import normal, paths
from pamesos.local.definitions.fields import GROUP_UPDATE
from pamesos.local.definitions.refusal import message, not_valid
from pamesos.local.definitions.rules import Roles
from pamesos.local.definitions.settings import Settings
from pamesos.local.definitions.settle import group_order
from pamesos.local.deployments.plan import DeploymentPlan, build_plan
from pamesos.local.store.root import (
    ROOT_ID,
    GroupNode,
    Root,
    ancestors,
    apps_below,
    delete_group,
    is_below,
    node_for,
    parent_id,
)

Json = dict[str, Any]
Found = Iterator[tuple[str, str]]

_ALONE = "not allowed in conjunction with other properties."
_ENFORCE_ROLE = (
    "enforceRole cannot be modified in a request that adds, removes or modifies services; please "
    "make these changes in separate requests."
)


@dataclasses.dataclass(frozen=True, slots=True)
class GroupChange:
    """A judged update: ``path`` is the group that it names, ``update`` its fields."""

    path: str
    update: Json


def refuse_path(path: str) -> str:
    """Return a path made absolute; raises Refusal 422 for one that no group may have."""
    where = paths.absolute(path)
    normal.refuse(("/", error) for error in paths.faults(where))
    return where


def read_change(
    value: Any, path: str, root: Root, settings: Settings, *, creation: bool
) -> GroupChange:
    """Return what a POST or PUT to the group at ``path`` asks for; raises Refusal.

    A body's id is resolved against ``path`` and wins. Under PUT the real one resolves it once more
    when it judges the apps, so that apps under a relative id are refused (marathon-fuzz).
    """
    raw: Json = normal.read(GROUP_UPDATE, value)
    effective = path
    if "id" in raw:
        normal.refuse(("/", error) for error in paths.faults(raw["id"]))
        effective = paths.absolute(raw["id"], path)
    modifies = _modifies_services(raw)
    update = _normalized(raw, effective, root, settings)
    base = path if creation else effective
    normal.refuse(_faults(update, base, root, modifies))
    if creation:
        _refuse_existing(effective, root)
    return GroupChange(effective, update)


def _modifies_services(update: Json) -> bool:
    if any(name in update for name in ("version", "scaleBy", "apps")):
        return True
    return any(_modifies_services(group) for group in update.get("groups", ()))


def _normalized(raw: Json, path: str, root: Root, settings: Settings) -> Json:
    """Return the update with absolute ids, judged apps in normal form and roles filled in."""
    if "version" in raw or "scaleBy" in raw:
        return raw  # to be refused if it says anything else, so nobody looks at its apps
    enforce = raw.get("enforceRole", False)
    top = root.groups.get("/" + paths.top_level(path))
    if parent_id(path) == ROOT_ID != path:
        enforced = enforce
    else:
        enforced = top is not None and path != ROOT_ID and bool(top.enforce_role)
    role = paths.top_level(path) if enforced else settings.role
    return _with_members({**raw, "enforceRole": enforce}, path, Roles((role,), role), settings)


def _with_members(update: Json, path: str, roles: Roles, settings: Settings) -> Json:
    result = dict(update)
    if "groups" in update:
        result["groups"] = [_child(group, path, roles, settings) for group in update["groups"]]
    if "apps" in update:
        result["apps"] = [
            normal.normal_form(normal.canonical(app, settings, roles, base=path))
            for app in update["apps"]
        ]
    if "dependencies" in update:
        result["dependencies"] = [paths.absolute(each, path) for each in update["dependencies"]]
    return result


def _child(group: Json, parent: str, roles: Roles, settings: Settings) -> Json:
    if "id" not in group:
        raise message(500, "No group id was given!")
    path = paths.absolute(group["id"], parent)
    if parent == ROOT_ID:
        enforced = group.get("enforceRole", False)
        role = paths.top_level(path) if enforced else settings.role
        roles = Roles((role,), role)
    child = {"enforceRole": False, **group}
    return {**_with_members(child, path, roles, settings), "path": path}


def _faults(update: Json, base: str, root: Root, modifies: bool, at: str = "") -> Found:
    where = paths.absolute(update["id"], base) if "id" in update else base
    if len(paths.segments(where)) > 1 and update.get("enforceRole"):
        yield (
            f"{at}/enforceRole",
            f"enforceRole can only be set for top-level groups, and {where} is not top-level",
        )
    for name in ("version", "scaleBy"):
        if name in update and update.keys() - {name, "path"}:
            yield f"{at}/{name}", _ALONE
    if "id" in update:
        for error in paths.faults(update["id"]):
            yield f"{at}/id", error
    for index, app in enumerate(update.get("apps", ())):
        if parent_id(paths.absolute(app["id"], where)) != where:
            yield f"{at}/apps({index})/id", f"Identifier is not child of '{where}'"
    for index, group in enumerate(update.get("groups", ())):
        yield from _faults(group, where, root, modifies, f"{at}/groups({index})")
    node = root.groups.get(where) if "id" in update else None
    if modifies and node is not None and update.get("enforceRole") != node.enforce_role:
        yield f"{at}/enforceRole", _ENFORCE_ROLE


def _refuse_existing(path: str, root: Root) -> None:
    if path in root.groups:
        raise message(409, f"Group {path} is already created. Use PUT to change this group.")
    if path in root.apps:
        raise message(409, f"An app with the path {path} already exists.")


def apply(root: Root, change: GroupChange, version: str, old: Root | None = None) -> Root:
    """Return the root after a change; it still has to be settled.

    ``old`` is the root of the version that the change rolls back to, None if there is none.
    """
    if "version" in change.update:
        return rollback(root, change.path, change.update["version"], old, version)
    if "scaleBy" in change.update:
        return scale(root, change.path, change.update["scaleBy"], version)
    apps, groups = dict(root.apps), dict(root.groups)
    for group in ancestors(change.path):
        groups.setdefault(group, node_for(group, version))
    _Tree(root, apps, groups, version).put(change.path, change.update)
    return Root(version, apps, groups)


class _Tree:
    """Writes an update into the maps of a new root."""

    def __init__(
        self,
        root: Root,
        apps: dict[str, Json],
        groups: dict[str, GroupNode],
        version: str,
    ) -> None:
        self.root, self.apps, self.groups, self.version = root, apps, groups, version

    def put(self, path: str, update: Json) -> None:
        node = self.groups.get(path) or node_for(path, self.version)
        if "apps" in update:
            self._replace_apps(path, update["apps"])
        if "groups" in update:
            self._replace_groups(path, update["groups"])
        dependencies = update.get("dependencies", node.dependencies)
        enforce = node_for(path, self.version, enforce=bool(update.get("enforceRole")))
        self.groups[path] = dataclasses.replace(
            enforce, dependencies=tuple(dict.fromkeys(dependencies))
        )

    def _replace_apps(self, path: str, apps: list[Json]) -> None:
        for app_id in [key for key in self.apps if parent_id(key) == path]:
            del self.apps[app_id]
        for app in apps:
            self.apps[app["id"]] = app

    def _replace_groups(self, path: str, updates: list[Json]) -> None:
        kept = {update["path"] for update in updates}
        for child in [key for key in self.groups if parent_id(key) == path != key]:
            if child not in kept:
                self._drop(child)
        for update in updates:
            if parent_id(update["path"]) != path:
                raise self._not_a_child(path)
            self.put(update["path"], update)

    def _drop(self, group: str) -> None:
        for key in [key for key in self.groups if key == group or is_below(key, group)]:
            del self.groups[key]
        for key in [key for key in self.apps if is_below(key, group)]:
            del self.apps[key]

    def _not_a_child(self, parent: str) -> Exception:
        order = group_order(Root(self.version, self.apps, self.groups))
        place = order.index(parent) + 1 if parent in order else len(order) + 1
        text = "Group has to be child of groups with parent id"
        return not_valid([(f"/groups({place})", text)])


def dry_run(root: Root, change: GroupChange, old: Root | None) -> DeploymentPlan:
    """Return the plan that ``dryRun`` shows.

    It overstates: every app that the real one reads anew counts as restarted, even if nothing
    changes, because only a real deployment looks at versions and service ports (facts 18).
    """
    target = apply(root, change, root.version, old)
    anew = {
        app_id
        for app_id, app in root.apps.items()
        if target.apps.get(app_id, app).get("version") != app["version"]
    }
    if not change.update.keys() & {"version", "scaleBy"}:
        anew |= _read_anew(target, change.path, change.update)
    restart = frozenset(anew)
    return build_plan(root, target, plan_id="", version=root.version, restart=restart)


def _read_anew(target: Root, path: str, update: Json) -> frozenset[str]:
    below = [_read_anew(target, group["path"], group) for group in update.get("groups", ())]
    return frozenset(app for app in target.apps if parent_id(app) == path).union(*below)


def scale(root: Root, path: str, factor: float, version: str) -> Root:
    """Return the root with the instances of all apps in a group multiplied, rounded up."""
    apps = dict(root.apps)
    for app_id in list(apps_below(root, path)):
        app = apps[app_id]
        instances = math.ceil(app["instances"] * factor)
        apps[app_id] = {**app, "instances": instances}
    groups = dict(root.groups)
    for group in (path, *ancestors(path)):
        groups.setdefault(group, node_for(group, version))
    return Root(version, apps, groups)


def rollback(root: Root, path: str, wanted: str, old: Root | None, version: str) -> Root:
    """Return the root with a group as it was in an earlier version; raises Refusal 422."""
    if old is None or path not in old.groups:
        raise message(422, f"Group {path} not available in version {wanted}")
    rest = delete_group(root, path, version)
    apps: Mapping[str, Json] = {
        **rest.apps,
        **{app_id: old.apps[app_id] for app_id in apps_below(old, path)},
    }
    groups = {
        **rest.groups,
        **{key: node for key, node in old.groups.items() if key == path or is_below(key, path)},
    }
    return Root(version, apps, groups)
