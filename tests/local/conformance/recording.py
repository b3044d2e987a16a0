"""Reads the transcripts of the real Marathon: one exchange of request and answer each."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import re
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
    """One request and what the real Marathon answered; ``line`` counts from 1 in the file.

    ``gap_s`` is how long after the one before it came. A target ``/control/…`` is no call of
    Marathon's API: there the transcript's author told the simulated agents to misbehave.
    """

    line: int
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    status: int
    answer_headers: dict[str, str]
    answer: Any
    cleared: Cleared = Cleared.NOTHING
    gap_s: float = 0.0
    section: str = ""

    @property
    def is_order(self) -> bool:
        """Whether it is an order to the simulated agents."""
        return self.target.startswith("/control/")


@dataclasses.dataclass(frozen=True, slots=True)
class Recording:
    """A transcript, and how it was made and so has to be played."""

    name: str
    exchanges: tuple[Exchange, ...]

    @property
    def settled(self) -> bool:
        """Whether each write was followed by waiting for its deployment."""
        return "fuzz" in self.name

    @property
    def lively(self) -> bool:
        """Whether it watches tasks and deployments come and go."""
        return _is_lively(self.name)


def _is_lively(name: str) -> bool:
    return bool(re.match(r"marathon/0[2-6]", name))


def load(name: str) -> Recording:
    """Return a transcript by its path below the recordings, without ``.jsonl``."""
    section, cleared, exchanges, before = "", Cleared.NOTHING, [], 0.0
    lines = (RECORDINGS / f"{name}.jsonl").read_text("utf-8").splitlines()
    for number, text in enumerate(lines, 1):
        entry = json.loads(text)
        section = entry.get("section", section)
        gap, before = max(0.0, entry.get("t", before) - before), entry.get("t", before)
        if "method" in entry:
            exchange = _exchange(number, entry, section)
            exchanges.append(dataclasses.replace(exchange, cleared=cleared, gap_s=gap))
            cleared = Cleared.NOTHING
        elif "control" in entry and number > 1 and _is_lively(name):
            order = _order(number, entry, section)
            exchanges.append(dataclasses.replace(order, gap_s=gap))
        elif "round_trip" in entry:
            cleared = Cleared.THE_APP
        elif entry.get("args", {}).get("clear") and entry["args"].get("app") == "*":
            cleared = Cleared.EVERYTHING
    return Recording(name, tuple(exchanges))


def _order(number: int, entry: dict[str, Any], section: str) -> Exchange:
    """Return a control line as the request that gives our agents the same order."""
    args = dict(entry["args"])
    if "clear" in args:
        args["clear"] = True
    return Exchange(
        line=number,
        method="POST",
        target=f"/control{entry['control']}",
        headers={"Content-Type": "application/json"},
        body=json.dumps(args).encode(),
        status=200,
        answer_headers={},
        answer=entry["result"],
        section=section,
    )


def _exchange(number: int, entry: dict[str, Any], section: str) -> Exchange:
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
