"""Reading a request's body: JSON, or the refusal that the real Marathon answers with."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from pamesos.local.definitions import jsonfault
from pamesos.local.definitions.refusal import message

_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Any:
    """Return the JSON value of a body; raises Refusal 400 (facts/marathon.md 2)."""
    if not body.strip(b" \t\r\n"):
        _refuse_empty(body)
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=_refuse_constant)
        return _writable(value) if _HALF_CHARACTER.search(body) else value
    except (ValueError, RecursionError):
        raise message(400, "Invalid JSON", details=jsonfault.describe(body)) from None


def _writable(value: Any) -> Any:
    """Return the value with half characters (lone surrogates) replaced, so that it can be sent."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-8", "replace"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _refuse_empty(body: bytes) -> NoReturn:
    lines = body.split(b"\n")
    where = f"line: {len(lines)}, column: {len(lines[-1])}"
    raise message(
        400,
        "Please specify data in JSON format",
        details="No content to map due to end-of-input\n"
        f" at [Source: {jsonfault.source(body)}; {where}]",
    )
