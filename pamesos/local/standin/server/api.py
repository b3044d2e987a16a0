"""The ASGI application: logins, and the routes of both halves."""

from __future__ import annotations

import time

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pamesos.local.standin import BANNER
from pamesos.local.standin.server import api_rm, api_scheduler
from pamesos.local.standin.server.http import (
    Backend,
    Call,
    RefusalError,
    as_json,
    as_text,
    guarded,
    on_refusal,
    on_routing,
    read_form,
)
from pamesos.local.standin.server.sessions import LoginRejectedError

_LOGIN_EXCEPTION = "javax.security.auth.login.LoginException"


def build_app(backend: Backend) -> Starlette:
    """Return the application that serves everything below /rest."""

    async def login(request: Request) -> Response:
        form = await read_form(request)
        user, password = (form.get(key, [""])[0] for key in ("username", "password"))
        try:
            backend.sessions.check(user, password, time.monotonic())
        except LoginRejectedError as error:
            raise RefusalError(404, str(error), _LOGIN_EXCEPTION) from None
        await api_scheduler.wait_for_database(backend)
        return as_text(backend.sessions.open(user))

    async def connected(request: Request) -> Response:
        sid = request.headers.get("sessionid")
        return as_json(backend.sessions.user(sid) is not None)

    async def root(_: Request) -> Response:
        return as_text(BANNER.format(role="server") + " Its REST API is below /rest.\n")

    return Starlette(
        routes=[
            Route("/", root),
            Route("/rest/scheduler/login", login, methods=["POST"]),
            Route("/rest/rm/login", login, methods=["POST"]),
            Route("/rest/common/connected", connected, methods=["GET"]),
            guarded("/scheduler/disconnect", _disconnect, "PUT", backend),
            guarded("/rm/disconnect", _disconnect, "POST", backend),
            *api_rm.routes(backend),
            *api_scheduler.routes(backend),
        ],
        exception_handlers={RefusalError: on_refusal, HTTPException: on_routing},
    )


async def _disconnect(call: Call) -> Response:
    call.backend.sessions.close(call.sid)
    return Response(status_code=204)
