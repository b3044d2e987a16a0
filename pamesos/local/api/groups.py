"""The routes below /v2/groups."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pamesos.local.api.apps import not_a_time
from pamesos.local.api.contract import (
    Engine,
    app_embeds,
    deployed,
    engine_of,
    flag,
    insist_on_accept,
    location,
)
from pamesos.local.definitions import groups as definitions
from pamesos.local.definitions import jsontext, normal, paths
from pamesos.local.definitions.fields import GROUP_PATCH
from pamesos.local.definitions.groups import GroupChange
from pamesos.local.definitions.readers import is_moment
from pamesos.local.definitions.refusal import message, missing_group
from pamesos.local.definitions.settle import settle
from pamesos.local.deployments.plan import DeploymentPlan
from pamesos.local.store import root as tree
from pamesos.local.store.root import Root

Json = dict[str, Any]

_LIST_APPS = re.compile(r"((?:.+/)|)apps")
_LIST_VERSIONS = re.compile(r"(?:(.+)/)?versions")
_VERSION = re.compile(r"(?:(.+)/)?versions/(.+)")
_EVERYTHING = ("group.apps", "group.pods", "group.groups")


async def groups(request: Request) -> Response:
    """Answer /v2/groups and everything below it."""
    insist_on_accept(request)
    rest = request.path_params.get("id", "")
    if request.method in ("GET", "HEAD"):
        return _read(request, rest)
    if request.method == "DELETE":
        return await _delete(request, rest)
    if request.method == "PATCH":
        if not rest:
            raise message(405, "Method Not Allowed")
        return await _patch(request, rest)
    return await _write(request, rest)


def _read(request: Request, rest: str) -> Response:
    engine = engine_of(request)
    if match := _LIST_APPS.fullmatch(rest):
        return _list_apps(request, engine, paths.absolute(match[1]))
    if match := _LIST_VERSIONS.fullmatch(rest):
        return _versions(engine, paths.absolute(match[1] or ""))
    if match := _VERSION.fullmatch(rest):
        return _version(request, engine, paths.absolute(match[1] or ""), match[2])
    return JSONResponse(_render(request, engine, engine.root, paths.absolute(rest)))


def _list_apps(request: Request, engine: Engine, group: str) -> Response:
    embeds = frozenset(app_embeds(request.query_params.getlist("embed"), ("group.apps.",)))
    below = tree.apps_below(engine.root, group)
    return JSONResponse([engine.app_view(app_id, embeds) for app_id in below])


def _versions(engine: Engine, group: str) -> Response:
    if group not in engine.root.groups:
        raise missing_group(group)
    return JSONResponse(engine.versions(group))


def _version(request: Request, engine: Engine, group: str, version: str) -> Response:
    if not is_moment(version):
        raise not_a_time(version)
    root = engine.root_at(version)
    if root is None or group not in root.groups:
        raise missing_group(group)
    return JSONResponse(_render(request, engine, root, group))


def _render(request: Request, engine: Engine, root: Root, group: str) -> Json:
    if group not in root.groups:
        raise missing_group(group)
    asked = request.query_params.getlist("embed") or list(_EVERYTHING)
    embeds = frozenset(app_embeds(asked, ("group.apps.", "apps.", "app.")))

    def show(app_id: str) -> Json:
        if root is engine.root:
            return engine.app_view(app_id, embeds)
        return root.apps[app_id]

    with_apps = any(name.startswith("group.apps") for name in asked)
    return tree.render(
        root, group, app=show, with_apps=with_apps, with_groups="group.groups" in asked
    )


async def _write(request: Request, rest: str) -> Response:
    engine = engine_of(request)
    path = definitions.refuse_path(rest)
    value = jsontext.parse(await request.body())
    creation = request.method == "POST"
    change = definitions.read_change(value, path, engine.root, engine.settings, creation=creation)
    if flag(request, "dryRun") and not creation:
        return _dry_run(engine, change)
    version = engine.next_version()
    applied = definitions.apply(engine.root, change, version, _wanted(engine, change))
    plan = await _deploy(engine, applied, force=flag(request, "force"))
    if creation:
        return deployed(plan, 201, location(request, change.path))
    return deployed(plan)


def _wanted(engine: Engine, change: GroupChange) -> Root | None:
    version = change.update.get("version")
    return None if version is None else engine.root_at(version)


def _dry_run(engine: Engine, change: GroupChange) -> Response:
    plan = definitions.dry_run(engine.root, change, _wanted(engine, change))
    steps = [
        {"actions": [{"action": action.action, "app": action.app} for action in step]}
        for step in plan.steps
    ]
    return JSONResponse({"steps": steps})


async def _deploy(engine: Engine, changed: Root, *, force: bool) -> DeploymentPlan:
    return await engine.deploy(settle(engine.root, changed, engine.settings), force=force)


async def _delete(request: Request, rest: str) -> Response:
    engine, force = engine_of(request), flag(request, "force")
    version = engine.next_version()
    if not rest:
        return deployed(await _deploy(engine, tree.clear(version), force=force))
    group = paths.absolute(rest)
    if group == tree.ROOT_ID:
        raise message(422, "requirement failed: The root group cannot be removed.")
    if group not in engine.root.groups:
        raise missing_group(group, details=False)
    changed = tree.delete_group(engine.root, group, version)
    return deployed(await _deploy(engine, changed, force=force))


async def _patch(request: Request, rest: str) -> Response:
    engine = engine_of(request)
    patch = normal.read(GROUP_PATCH, jsontext.parse(await request.body()))
    group = paths.absolute(rest)
    if len(paths.segments(group)) != 1:
        normal.refuse([("/", "Path is not top-level.")])
    if group not in engine.root.groups:
        raise missing_group(group)
    enforce = bool(patch.get("enforceRole", False))
    changed = tree.patch_group(engine.root, group, engine.next_version(), enforce=enforce)
    await _deploy(engine, changed, force=False)
    return Response(headers={"Content-Type": "application/json"})


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]

routes = [
    Route("/v2/groups", groups, methods=_METHODS),
    Route("/v2/groups/{id:path}", groups, methods=_METHODS),
]
