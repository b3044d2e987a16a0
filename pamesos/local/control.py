"""A client of the control API, for the command line."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any


class RefusedError(Exception):
    """The engine would not do it; ``remedy`` says what would help."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy


def tell(url: str, what: str, body: dict[str, Any]) -> Any:
    """Send one order and return the answer. Raises RefusedError, OSError."""
    request = urllib.request.Request(  # noqa: S310 - the user's own URL
        f"{url.rstrip('/')}/control/{what}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
        method="POST",
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode("utf-8", "replace")
        raise RefusedError(_problem(error.code, text), _remedy(text)) from error
    except ValueError as error:
        raise RefusedError(
            f"{url} is no embedded Marathon: {error}", "name one with --url"
        ) from error


def _problem(status: int, text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, LookupError, TypeError):
        return f"status {status}: {text[:200]}"


def _remedy(text: str) -> str:
    if "URI not found" in text:
        return "start it with `pamesos local --control`"
    return "look at `GET /v2/tasks` and `GET /slaves` for the ids"
