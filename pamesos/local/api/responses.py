"""Answers that more than one module gives."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

#: Nothing that Marathon says may be kept by a proxy.
STREAM_HEADERS = [
    (b"cache-control", b"no-cache, no-store, must-revalidate"),
    (b"pragma", b"no-cache"),
    (b"expires", b"0"),
]


def json_response(body: Any, status: int = 200) -> Response:
    """Return a JSON answer; for long lists, as it is quicker than Starlette's own."""
    return Response(orjson.dumps(body), status, media_type="application/json")


def bare(status: int) -> Response:
    """Return an answer of the servlet below Marathon: no body, headers of its own."""
    cache = "must-revalidate,no-cache,no-store"
    return Response(status_code=status, headers={"Pragma": "no-cache", "Cache-Control": cache})
