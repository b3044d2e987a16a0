"""How the pure side says no: the answer to send, as an exception."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer, not an error of ours
    """A request that Marathon would not carry out, with the answer it gives.

    ``body`` is JSON to send (``dict``), a text, or ``None`` for an empty body; ``headers`` come on
    top of those of the server.
    """

    def __init__(
        self,
        status: int,
        body: dict[str, Any] | str | None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"HTTP {status}: {body}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})


def message(status: int, text: str, **extra: Any) -> Refusal:
    """Return a refusal that has a message and, where given, more members (``details``)."""
    return Refusal(status, {"message": text, **extra})


def missing_app(app_id: str, *, details: bool = True) -> Refusal:
    """Return 404 for an app; DELETE and restart leave ``details`` out (facts/marathon.md 5)."""
    text = f"App '{app_id}' does not exist"
    return message(404, text, details=[]) if details else message(404, text)


def missing_group(group_id: str, *, details: bool = True) -> Refusal:
    """Return 404 for a group; DELETE leaves ``details`` out (facts/marathon.md 5)."""
    text = f"Group '{group_id}' does not exist"
    return message(404, text, details=[]) if details else message(404, text)


def faults(title: str, details: Iterable[tuple[str, str]]) -> Refusal:
    """Return 422 with one entry for each path, its errors in the order they were found."""
    by_path: dict[str, list[str]] = {}
    for path, error in details:
        by_path.setdefault(path, []).append(error)
    entries = [{"path": path, "errors": errors} for path, errors in by_path.items()]
    return message(422, title, details=entries)


def invalid_json(details: Iterable[tuple[str, str]]) -> Refusal:
    """Return 422 for wrong types and ranges (facts/marathon.md 3)."""
    return faults("Invalid JSON", details)


def not_valid(details: Iterable[tuple[str, str]]) -> Refusal:
    """Return 422 for rules that types alone cannot say (facts/marathon.md 4)."""
    return faults("Object is not valid", details)
