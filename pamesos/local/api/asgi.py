"""The ASGI application: all routes, and what every answer has in common."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pamesos.local.api import (
    apps,
    control,
    deployments,
    events,
    groups,
    mesos,
    queue,
    system,
    tasks,
    ui,
)
from pamesos.local.api.responses import STREAM_HEADERS
from pamesos.local.definitions.refusal import Refusal
from pamesos.local.engine import Engine
from pamesos.local.engine.scope import CHANGED_GROUP, group_changed_by

_log = structlog.get_logger(__name__)

#: Starlette's status -> what Marathon answers (facts/marathon.md 1).
_UNROUTED = {404: (500, "URI not found"), 405: (405, "Method Not Allowed")}


def build(engine: Engine) -> ASGIApp:
    """Return the application that serves an engine; it starts and closes it too."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await engine.start()
        try:
            yield
        finally:
            await engine.close()

    modules: tuple[Any, ...] = (
        system,
        events,
        deployments,
        queue,
        tasks,
        mesos,
        apps,
        groups,
        ui,
    )
    if engine.setup.control:
        modules = (control, *modules)
    app = Starlette(
        routes=[route for module in modules for route in module.routes],
        exception_handlers={
            Refusal: _refused,
            HTTPException: _unrouted,
            Exception: _failed,
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.engine = engine
    served = control.Weathered(app, engine) if engine.setup.control else app
    return _Common(served, engine.setup.url)


async def _refused(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    if isinstance(refusal.body, dict):
        return JSONResponse(refusal.body, refusal.status, refusal.headers)
    return Response(refusal.body or b"", refusal.status, refusal.headers)


async def _unrouted(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, text = _UNROUTED.get(error.status_code, (error.status_code, error.detail))
    return JSONResponse({"message": text}, status)


async def _failed(request: Request, error: Exception) -> Response:
    # Starlette raises it again after this answer, so that the server logs the traceback.
    _log.error("request_failed", method=request.method, path=request.url.path)
    return JSONResponse({"message": str(error) or type(error).__name__}, 500)


class _Common:
    """Adds the headers of every answer, and notes which group a request changes."""

    def __init__(self, app: ASGIApp, url: str) -> None:
        self._app = app
        self._head = [
            (b"x-marathon-leader", url.encode()),
            (b"x-frame-options", b"DENY"),
            (b"x-xss-protection", b"1; mode=block"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        CHANGED_GROUP.set(group_changed_by(scope["path"]))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._headers(scope, message)
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _headers(self, scope: Scope, message: Message) -> list[tuple[bytes, bytes]]:
        own: list[Any] = list(message.get("headers", ()))
        names = {name for name, _ in own}
        common = list(self._head)
        if b"cache-control" not in names:
            common += STREAM_HEADERS
        is_read = scope["method"] in ("GET", "HEAD") and message["status"] == 200
        if is_read and (b"content-type", b"application/json") in own:
            common.append((b"vary", b"Accept-Encoding, User-Agent"))
        return common + own
