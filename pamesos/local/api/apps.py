"""The routes below /v2/apps.

Ids hold slashes, so what a path means is decided by how it ends (``/tasks``, ``/versions``,
``/restart``), as the real one does.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pamesos.local.api import app_tasks
from pamesos.local.api.contract import (
    Engine,
    app_embeds,
    deployed,
    engine_of,
    flag,
    insist_on_accept,
    insist_on_json,
    location,
)
from pamesos.local.definitions import jsontext, paths, selectors, updates
from pamesos.local.definitions.readers import is_moment
from pamesos.local.definitions.refusal import Refusal, message, missing_app, missing_group
from pamesos.local.definitions.settle import settle
from pamesos.local.deployments.plan import DeploymentPlan
from pamesos.local.engine.scope import CHANGED_GROUP
from pamesos.local.store import root as tree

Json = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]

_LIST_METHODS = "HEAD,POST,GET,OPTIONS,PUT,PATCH"
_SHOWN = frozenset({"counts", "tasks", "lastTaskFailure", "deployments"})
_VERSION = re.compile(r"(.+)/versions(?:/(.*))?")
_TASKS = re.compile(r"(.+)/tasks(?:/(.*))?")
_RESTART = re.compile(r"(.+)/restart")


async def apps(request: Request) -> Response:
    """Answer /v2/apps."""
    if request.method == "OPTIONS":
        return Response(headers={"Allow": _LIST_METHODS, "Content-Type": "application/json"})
    insist_on_accept(request)
    if request.method in ("GET", "HEAD"):
        return _list(request)
    insist_on_json(request)
    body = await request.body()
    if request.method == "POST":
        return await _create(request, body)
    partial = request.method == "PATCH" or flag(request, "partialUpdate", default=True)
    return await _update_many(request, body, partial=partial)


def _list(request: Request) -> Response:
    engine, query = engine_of(request), request.query_params
    matches = _filter(query.get("id"), query.get("cmd"), query.get("label"))
    embeds = frozenset(app_embeds(query.getlist("embed")) | {"counts", "deployments"})
    shown = [
        engine.app_view(app_id, embeds) for app_id, app in engine.root.apps.items() if matches(app)
    ]
    return JSONResponse({"apps": shown})


def _filter(part: str | None, cmd: str | None, label: str | None) -> Callable[[Json], bool]:
    has_labels = None if label is None else selectors.parse(label)

    def matches(app: Json) -> bool:
        if part is not None and part.lower() not in app["id"].lower():
            return False
        if cmd is not None and cmd.lower() not in app.get("cmd", "").lower():
            return False
        if cmd is not None and "cmd" not in app:
            return False
        return has_labels is None or has_labels(app)

    return matches


async def _create(request: Request, body: bytes) -> Response:
    engine = engine_of(request)
    app = updates.create(jsontext.parse(body), engine.root, engine.settings)
    app_id = app["id"]
    if app_id in engine.root.apps:
        raise message(409, f"An app with id [{app_id}] already exists.")
    CHANGED_GROUP.set(tree.parent_id(app_id))
    plan = await _deploy(engine, [app], force=flag(request, "force"))
    _announce(request, engine, app_id, as_posted=app)
    counts = dict.fromkeys(("tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy"), 0)
    shown = {**app, "version": plan.version, **counts, "deployments": [{"id": plan.id}]}
    headers = {"Location": location(request, app_id), "Marathon-Deployment-Id": plan.id}
    return JSONResponse(shown, 201, headers)


async def _update_many(request: Request, body: bytes, *, partial: bool) -> Response:
    engine = engine_of(request)
    changed = updates.update_many(
        jsontext.parse(body),
        engine.root,
        engine.settings,
        partial=partial,
        allow_creation=request.method == "PUT",
    )
    return deployed(await _deploy(engine, changed, force=flag(request, "force")))


async def _deploy(
    engine: Engine,
    changed: list[Json],
    *,
    force: bool,
    restart: frozenset[str] = frozenset(),
) -> DeploymentPlan:
    root, version = engine.root, engine.next_version()
    target = settle(root, tree.put_apps(root, changed, version), engine.settings, restart=restart)
    return await engine.deploy(target, force=force, restart=restart)


def _announce(
    request: Request, engine: Engine, app_id: str, *, as_posted: Json | None = None
) -> None:
    """Say on the event stream who changed an app (facts/marathon.md 25).

    A new one is told of before anything was added: port 0, no ``versionInfo`` (recordings 06).
    """
    client = request.client.host if request.client else ""
    app = engine.root.apps.get(app_id)
    if app is not None and as_posted is not None:
        kept = {key: value for key, value in app.items() if key != "versionInfo"}
        app = {key: as_posted.get(key, value) for key, value in kept.items()}
    if app is not None:
        engine.api_posted(client, request.url.path, app)


async def app(request: Request) -> Response:
    """Answer everything below /v2/apps/."""
    rest = request.path_params["id"]
    if not rest:
        return await apps(request)
    for pattern, handler, methods in _BELOW:
        match = pattern.fullmatch(rest)
        if match is not None:
            if request.method not in methods:
                raise message(405, "Method Not Allowed")
            insist_on_accept(request)
            return await handler(request, *match.groups())
    raise message(405, "Method Not Allowed")


async def _one(request: Request, rest: str) -> Response:
    if request.method in ("GET", "HEAD"):
        return _show(request, rest)
    if request.method == "DELETE":
        return await _delete(request, rest)
    insist_on_json(request)
    return await _update(request, rest, await request.body())


def _show(request: Request, rest: str) -> Response:
    engine = engine_of(request)
    embeds = frozenset(app_embeds(request.query_params.getlist("embed")) | _SHOWN)
    if rest == "*" or rest.endswith("/*"):
        group = paths.absolute(rest[:-1])
        if group not in engine.root.groups:
            raise missing_group(group)
        below = tree.apps_below(engine.root, group)
        return JSONResponse({"*": [engine.app_view(app_id, embeds) for app_id in below]})
    app_id = _existing(engine, rest)
    return JSONResponse({"app": engine.app_view(app_id, embeds)})


def _existing(engine: Engine, rest: str, *, details: bool = True) -> str:
    app_id = paths.absolute(rest)
    if app_id not in engine.root.apps:
        raise missing_app(app_id, details=details)
    return app_id


async def _update(request: Request, rest: str, body: bytes) -> Response:
    engine, app_id = engine_of(request), paths.absolute(rest)
    current = engine.root.apps.get(app_id)
    partial = request.method == "PATCH" or flag(request, "partialUpdate", default=True)
    value = jsontext.parse(body)
    if current is None or not partial:
        changed = updates.replace(value, app_id, engine.root, engine.settings)
    else:
        changed = _merged(engine, current, value)
    if current is None and request.method == "PATCH":
        raise missing_app(app_id, details=False)
    plan = await _deploy(engine, [changed], force=flag(request, "force"))
    _announce(request, engine, app_id)
    if current is None:
        return deployed(plan, 201, location(request, app_id))
    return deployed(plan)


def _merged(engine: Engine, current: Json, value: Any) -> Json:
    update = updates.read_update(value, engine.settings)
    merged = updates.merge(update, current, engine.root, engine.settings)
    if "version" not in update:
        return merged
    old = engine.version_of(current["id"], update["version"])
    if old is None:
        raise missing_app(current["id"], details=False)
    return old


async def _delete(request: Request, rest: str) -> Response:
    engine = engine_of(request)
    app_id = _existing(engine, rest, details=False)
    root, version = engine.root, engine.next_version()
    target = settle(root, tree.delete_app(root, app_id, version), engine.settings)
    force = flag(request, "force", default=True)
    return deployed(await engine.deploy(target, force=force))


async def _restart(request: Request, rest: str) -> Response:
    engine = engine_of(request)
    if request.method == "DELETE":  # an app may have been called so before the name was taken
        return await _delete(request, f"{rest}/restart")
    app_id = _existing(engine, rest, details=False)
    again = [dict(engine.root.apps[app_id])]
    restart = frozenset({app_id})
    return deployed(await _deploy(engine, again, force=flag(request, "force"), restart=restart))


async def _versions(request: Request, rest: str, version: str | None) -> Response:
    engine, app_id = engine_of(request), paths.absolute(rest)
    if not version:
        found = engine.versions(app_id)
        if not found:
            raise missing_app(app_id)
        return JSONResponse({"versions": found})
    if not is_moment(version):
        raise not_a_time(version)
    old = engine.version_of(app_id, version)
    if old is None:
        text = f"App '{app_id}' does not exist in version {version}"
        raise message(404, text, details=[])
    return JSONResponse(old)


def not_a_time(version: str) -> Refusal:
    """Return the refusal of a version in a path that is no time."""
    text = f"Invalid timestamp provided '{version}'. Expecting ISO-8601 datetime string."
    return message(422, text)


_READ = frozenset({"GET", "HEAD"})
_BELOW: tuple[tuple[re.Pattern[str], Callable[..., Awaitable[Response]], frozenset[str]], ...] = (
    (_VERSION, _versions, _READ),
    (_RESTART, _restart, frozenset({"POST", "DELETE"})),
    (_TASKS, app_tasks.tasks, _READ | {"DELETE"}),
    (re.compile(r"(.+)"), _one, _READ | {"PUT", "PATCH", "DELETE"}),
)

routes = [
    Route("/v2/apps", apps, methods=["GET", "POST", "PUT", "PATCH", "OPTIONS"]),
    Route("/v2/apps/{id:path}", app, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
]
