"""/v2/tasks: all tasks, and killing some of them whatever app they are of."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pamesos.local.api.contract import deployed, flag, insist_on_accept
from pamesos.local.api.responses import json_response
from pamesos.local.definitions import jsontext
from pamesos.local.definitions.refusal import invalid_json, message
from pamesos.local.engine import Engine

#: ``status`` -> states; any other value filters nothing (facts/marathon.md 23).
_STATUSES = {
    "running": frozenset({"TASK_RUNNING"}),
    "staging": frozenset({"TASK_STAGING", "TASK_STARTING"}),
}
_TASK_ID = re.compile(r".+\.(instance-|marathon-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}.*")


async def list_all(request: Request) -> Response:
    """Answer GET /v2/tasks."""
    insist_on_accept(request)
    engine: Engine = request.app.state.engine
    query = request.query_params
    asked = query.getlist("status") + query.getlist("status[]")
    states = frozenset().union(*(_STATUSES.get(status, frozenset()) for status in asked))
    tasks = [t for t in engine.all_tasks() if not states or t["state"] in states]
    return json_response({"tasks": tasks})


async def delete(request: Request) -> Response:
    """Answer POST /v2/tasks/delete: kill the tasks of the body, and scale or wipe if asked."""
    engine: Engine = request.app.state.engine
    scale, wipe = flag(request, "scale"), flag(request, "wipe")
    if scale and wipe:
        raise message(400, "You cannot use scale and wipe at the same time.")
    ids = _ids(jsontext.parse(await request.body()))
    instances = [i for task in ids if (i := engine.tracker.by_task(task)) is not None]
    shown = [engine.task_view(instance) for instance in instances]
    force = flag(request, "force")
    plan = await engine.kill(ids, scale=scale, wipe=wipe, force=force) if instances else None
    return json_response({"tasks": shown}) if plan is None else deployed(plan)


def _ids(body: Any) -> list[str]:
    if not isinstance(body, dict) or "ids" not in body:
        raise invalid_json([("", f"'ids' is undefined on object: {_shown(body)}")])
    ids = body["ids"]
    if not isinstance(ids, list):
        raise invalid_json([("/ids", "error.expected.jsarray")])
    for index, task in enumerate(ids):
        if not isinstance(task, str):
            raise invalid_json([(f"/ids({index})", "error.expected.jsstring")])
        if not _TASK_ID.fullmatch(task):
            why = f"[taskId {task} no valid identifier (of class java.lang.String)]"
            raise message(400, f"Invalid task id '{task}'. {why}")
    return ids


def _shown(body: Any) -> str:
    import json

    return json.dumps(body, separators=(",", ":"))


routes = [
    Route("/v2/tasks", list_all, methods=["GET"]),
    Route("/v2/tasks/delete", delete, methods=["POST"]),
]
