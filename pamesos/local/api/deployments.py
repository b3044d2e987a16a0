"""/v2/deployments: what is under way, and how to stop it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pamesos.local.api.contract import deployed, flag, insist_on_accept
from pamesos.local.api.responses import json_response
from pamesos.local.engine import Engine


async def list_all(request: Request) -> Response:
    """Answer GET /v2/deployments."""
    insist_on_accept(request)
    engine: Engine = request.app.state.engine
    return json_response(engine.deployments_view())


async def cancel(request: Request) -> Response:
    """Answer DELETE /v2/deployments/{id}: roll back, or with ``force`` only stop (fact 17)."""
    engine: Engine = request.app.state.engine
    force = flag(request, "force")
    plan = await engine.cancel_deployment(request.path_params["id"], force=force)
    return Response(status_code=202) if plan is None else deployed(plan)


routes: list[Route] = [
    Route("/v2/deployments", list_all, methods=["GET"]),
    Route("/v2/deployments/{id}", cancel, methods=["DELETE"]),
]
