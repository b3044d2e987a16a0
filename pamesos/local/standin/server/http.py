"""What all REST handlers share: who calls, what they sent, how a refusal looks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pamesos.local.standin.server import shapes
from pamesos.local.standin.server.core import Core
from pamesos.local.standin.server.sessions import Sessions

NOT_CONNECTED = "You are not connected to the server, you should log on first"
RM_NOT_CONNECTED = "org.ow2.proactive.scheduler.common.exception.NotConnectedException"
SCHEDULER_NOT_CONNECTED = (
    "org.ow2.proactive_grid_cloud_portal.scheduler.exception.NotConnectedRestException"
)
#: Recorded: an unsupported method shows as 500, an unknown path as 404.
_ROUTING = {
    405: (
        500,
        "RESTEASY003650: No resource method found for {method}, return 405 with Allow header",
        "javax.ws.rs.NotAllowedException",
    ),
    404: (
        404,
        "RESTEASY003210: Could not find resource for full path: {url}",
        "javax.ws.rs.NotFoundException",
    ),
}
_MAX_BODY = 16 * 1024 * 1024


class RefusalError(Exception):
    """Ends a request with ProActive's error object."""

    def __init__(self, status: int, message: str, exception_class: str) -> None:
        super().__init__(message)
        self.status, self.message, self.exception_class = status, message, exception_class


@dataclass(frozen=True)
class Backend:
    """What handlers work on. ``database_wait_s`` bounds calls that need the database."""

    core: Core
    sessions: Sessions
    database_wait_s: float
    pnp_url: str


@dataclass(frozen=True)
class Call:
    """One request with its session."""

    backend: Backend
    request: Request
    user: str
    sid: str

    async def form(self) -> dict[str, list[str]]:
        return await read_form(self.request)


Handler = Callable[[Call], Awaitable[Response]]


def guarded(path: str, handler: Handler, method: str, backend: Backend) -> Route:
    """Return a route that needs a session."""
    not_connected = RM_NOT_CONNECTED if path.startswith("/rm") else SCHEDULER_NOT_CONNECTED

    async def endpoint(request: Request) -> Response:
        sid = request.headers.get("sessionid", "")
        user = backend.sessions.user(sid)
        if user is None:
            raise RefusalError(401, NOT_CONNECTED, not_connected)
        return await handler(Call(backend, request, user, sid))

    return Route("/rest" + path, endpoint, methods=[method])


async def read_body(request: Request) -> bytes:
    body = await request.body()
    if len(body) > _MAX_BODY:
        raise RefusalError(413, "the stand-in takes 16 MiB at most", "java.io.IOException")
    return body


async def read_form(request: Request) -> dict[str, list[str]]:
    """Return the fields of application/x-www-form-urlencoded."""
    body = await read_body(request)
    return parse_qs(body.decode(errors="replace"), keep_blank_values=True)


def matrix_parameters(request: Request) -> dict[str, str]:
    """Return ``;A=1;B=2`` of the raw path: decoded later, so that values may hold anything."""
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    pairs = (part.partition("=") for part in raw.decode("ascii", "replace").split(";")[1:])
    return {unquote(name): unquote(value) for name, _, value in pairs if name}


def as_json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, media_type="application/json")


def as_text(value: str) -> Response:
    return Response(value, media_type="text/plain")


async def on_refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RefusalError)
    body = shapes.error(error.status, error.message, error.exception_class)
    return as_json(body, error.status)


async def on_routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status, message, exception_class = _ROUTING.get(
        error.status_code, (error.status_code, str(error.detail), "java.lang.Exception")
    )
    text = message.format(method=request.method, url=request.url)
    return as_json(shapes.error(status, text, exception_class), status)
