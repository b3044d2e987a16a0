"""Creating and changing apps: whole definitions, partial ones, lists of them (facts 9, 15, 19).

A PUT is judged twice by the real Marathon: what was sent, and what it became with every default
written out. Rules about fields that were left out hold only the second time; so here too.
"""

from __future__ import annotations

from typing import Any

from pamesos.local.definitions import legacy, normal, paths
from pamesos.local.definitions.fields import APP, APP_UPDATE
from pamesos.local.definitions.readers import ListOf
from pamesos.local.definitions.refusal import invalid_json, message, missing_app
from pamesos.local.definitions.rules import Roles
from pamesos.local.definitions.settings import Settings
from pamesos.local.store.root import Root

Json = dict[str, Any]

_DEFAULTS: Json = normal.read_app({"id": "x"})


def roles_for(root: Root, app_id: str, settings: Settings) -> Roles:
    """Return the roles that an app of this id may have, given the group it lies in."""
    top = paths.top_level(app_id)
    if len(paths.segments(app_id)) < 2:
        return Roles((settings.role,), settings.role)
    group, existing = root.groups.get(f"/{top}"), root.apps.get(app_id)
    kept = () if existing is None else (existing["role"],)
    if group is not None and group.enforce_role:
        return Roles(tuple(dict.fromkeys((top, *kept))), top)
    return Roles(tuple(dict.fromkeys((settings.role, top, *kept))), settings.role)


def create(value: Any, root: Root, settings: Settings) -> Json:
    """Return the normal form of an app sent with POST /v2/apps; raises Refusal."""
    app = normal.read_app(value)
    app_id = paths.absolute(app["id"])
    judged = normal.canonical(app, settings, roles_for(root, app_id, settings))
    return normal.normal_form(judged)


def replace(value: Any, app_id: str, root: Root, settings: Settings) -> Json:
    """Return the normal form of an app sent with PUT as a whole; the path's id wins."""
    if not isinstance(value, dict):
        raise invalid_json([("", "error.expected.jsobject")])
    app = normal.read_app({**value, "id": app_id})
    roles = roles_for(root, app_id, settings)
    return _written_out(normal.canonical(app, settings, roles), settings, roles)


def _written_out(app: Json, settings: Settings, roles: Roles) -> Json:
    app = legacy.without(app, "version", "versionInfo")
    app.setdefault("upgradeStrategy", normal.default_upgrade(app))
    app.setdefault("unreachableStrategy", normal.default_unreachable(app))
    return normal.normal_form(normal.canonical(app, settings, roles))


def read_update(value: Any, settings: Settings) -> Json:
    """Return the fields of a partial update in today's form; what is left out stays out."""
    update: Json = normal.read(APP_UPDATE, value)
    return _ready(update, settings)


def _ready(update: Json, settings: Settings) -> Json:
    update = legacy.migrate_update(update, settings)
    if "version" in update and update.keys() - {"version", "id"}:
        normal.refuse([("/", "The 'version' field may only be combined with the 'id' field.")])
    if update.get("networks"):
        update["networks"] = _named(update["networks"], settings)
    networks = update.get("networks")
    if networks and networks[0]["mode"] != "host":
        container = update.get("container") or {
            "type": "MESOS",
            "volumes": [],
            "portMappings": [dict(legacy.DEFAULT_PORT_MAPPING)],
        }
        update["container"] = normal.with_host_ports(container, networks)
    return update


def _named(networks: list[Json], settings: Settings) -> list[Json]:
    named = [normal.named(network, settings) for network in networks]
    if any(network["mode"] == "container" and "name" not in network for network in named):
        raise message(500, "container network name is not defined")
    return named


def merge(update: Json, current: Json, root: Root, settings: Settings) -> Json:
    """Return the normal form of an app after a partial update of it (facts/marathon.md 19)."""
    merged = {
        **normal.as_sent(current),
        **legacy.without(update, "id", "version", "versionInfo"),
    }
    roles = roles_for(root, current["id"], settings)
    return normal.normal_form(normal.canonical(merged, settings, roles))


def _create_from(update: Json, app_id: str, root: Root, settings: Settings) -> Json:
    app = {**_DEFAULTS, **legacy.without(update, "version", "versionInfo"), "id": app_id}
    return _written_out(app, settings, roles_for(root, app_id, settings))


def update_many(
    value: Any, root: Root, settings: Settings, *, partial: bool, allow_creation: bool
) -> list[Json]:
    """Return the normal forms that PUT or PATCH /v2/apps asks for, in order; raises Refusal.

    The id in each element says which app; a ``version`` here is not looked at.
    """
    if not partial:
        sent = normal.read(ListOf(APP), value)
        return [replace(app, paths.absolute(app["id"]), root, settings) for app in sent]
    changed = []
    for each in normal.read(ListOf(APP_UPDATE), value):
        if "id" not in each:
            raise message(422, "requirement failed: App Update must have app id set")
        update, app_id = _ready(each, settings), paths.absolute(each["id"])
        current = root.apps.get(app_id)
        if current is None and not allow_creation:
            raise missing_app(app_id, details=False)
        if current is None:
            changed.append(_create_from(update, app_id, root, settings))
        else:
            changed.append(merge(update, current, root, settings))
    return changed
