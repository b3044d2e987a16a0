"""/control: faults on demand, only with ``--control``; and the weather that calls meet by them."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from pamesos.local.definitions import jsontext
from pamesos.local.definitions.refusal import message
from pamesos.local.engine import Engine, faults


async def show(request: Request) -> Response:
    """Answer GET /control: what is set."""
    engine: Engine = request.app.state.engine
    simulated = engine.simulated
    shown: dict[str, Any] = {
        "executor": engine.setup.executor,
        "agents": {agent.id: engine.fleet.state(agent.id) for agent in engine.agents},
        "offersPaused": engine.fleet.is_paused,
        "unreachableTasks": [task.id for task in engine.executor.hidden()],
        "behaviours": {} if simulated is None else dict(simulated.scripts()),
        "calls": engine.weather.shown(),
        "orders": sorted(faults.ORDERS),
    }
    return JSONResponse(shown)


async def order(request: Request) -> Response:
    """Answer POST /control/{what}: do it, and say what was done."""
    what = request.path_params["what"]
    if what not in faults.ORDERS:
        raise message(404, f"There is no order '{what}'; there are {sorted(faults.ORDERS)}")
    body = jsontext.parse(await request.body())
    if not isinstance(body, dict):
        raise message(422, "An order is a JSON object")
    engine: Engine = request.app.state.engine
    return JSONResponse({"result": faults.ORDERS[what](engine, body)})


class Weathered:
    """Lets calls through, late or not at all, as the control API says."""

    def __init__(self, app: ASGIApp, engine: Engine) -> None:
        self._app = app
        self._weather = engine.weather

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http" or scope["path"].startswith("/control"):
            await self._app(scope, receive, send)
            return
        if (status := self._weather.gap_status()) is not None:
            is_stream = scope["path"] == "/v2/events"
            text = "Could not determine the current leader" if is_stream else ""
            await Response(text, 502 if is_stream else status)(scope, receive, send)
            return
        rule = self._weather.take(scope["method"], scope["path"])
        if rule is not None:
            await asyncio.sleep(rule.delay_s)
            if rule.status is not None:
                await Response(rule.body, rule.status)(scope, receive, send)
                return
        await self._app(scope, receive, send)


routes = [
    Route("/control", show, methods=["GET"]),
    Route("/control/{what}", order, methods=["POST"]),
]
