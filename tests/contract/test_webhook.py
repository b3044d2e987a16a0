"""The webhook against a real listener: forms, retries, bounds, and a secret that stays one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from pamesos.clients import webhook
from pamesos.clients.webhook import Message, Target, Webhook
from pamesos.engine.watching.announce import message_of
from pamesos.errors import SettingsError
from tests.boards import NOW, full_board, intent, outcome
from tests.e2e.harness import free_port

TOKEN = "T0K3N-part-of-the-address"
NEWS = Message("pamesos gives up on /a/b <now> & then", {"kind": "give-up", "cluster": "a"})


class Listener(HTTPServer):
    """Notes what it hears; answers with the statuses it was given, then 200."""

    def __init__(self, statuses: tuple[int, ...]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.statuses = list(statuses)
        self.heard: list[tuple[str, Any]] = []
        self.answer = threading.Event()
        self.answer.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/{TOKEN}"


class _Handler(BaseHTTPRequestHandler):
    server: Listener

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.heard.append((self.path, body))
        self.server.answer.wait(20)
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def listening(*statuses: int) -> Iterator[Listener]:
    server = Listener(statuses)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server
    finally:
        server.answer.set()
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def sending(url: str, form: str = "generic") -> Iterator[Webhook]:
    hook = Webhook(Target(url, form), first_wait_s=0.01)
    hook.start()
    try:
        yield hook
    finally:
        hook.stop()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    end_at = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_at, what
        time.sleep(0.01)


def test_the_generic_form_has_all_facts():
    with listening() as server, sending(server.url) as hook:
        hook.post(NEWS)
        wait_for(lambda: hook.counts()["sent"] == 1, "it is sent")

    ((path, body),) = server.heard
    assert path.endswith(TOKEN)
    assert body == {"source": "pamesos", "text": NEWS.text, "kind": "give-up", "cluster": "a"}


def test_slack_gets_a_text_without_markup_of_its_own():
    with listening() as server, sending(server.url, "slack") as hook:
        hook.post(NEWS)
        wait_for(lambda: hook.counts()["sent"] == 1, "it is sent")

    assert server.heard[0][1] == {"text": "pamesos gives up on /a/b &lt;now&gt; &amp; then"}


def test_a_server_in_trouble_is_asked_again():
    with listening(503, 429) as server, sending(server.url) as hook:
        hook.post(NEWS)
        wait_for(lambda: hook.counts()["sent"] == 1, "it is sent at last")

    assert len(server.heard) == 3


def test_a_refusal_is_final():
    with listening(404) as server, sending(server.url) as hook:
        hook.post(NEWS)
        wait_for(lambda: hook.counts()["failed"] == 1, "it is given up")
        hook.post(NEWS)
        wait_for(lambda: hook.counts()["sent"] == 1, "the next one is sent")

    assert len(server.heard) == 2


def test_a_silent_server_holds_nobody_up_and_old_news_is_dropped():
    with listening() as server:
        server.answer.clear()
        with sending(server.url) as hook:
            started = time.monotonic()
            for _ in range(webhook.QUEUE_SIZE + 10):
                hook.post(NEWS)
            assert time.monotonic() - started < 1
            assert hook.counts()["dropped"] >= 9
            server.answer.set()


def test_the_address_is_in_no_log_no_error_and_no_repr(capsys):
    url = f"http://127.0.0.1:{free_port()}/hooks/{TOKEN}"
    with sending(url) as hook:
        hook.post(NEWS)
        wait_for(lambda: hook.counts()["failed"] == 1, "nothing listens there")

    with pytest.raises(SettingsError) as error:
        Target(f"ftp://{TOKEN}")
    said = capsys.readouterr()
    assert "webhook.failed" in said.out + said.err
    assert TOKEN not in said.out + said.err + str(error.value) + repr(Target(url))


def test_repairs_holds_and_give_ups_are_told_once_each():
    board = full_board()
    told: list[Message] = []
    board.subscribe(lambda deed: told.append(message_of(deed)))
    lines = board.listen_to(NoPlace())
    lines.append(intent("n", "task.replaced", "/up"))
    assert told == []  # an intent is no news: its outcome is
    lines.append(outcome("n", "done"))

    (repair,) = told
    assert repair.facts["kind"] == "repair"
    assert repair.facts["cluster"] == "up"
    assert repair.facts["outcome"] == "done"
    assert repair.facts["at"] == NOW.isoformat()
    assert "DOWN for 31 s" in repair.text


class NoPlace:
    """A journal's place that keeps nothing."""

    def append(self, line: Any) -> None: ...

    def read(self) -> Iterator[Any]:
        return iter(())

    def close(self) -> None: ...
