"""Everybody who reads the event stream, and how an event reaches them.

An event is turned into bytes once, however many read it, and is handed over without a wait, so
that a change is on the wire within the same turn of the loop. There is no replay
(facts/marathon.md 25).
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Mapping
from typing import Any

import orjson

from pamesos.local.times import iso, now

#: A reader that is this many events behind is cut off: it would only eat memory.
MAX_BEHIND = 50_000


class Subscription:
    """One reader: the events it asked for, in order, as bytes ready to send."""

    def __init__(self, remote: str, wanted: frozenset[str]) -> None:
        self.remote = remote
        self._wanted = wanted
        self._pending: collections.deque[bytes] = collections.deque()
        self._rung = asyncio.Event()
        self.closed = False

    def wants(self, event_type: str) -> bool:
        """Tell whether this reader asked for events of this type; no filter means all."""
        return not self._wanted or event_type in self._wanted

    def put(self, data: bytes) -> None:
        """Hand an event over; it is lost if the reader is gone."""
        if len(self._pending) >= MAX_BEHIND:
            self.close()
        if not self.closed:
            self._pending.append(data)
            self._rung.set()

    def close(self) -> None:
        """End the stream after what is pending."""
        self.closed = True
        self._rung.set()

    async def take(self, timeout_s: float) -> bytes | None:
        """Return all that is pending, b"" when ``timeout_s`` passed first, None at the end."""
        if not self._pending and not self.closed:
            try:
                await asyncio.wait_for(self._rung.wait(), timeout_s)
            except TimeoutError:
                return b""
        self._rung.clear()
        if not self._pending:
            return None if self.closed else b""
        data = b"".join(self._pending)
        self._pending.clear()
        return data


class EventBus:
    """Hands every event to every reader that wants it."""

    def __init__(self) -> None:
        self._readers: list[Subscription] = []

    def publish(self, event_type: str, fields: Mapping[str, Any], *, at: str | None = None) -> None:
        """Send an event; ``fields`` in the order of the wire, ``eventType`` and time follow.

        A field ``eventType`` or ``timestamp`` of None marks the place where the real one has it.
        """
        readers = [reader for reader in self._readers if reader.wants(event_type)]
        if not readers:
            return
        body = dict(fields)
        body["eventType"] = event_type
        body["timestamp"] = at or iso(now())
        data = b"event: %b\r\ndata: %b\r\n\r\n" % (event_type.encode(), orjson.dumps(body))
        for reader in readers:
            reader.put(data)

    def subscribe(self, remote: str, wanted: frozenset[str]) -> Subscription:
        """Add a reader; it is the first to hear that it is attached (recordings 06)."""
        reader = Subscription(remote, wanted)
        self._readers.append(reader)
        self.publish("event_stream_attached", {"remoteAddress": remote})
        return reader

    def unsubscribe(self, reader: Subscription) -> None:
        """Remove a reader and tell the others."""
        if reader in self._readers:
            self._readers.remove(reader)
            self.publish("event_stream_detached", {"remoteAddress": reader.remote})

    def close(self) -> int:
        """End all streams, as when the server stops; return how many there were."""
        for reader in self._readers:
            reader.close()
        return len(self._readers)
