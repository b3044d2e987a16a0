"""/v2/queue: what waits to be launched, why, and how to launch it now."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pamesos.local.api.contract import insist_on_accept
from pamesos.local.api.responses import json_response
from pamesos.local.definitions import paths
from pamesos.local.engine import Engine


async def list_all(request: Request) -> Response:
    """Answer GET /v2/queue."""
    insist_on_accept(request)
    engine: Engine = request.app.state.engine
    offers = "lastUnusedOffers" in request.query_params.getlist("embed")
    return json_response({"queue": engine.queue_view(offers=offers)})


async def reset_delay(request: Request) -> Response:
    """Answer DELETE /v2/queue/{app}/delay: launch without waiting any longer."""
    engine: Engine = request.app.state.engine
    engine.reset_delay(paths.absolute(request.path_params["id"]))
    return Response(status_code=204)


routes = [
    Route("/v2/queue", list_all, methods=["GET"]),
    Route("/v2/queue/{id:path}/delay", reset_delay, methods=["DELETE"]),
]
