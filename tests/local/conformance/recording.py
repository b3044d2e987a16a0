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

    ``steered`` exchanges came while the simulated agents were told to misbehave, which no agent of
    ours can be told yet.
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
    steered: bool = False
    section: str = ""


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
        return bool(re.match(r"marathon/0[2-6]", self.name))


def load(name: str) -> Recording:
    """Return a transcript by its path below the recordings, without ``.jsonl``."""
    section, cleared, exchanges, helm = "", Cleared.NOTHING, [], _Helm()
    lines = (RECORDINGS / f"{name}.jsonl").read_text("utf-8").splitlines()
    for number, text in enumerate(lines, 1):
        entry = json.loads(text)
        helm.note(entry)
        section = entry.get("section", section)
        if "method" in entry:
            exchange = _exchange(number, entry, section)
            exchanges.append(dataclasses.replace(exchange, cleared=cleared, steered=helm.is_held))
            cleared = Cleared.NOTHING
        elif "round_trip" in entry:
            cleared = Cleared.THE_APP
        elif entry.get("args", {}).get("clear") and entry["args"].get("app") == "*":
            cleared = Cleared.EVERYTHING
    return Recording(name, tuple(exchanges))


class _Helm:
    """Follows the ``control`` lines: are the simulated agents told to misbehave?"""

    #: How fast tasks start and end makes no difference to what is compared.
    _HARMLESS = frozenset({"app", "clear", "startMs", "runMs", "killMs"})

    def __init__(self) -> None:
        self._steered: set[str] = set()
        self._by_hand = False

    @property
    def is_held(self) -> bool:
        return self._by_hand or bool(self._steered)

    def note(self, entry: dict[str, Any]) -> None:
        if "section" in entry:
            self._by_hand = False
        args = entry.get("args") or {}
        if entry.get("control") in ("/app", "/task", "/agent", "/offers"):
            self._by_hand = True
        elif entry.get("control") == "/behaviour" and args.get("clear"):
            self._steered.discard(args["app"])
            if args["app"] == "*":
                self._steered.clear()
                self._by_hand = False
        elif "control" in entry and not args.keys() <= self._HARMLESS:
            self._steered.add(args.get("app", "*"))
            self._by_hand = True  # what it did is not undone by the end of it


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
