"""The routes /v2/apps/{id}/tasks and /v2/apps/{id}/tasks/{task}: look at tasks and kill them."""

from __future__ import annotations

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pamesos.local.api.contract import deployed, engine_of, flag
from pamesos.local.definitions import paths
from pamesos.local.definitions.refusal import message, missing_app, missing_group
from pamesos.local.deployments.plan import DeploymentPlan
from pamesos.local.store.root import apps_below

Json = dict[str, Any]


class Killer(Protocol):
    """What of the runtime this module needs besides the rest of the contract."""

    def tasks_of(self, app_id: str) -> list[Json]: ...

    async def kill(
        self, task_ids: list[str], *, scale: bool, wipe: bool, force: bool
    ) -> DeploymentPlan | None: ...


async def tasks(request: Request, rest: str, task_id: str | None) -> Response:
    """Answer GET and DELETE of an app's tasks, or DELETE of one of them."""
    if request.method == "DELETE":
        return await _kill(request, rest, task_id)
    if task_id:
        raise message(405, "Method Not Allowed")
    found = [task for app_id in _apps(request, rest) for task in _killer(request).tasks_of(app_id)]
    return JSONResponse({"tasks": found})


def _killer(request: Request) -> Killer:
    killer: Killer = request.app.state.engine
    return killer


def _apps(request: Request, rest: str) -> list[str]:
    root = engine_of(request).root
    if rest == "*" or rest.endswith("/*"):
        group = paths.absolute(rest[:-1])
        if group not in root.groups:
            raise missing_group(group)
        return list(apps_below(root, group))
    app_id = paths.absolute(rest)
    if app_id not in root.apps:
        raise missing_app(app_id)
    return [app_id]


async def _kill(request: Request, rest: str, task_id: str | None) -> Response:
    scale, wipe = flag(request, "scale"), flag(request, "wipe")
    if scale and wipe:
        raise message(400, "You cannot use scale and wipe at the same time.")
    app_id = paths.absolute(rest)
    if app_id not in engine_of(request).root.apps:
        raise missing_app(app_id)
    host = request.query_params.get("host")
    found = [
        task
        for task in _killer(request).tasks_of(app_id)
        if (not task_id or task["id"] == task_id) and host in (None, "*", task["host"])
    ]
    if task_id and not found:
        raise message(404, f"Task '{task_id}' does not exist", details=[])
    plan = await _killer(request).kill(
        [task["id"] for task in found], scale=scale, wipe=wipe, force=flag(request, "force")
    )
    if plan is not None:
        return deployed(plan)
    return JSONResponse({"task": found[0]} if task_id else {"tasks": found})
