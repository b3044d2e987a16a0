"""An HTTP server on a real socket that gives the answers recorded from a real ProActive."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RECORDINGS = Path(os.environ.get("PAMESOS_RECORDINGS", ROOT / "../shared/recordings"))


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    content_type: str = "application/json"
    delay: threading.Event | None = None


@dataclass(frozen=True)
class Sent:
    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class RecordedProActive:
    """``answers`` are given in the order of recording; the last one is repeated."""

    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    url: str = ""

    def load(self, name: str, *, labels: tuple[str, ...] = ()) -> None:
        """Add the answers of a recording, all of them or those with one of the labels."""
        for entry in recorded(name):
            if labels and entry.get("label") not in labels:
                continue
            key = (entry["method"], entry["path"])
            self.answers.setdefault(key, []).append(_answer(entry))

    def will(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = list(answers)

    def next_answer(self, method: str, path: str) -> Answer:
        queue = self.answers.get((method, path), [Answer(599, f"not recorded: {method} {path}")])
        return queue.pop(0) if len(queue) > 1 else queue[0]

    def paths(self) -> list[str]:
        return [f"{sent.method} {sent.path}" for sent in self.sent]


def recorded(name: str) -> list[dict[str, Any]]:
    """Return the calls of a recording that got an HTTP answer."""
    lines = (RECORDINGS / "proactive" / f"{name}.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if entry.get("status")]


def _answer(entry: dict[str, Any]) -> Answer:
    text = entry.get("response_text")
    if not text and entry.get("response_json") is not None:
        text = json.dumps(entry["response_json"])
    return Answer(entry["status"], text or "", entry["response_headers"].get("Content-Type", ""))


@contextmanager
def running() -> Iterator[RecordedProActive]:
    fake = RecordedProActive()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # head and body in one packet: no delayed acknowledgement

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            path = self.path.removeprefix("/rest")
            fake.sent.append(Sent(self.command, path, dict(self.headers), body))
            answer = fake.next_answer(self.command, path)
            if answer.delay is not None:
                answer.delay.wait(30)
            data = answer.text.encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            if answer.status in {301, 302}:
                self.send_header("Location", answer.text)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if answer.status != 204:
                self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Keep the test output quiet."""

        def handle(self) -> None:
            with suppress(ConnectionResetError, BrokenPipeError):  # a client that gave up
                super().handle()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}/rest"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
