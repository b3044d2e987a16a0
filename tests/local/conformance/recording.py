"""Reads the transcripts of the real Marathon: one exchange of request and answer each."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
from pathlib import Path
from typing import Any

RECORDINGS = Path(
    os.environ.get(
        "PAMESOS_RECORDINGS", Path(__file__).resolve().parents[3] / "../shared/recordings"
    )
)
_BODIES = ("POST", "PUT", "PATCH")


class Cleared(enum.Enum):
    """What the author of a transcript deleted, without recording it, before an exchange."""

    NOTHING = enum.auto()
    THE_APP = enum.auto()
    EVERYTHING = enum.auto()


@dataclasses.dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what the real Marathon answered; ``line`` counts from 1 in the file."""

    line: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    status: int
    answer_headers: dict[str, str]
    answer: Any
    cleared: Cleared = Cleared.NOTHING
    section: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """A transcript; ``settled`` if each write was followed by waiting for its deployment."""

    name: str
    exchanges: tuple[Exchange, ...]
    settled: bool


def load(name: str) -> Recording:
    """Return a transcript by its path below the recordings, without ``.jsonl``."""
    section, cleared, exchanges = "", Cleared.NOTHING, []
    lines = (RECORDINGS / f"{name}.jsonl").read_text("utf-8").splitlines()
    for number, text in enumerate(lines, 1):
        entry = json.loads(text)
        section = entry.get("section", section)
        if "method" in entry:
            exchanges.append(_exchange(number, entry, section, cleared))
            cleared = Cleared.NOTHING
        elif "round_trip" in entry:
            cleared = Cleared.THE_APP
        elif entry.get("args", {}).get("clear"):
            cleared = Cleared.EVERYTHING
    return Recording(name, tuple(exchanges), "fuzz" in name)


def _exchange(number: int, entry: dict[str, Any], section: str, cleared: Cleared) -> Exchange:
    query = entry.get("query")
    body = _body(entry)
    headers = dict(entry.get("request_headers") or {})
    if body is not None and "Content-Type" not in headers:
        headers["Content-Type"] = _content_type(entry)
    headers.setdefault("Accept", "application/json")
    return Exchange(
        line=number,
        method=entry["method"],
        target=entry["path"] + (f"?{query}" if query else ""),
        headers={name: value for name, value in headers.items() if value},
        body=body,
        status=entry["status"],
        answer_headers=entry.get("response_headers") or {},
        answer=entry.get("response_body"),
        cleared=cleared,
        section=section,
    )


def _body(entry: dict[str, Any]) -> bytes | None:
    raw = entry.get("request_raw")
    if raw is not None:
        return str(raw).encode("latin-1")
    body = entry.get("request_body")
    if isinstance(body, dict) and body.keys() == {"raw"}:
        return str(body["raw"]).encode("latin-1")
    if body is None:
        return b"" if entry["method"] in _BODIES and "request_raw" not in entry else None
    return json.dumps(body).encode()


def _content_type(entry: dict[str, Any]) -> str:
    """The transcripts leave out the type of a body; a refusal of it shows that it was no JSON."""
    return "text/plain" if entry["status"] == 415 else "application/json"
