"""GET /v2/events: the event stream (facts/marathon.md 25, recordings 06)."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from pamesos.local.api.responses import STREAM_HEADERS, bare
from pamesos.local.engine import Engine
from pamesos.local.events.bus import EventBus, Subscription

HEARTBEAT_S = 10.0

_HEADERS = [*STREAM_HEADERS, (b"content-type", b"text/event-stream;charset=utf-8")]


class Events:
    """An ASGI application of its own: bytes go out as they come, with nothing in between."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one reader until it leaves or the engine closes."""
        request = Request(scope, receive)
        is_asked_for = request.headers.get("accept", "") == "text/event-stream"
        if request.method != "GET" or not is_asked_for:
            await bare(405)(scope, receive, send)
            return
        engine: Engine = request.app.state.engine
        wanted = frozenset(request.query_params.getlist("event_type"))
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        reader = engine.events.subscribe(request.client.host if request.client else "", wanted)
        await _stream(engine.events, reader, receive, send)


async def _stream(events: EventBus, reader: Subscription, receive: Receive, send: Send) -> None:
    leaving = asyncio.create_task(_until_left(receive, reader))
    try:
        await _send_all(reader, send)
    except OSError:
        pass  # the reader is gone; there is nobody to tell
    finally:
        leaving.cancel()
        events.unsubscribe(reader)


async def _send_all(reader: Subscription, send: Send) -> None:
    clock = asyncio.get_running_loop()
    beat_at = clock.time() + HEARTBEAT_S
    while (data := await reader.take(max(0.0, beat_at - clock.time()))) is not None:
        if clock.time() >= beat_at:
            beat_at += HEARTBEAT_S
            data += b"\r\n"
        if data:
            await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_left(receive: Receive, reader: Subscription) -> None:
    message: Any = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
    reader.close()


routes = [Route("/v2/events", Events())]
