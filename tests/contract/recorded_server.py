"""A server on a real socket that answers as recorded Marathons did, with rules for faults.

Rules are asked in order; the first whose method and path fit answers, and a rule may be used up
after a number of times. What was received is kept, so that tests can say what was *not* sent.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

RECORDINGS = Path(
    os.environ.get(
        "PAMESOS_RECORDINGS", Path(__file__).resolve().parents[2].parent / "shared" / "recordings"
    )
)


def exchanges(name: str) -> Iterator[dict[str, Any]]:
    """Yield the recorded exchanges of a file such as ``stack/01-deploy.jsonl``."""
    with (RECORDINGS / name).open() as file:
        for line in file:
            exchange = json.loads(line)
            if "method" in exchange:
                yield exchange


def recorded(name: str, method: str, path: str, status: int = 200, nth: int = 0) -> Any:
    """Return the body of the nth recorded answer to this request."""
    bodies = [
        exchange["response_body"]
        for exchange in exchanges(name)
        if (exchange["method"], exchange["path"], exchange["status"]) == (method, path, status)
    ]
    return bodies[nth]


def recorded_events(name: str) -> bytes:
    """Return a recorded stream as it was on the wire: CRLF lines, notes and times removed."""
    lines = []
    for line in (RECORDINGS / name).read_text().splitlines():
        text = line.partition(" | ")[2] if name.startswith("marathon/") else line
        if not text.startswith((":", "#")):
            lines.append(text)
    return "\r\n".join(lines).encode() + b"\r\n"


@dataclass(frozen=True)
class Request:
    """What was received."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    body: Any = None


@dataclass
class Rule:
    """An answer, and when it is given. ``raw`` is written as it is, then the connection closes."""

    method: str
    path: str
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    times: int | None = None
    raw: bytes | None = None
    hang_up: bool = False
    wait_for: threading.Event | None = None
    when: Callable[[Request], bool] = lambda request: True
    then: Callable[[Request], Any] | None = None

    def fits(self, request: Request) -> bool:
        if self.times == 0 or self.method not in {request.method, "*"}:
            return False
        matches = self.path == "*" or self.path.strip("/") == request.path.strip("/")
        return matches and self.when(request)


class RecordedServer:
    """The server; ``url`` is where it listens."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.rules: list[Rule] = []
        self.requests: list[Request] = []
        self.streams: list[Stream] = []
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]
        scheme = "http"
        if tls is not None:
            scheme = "https"
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"{scheme}://{self.host}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
        )

    def on(self, method: str, path: str, **answer: Any) -> Rule:
        """Add a rule; later rules are asked first."""
        rule = Rule(method, path, **answer)
        with self._lock:
            self.rules.insert(0, rule)
        return rule

    def answer(self, request: Request) -> Rule:
        with self._lock:
            self.requests.append(request)
            for rule in self.rules:
                if rule.fits(request):
                    if rule.times is not None:
                        rule.times -= 1
                    return rule
        return Rule("*", "*", 500, {"message": "URI not found"})

    def sent(self, method: str, path: str = "") -> list[Request]:
        """Return the requests of a method whose path begins so."""
        with self._lock:
            return [r for r in self.requests if r.method == method and r.path.startswith(path)]

    def stream(self, content: bytes = b"", *, path: str = "/v2/events", **answer: Any) -> Stream:
        """Answer the event stream with this content, then keep it open for more."""
        stream = Stream(content)
        self.streams.append(stream)
        self.on("GET", path, body=stream, **answer)
        return stream

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.stopping.set()
        for stream in self.streams:
            stream.close()
        for rule in self.rules:
            if rule.wait_for is not None:
                rule.wait_for.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Stream:
    """An open event stream that a test writes to."""

    def __init__(self, content: bytes = b"") -> None:
        self._condition = threading.Condition()
        self._content = bytearray(content)
        self._closed = False

    def send(self, event_type: str, data: dict[str, Any]) -> None:
        """Send an event as Marathon does."""
        self.write(f"event: {event_type}\r\ndata: {json.dumps(data)}\r\n\r\n".encode())

    def write(self, content: bytes) -> None:
        with self._condition:
            self._content += content
            self._condition.notify_all()

    def close(self) -> None:
        """End the stream, as a Marathon does that stops."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def chunks(self) -> Iterator[bytes]:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._content or self._closed)
                chunk = bytes(self._content)
                self._content.clear()
                if not chunk and self._closed:
                    return
            yield chunk


class _Handler(BaseHTTPRequestHandler):
    owner: RecordedServer

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length) if length else b""
        request = Request(
            self.command,
            parts.path,
            tuple(parse_qsl(parts.query)),
            dict(self.headers),
            json.loads(data) if data else None,
        )
        rule = self.owner.answer(request)
        if rule.wait_for is not None:
            rule.wait_for.wait(30)
        body = rule.then(request) if rule.then is not None else rule.body
        if rule.hang_up:
            self.connection.shutdown(socket.SHUT_RDWR)
        elif rule.raw is not None:
            self.wfile.write(rule.raw)
        elif isinstance(body, Stream):
            self._stream(rule, body)
        else:
            self._reply(rule, body)
        self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - http.server's names

    def _reply(self, rule: Rule, body: Any) -> None:
        if isinstance(body, tuple):  # (status, body) from a ``then``
            rule, body = Rule("*", "*", body[0], headers=rule.headers), body[1]
        content = b"" if body is None else body
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
        self.send_response(rule.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, value in {**headers, **rule.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, rule: Rule, stream: Stream) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream;charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        for chunk in stream.chunks():
            self.wfile.write(chunk)
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Tests read ``requests`` instead."""


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[RecordedServer]:
    """Run a server for a ``with`` block."""
    server = RecordedServer(tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()
