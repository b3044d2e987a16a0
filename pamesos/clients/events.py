"""Marathon's event stream, kept open in a thread of its own: it says *where to look*, no more.

The stream replays nothing (stack.md, 9): after each ``Connected`` the user reads everything again.
This module never decides what an event means.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pamesos.clients.auth import Credentials, may_follow
from pamesos.clients.failures import (
    explain_exception,
    explain_response,
    without_credentials,
)
from pamesos.clients.http import jittered_waits, new_session, transport_options
from pamesos.clients.marathon import MarathonClient
from pamesos.clients.sse import SseParser
from pamesos.core.connection import Connection
from pamesos.errors import PamesosError

if TYPE_CHECKING:
    import requests

#: Marathon sends a bare CRLF every 10 s (fact 25); without one for this long the stream is dead.
SILENCE_S = 25.0
FIRST_WAIT_S = 0.2
MAX_WAIT_S = 5.0
_READ_BYTES = 65_536


@dataclass(frozen=True)
class Event:
    """One event: its ``event_type`` and its JSON object."""

    type: str
    data: dict[str, Any] = field(repr=False)

    @property
    def app_id(self) -> str | None:
        """The app that the event is about, if it names one (``appId`` or ``runSpecId``)."""
        named = self.data.get("appId") or self.data.get("runSpecId")
        return named if isinstance(named, str) else None


@dataclass(frozen=True)
class Connected:
    """The stream is open (``first``) or open again: read everything, events may be lost."""

    url: str
    first: bool


@dataclass(frozen=True)
class Disconnected:
    """The stream is closed, and being opened again; reads are the only eyes meanwhile."""

    reason: str


Item = Event | Connected | Disconnected


class EventStream:
    """Follows ``/v2/events`` until it is stopped, reconnecting for ever.

    With ``on_item`` each item is handed to that function in the stream's thread (keep it short);
    without it, iterate: ``for item in stream``. Use as a context manager, or start() and stop().
    """

    def __init__(
        self,
        connection: Connection,
        *,
        on_item: Callable[[Item], None] | None = None,
        event_types: Iterable[str] = (),
        silence_s: float = SILENCE_S,
    ) -> None:
        self._connection = connection
        self._credentials = Credentials(connection)
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._on_item = on_item or self._items.put
        self._query = [("event_type", name) for name in event_types]
        self._silence_s = silence_s
        self._stop = threading.Event()
        self._connected = threading.Event()
        self._lock = threading.Lock()
        self._response: requests.Response | None = None
        self._seen_open = False
        self._turn = 0
        self._thread = threading.Thread(target=self._run, name="marathon-events", daemon=True)

    def start(self) -> EventStream:
        """Begin to follow; returns at once."""
        self._thread.start()
        return self

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the stream is open; False if it is not within the time."""
        return self._connected.wait(timeout_s)

    def stop(self) -> None:
        """Close the stream and wait for its thread, which a blocked read does not hold up."""
        self._stop.set()
        with self._lock:
            if self._response is not None:
                _shut_down(self._response)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def __enter__(self) -> EventStream:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __iter__(self) -> Iterator[Item]:
        """Yield items until the stream is stopped (without ``on_item`` only)."""
        while (item := self._items.get()) is not None:
            yield item

    # -- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        waits = jittered_waits(FIRST_WAIT_S, MAX_WAIT_S)
        while not self._stop.is_set():
            was_open, reason = self._follow_once()
            if self._stop.is_set():
                break
            self._connected.clear()
            self._on_item(Disconnected(reason))
            if was_open:
                waits = jittered_waits(FIRST_WAIT_S, MAX_WAIT_S)
            self._stop.wait(next(waits))
        self._items.put(None)

    def _follow_once(self) -> tuple[bool, str]:
        """Open the stream and read it to its end; return whether it was open, and why it ended."""
        import requests
        import urllib3

        url = self._connection.urls[self._turn % len(self._connection.urls)]
        was_open = False
        try:
            with new_session() as session:
                response = self._open(session, url)
                if isinstance(response, str):
                    self._turn += 1
                    return False, response
                with response:
                    was_open = self._register(response)
                    self._read(response)
        except PamesosError as error:
            return was_open, error.problem
        except (
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,  # what a read of the raw stream raises
            OSError,
            ValueError,
        ) as error:
            self._turn += 1
            return was_open, self._end_reason(error)
        finally:
            with self._lock:
                self._response = None
        return was_open, "Marathon closed the event stream"

    def _end_reason(self, error: Exception) -> str:
        import requests
        import urllib3

        if isinstance(error, requests.exceptions.RequestException):
            return explain_exception(error, self._silence_s).detail
        if isinstance(error, TimeoutError | urllib3.exceptions.TimeoutError):
            return f"nothing came on the event stream for {self._silence_s:g} s"
        return "the event stream broke off"

    def _open(self, session: requests.Session, url: str) -> requests.Response | str:
        """Open the stream, following a standby's redirect to the leader; or say why not."""
        response = self._get(session, f"{url}/v2/events", self._query)
        if response.is_redirect:
            target = response.headers.get("Location", "")
            response.close()
            leader = self._leader() if self._connection.has_credentials else None
            if not may_follow(self._connection, url, target, leader):
                shown = without_credentials(target).partition("?")[0]
                return f"the event stream redirects to {shown}, which Marathon does not name leader"
            query = [] if "?" in target else self._query
            response = self._get(session, target, query)
        if response.status_code == 200 and not _is_stream(response):
            response.close()
            return "the event stream answers something else than events; is a proxy in between?"
        if response.status_code != 200:
            failure = explain_response(response)
            status = response.status_code
            response.close()
            return failure.detail if failure else f"the event stream was refused (HTTP {status})"
        return response

    def _leader(self) -> str | None:
        client = MarathonClient(self._connection, stop=self._stop)
        try:
            return client.get_leader()
        finally:
            client.close()

    def _get(
        self, session: requests.Session, url: str, query: list[tuple[str, str]]
    ) -> requests.Response:
        # No compression: a compressor holds events back until its block is full.
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        return session.get(
            url,
            params=query,
            headers=headers,
            auth=self._credentials.for_requests(),
            stream=True,
            timeout=(self._connection.connect_timeout_s, self._silence_s),
            **transport_options(self._connection),
        )

    def _register(self, response: requests.Response) -> bool:
        with self._lock:
            self._response = response
        if self._stop.is_set():
            return True
        first, self._seen_open = not self._seen_open, True
        where = without_credentials(response.url).partition("/v2/events")[0]
        self._on_item(Connected(where, first=first))
        self._connected.set()
        return True

    def _read(self, response: requests.Response) -> None:
        parser = SseParser()
        dropped = 0
        while not self._stop.is_set():
            chunk = response.raw.read1(_READ_BYTES)
            if not chunk:
                return
            for name, data in parser.feed(chunk):
                event = _event(name, data)
                if event is not None:
                    self._on_item(event)
            if parser.dropped > dropped:  # what it said is lost: as good as a reconnect
                dropped = parser.dropped
                self._on_item(Connected(self._connection.urls[0], first=False))


def _is_stream(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith("text/event-stream")


def _event(name: str, data: bytes) -> Event | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    if not isinstance(value, dict):
        return None
    return Event(str(value.get("eventType") or name), value)


def _shut_down(response: requests.Response) -> None:
    """End a read that blocks in another thread: closing alone would not wake it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        duplicate = socket.socket(fileno=os.dup(response.raw.fileno()))
        try:
            duplicate.shutdown(socket.SHUT_RDWR)
        finally:
            duplicate.close()
