"""What is answered to which address: every answer is made of one view of the board."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from pamesos.engine.watching.publish import Board
from pamesos.web import health, page
from pamesos.web.metrics import Exporter
from pamesos.web.view import Links, show

_JSON = "application/json; charset=utf-8"
_HTML = "text/html; charset=utf-8"
#: Seconds for which an answer is given again, and how many are kept.
KEPT_S = 1.0
MAX_KEPT = 64
#: What the page says and asks for changes with every request, and is nobody else's business.
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class Answer:
    """One reply, ready to be sent."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: dict(_HEADERS))


class Site:
    """Answers GET requests about one board. ``full_read_s``: how old a full read may grow."""

    def __init__(
        self,
        board: Board,
        links: Links,
        *,
        full_read_s: float,
        webhook_counts: Callable[[], Mapping[str, int]] | None = None,
    ) -> None:
        self._board = board
        self._links = links
        self._full_read_s = full_read_s
        self._lock = threading.Lock()
        self._recent: dict[str, tuple[float, Answer | None]] = {}
        self._exporter = Exporter(board, webhook_counts or dict)

    def answer(self, target: str) -> Answer:
        """Answer one request target (path and query); equal ones within a second get one answer.

        The lock lets one answer be made at a time: many viewers cost the watcher no more than one.
        """
        with self._lock:
            at, answer = self._recent.get(target, (0.0, None))
            if answer is None or time.monotonic() - at > KEPT_S:
                answer = self._make(target)
                if len(self._recent) >= MAX_KEPT:
                    self._recent.clear()
                self._recent[target] = time.monotonic(), answer
            return answer

    def _make(self, target: str) -> Answer:
        encoded, _, query = target.partition("?")
        path, refreshes = unquote(encoded), _refreshes(query)
        answer = self._fixed(path, refreshes=refreshes)
        if answer is None and path.startswith("/clusters/"):
            name = path.removeprefix("/clusters/").strip("/")
            answer = self._cluster(name, refreshes=refreshes)
        return answer or self._nothing_here()

    def _fixed(self, path: str, *, refreshes: bool) -> Answer | None:
        match path:
            case "/":
                return self._overview(refreshes=refreshes)
            case "/healthz":
                return _verdict("alive", health.not_alive(self._board.view(), self._full_read_s))
            case "/readyz":
                return _verdict("ready", health.not_ready(self._board.view(), self._full_read_s))
            case "/metrics":
                return Answer(200, self._exporter.content_type, self._exporter.render())
        return None

    def _overview(self, *, refreshes: bool) -> Answer:
        view = show(self._board.view(), self._links)
        return _html(200, page.overview(view, refreshes=refreshes))

    def _cluster(self, name: str, *, refreshes: bool) -> Answer | None:
        view = show(self._board.view(), self._links, detailed=name)
        cluster = next((one for one in view.clusters if one.name == name), None)
        if cluster is None:
            return None
        return _html(200, page.cluster(view, cluster, refreshes=refreshes))

    def _nothing_here(self) -> Answer:
        return _html(404, page.nothing_here(show(self._board.view(), self._links)))


def _refreshes(query: str) -> bool:
    return parse_qs(query).get("refresh") != ["off"]


def _html(status: int, text: str) -> Answer:
    # The icon is an empty data: address, so that no browser asks for /favicon.ico.
    policy = f"default-src 'none'; style-src '{page.STYLE_HASH}'; img-src data:"
    closed = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    headers = {**_HEADERS, "Content-Security-Policy": f"{policy}; {closed}"}
    return Answer(status, _HTML, text.encode("utf-8", "replace"), headers)


def _verdict(word: str, reasons: list[str]) -> Answer:
    body: dict[str, Any] = {word: not reasons, "reasons": reasons}
    data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    return Answer(503 if reasons else 200, _JSON, data)
