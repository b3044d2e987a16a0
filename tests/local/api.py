"""A plain client for tests of the embedded Marathon: no code of pamesos in it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.conftest import wait_for

Json = dict[str, Any]


def app(app_id: str, cmd: str = "exec sleep 600", **fields: Any) -> Json:
    """Return a small app; what it says on top replaces the defaults."""
    return {"id": app_id, "cmd": cmd, "cpus": 0.1, "mem": 32, "backoffSeconds": 0, **fields}


class Api:
    """Calls Marathon at a URL; an answer that is no success fails the test unless asked for."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def call(self, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
        """Return the answer's JSON (text if it is none, None if empty)."""
        answer = self.session.request(method, self.url + path, json=body, timeout=20)
        assert answer.status_code == expect, (answer.status_code, answer.text)
        with contextlib.suppress(ValueError):
            return answer.json()
        return answer.text or None

    def put_group(self, *apps: Json, group: str = "/t") -> Json:
        """Deploy a group of these apps."""
        answer: Json = self.call("PUT", "/v2/groups", {"id": group, "apps": list(apps)})
        return answer

    def deploy(self, *apps: Json) -> None:
        """Deploy a group and wait until the deployment is over."""
        self.put_group(*apps)
        self.settle()

    def settle(self, timeout_s: float = 20) -> None:
        """Wait until no deployment is under way."""
        wait_for(lambda: not self.deployments(), timeout_s, "the end of the deployments")

    def deployments(self) -> list[Json]:
        """Return what is under way."""
        found: list[Json] = self.call("GET", "/v2/deployments")
        return found

    def tasks(self, app_id: str | None = None) -> list[Json]:
        """Return the tasks, of one app or of all."""
        found: list[Json] = self.call("GET", "/v2/tasks")["tasks"]
        return [task for task in found if app_id in (None, task["appId"])]

    def running(self, app_id: str) -> list[Json]:
        """Return the tasks of an app that run."""
        return [task for task in self.tasks(app_id) if task["state"] == "TASK_RUNNING"]

    def app(self, app_id: str, *embeds: str) -> Json:
        """Return an app."""
        query = "&".join(f"embed=app.{name}" for name in embeds)
        found: Json = self.call("GET", f"/v2/apps/{app_id}?{query}")["app"]
        return found

    def queue(self, app_id: str) -> Json | None:
        """Return the queue's entry of an app, None if nothing of it waits."""
        entries = self.call("GET", "/v2/queue?embed=lastUnusedOffers")["queue"]
        return next((entry for entry in entries if entry["app"]["id"] == app_id), None)

    def stdout(self, task: Json) -> str:
        """Return what a task wrote, by way of the agent's files as a client of Mesos does."""
        state = self.call("GET", "/slave(1)/state")
        [framework] = state["frameworks"]
        executors = framework["executors"] + framework["completed_executors"]
        [directory] = [each["directory"] for each in executors if each["id"] == task["id"]]
        query = f"path={directory}/stdout&offset=0&length=50000"
        return str(self.call("GET", f"/files/read?{query}")["data"])


class Stream:
    """A reader of the event stream on a bare socket: every byte as it came."""

    def __init__(self, url: str, query: str = "", accept: str = "text/event-stream") -> None:
        place = urlsplit(url)
        self._socket = socket.create_connection((str(place.hostname), place.port or 80), 10)
        request = f"GET /v2/events{query} HTTP/1.0\r\nHost: {place.netloc}\r\nAccept: {accept}\r\n"
        self._socket.sendall(f"{request}\r\n".encode())
        self._socket.settimeout(None)
        self.raw = b""
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        wait_for(lambda: b"\r\n\r\n" in self.raw, what="the head of the stream")

    @property
    def body(self) -> bytes:
        """All bytes after the head."""
        return self.raw.partition(b"\r\n\r\n")[2]

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return self._thread.is_alive()

    def events(self, event_type: str | None = None) -> list[Json]:
        """Return the complete events so far."""
        blocks = self.body.decode().split("\r\n\r\n")[:-1]
        lines = (line for block in blocks for line in block.split("\r\n"))
        found = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        return [each for each in found if event_type in (None, each["eventType"])]

    def wait(self, event_type: str, **fields: Any) -> Json:
        """Return the first event of a type that has these members."""

        def look() -> Json | None:
            events = self.events(event_type)
            return next((e for e in events if fields.items() <= e.items()), None)

        return wait_for(look, what=f"{event_type} {fields}")

    def types(self) -> list[str]:
        """Return the types of the events so far."""
        return [event["eventType"] for event in self.events()]

    def close(self) -> None:
        """Leave the stream."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._socket.recv(65536):
                self.raw += data


@contextlib.contextmanager
def stream(url: str, query: str = "") -> Iterator[Stream]:
    """Read the event stream while the block lasts."""
    reader = Stream(url, query)
    try:
        yield reader
    finally:
        reader.close()


def pid_alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def elapsed(since: float) -> float:
    """Return the seconds since a moment of the monotonic clock."""
    return time.monotonic() - since
