"""Server-sent events, parsed as they come: bytes in, (type, data) out; no socket, no JSON.

Marathon writes CRLF lines, no ``id:`` and a bare CRLF every 10 s (facts/marathon.md, 25); any
legal stream is understood, cut anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator

#: An event may be this large (a deployment of thousands of apps); a larger one is dropped whole.
MAX_EVENT_BYTES = 64 * 1024 * 1024


class SseParser:
    """Feed it bytes; it yields complete events and keeps at most one unfinished."""

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._line = bytearray()
        self._line_length = 0
        self._after_cr = False
        self._type = ""
        self._data: list[bytes] = []
        self._size = 0
        #: How many events were dropped because they were too large; who reads must re-read all.
        self.dropped = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """Yield (type, data) for each event that this chunk completes."""
        for piece in chunk.splitlines(keepends=True):
            if self._after_cr and piece == b"\n":
                self._after_cr = False  # CR and LF of one line end came in two chunks
                continue
            self._after_cr = piece.endswith(b"\r")
            text = piece.rstrip(b"\r\n")
            self._take(text)
            if len(text) == len(piece):
                continue  # the line goes on in the next chunk
            event = self._end_line()
            if event is not None:
                yield event

    def _take(self, text: bytes) -> None:
        self._size += len(text)
        self._line_length += len(text)
        if self._size <= self._max_bytes:
            self._line += text
        else:
            self._line.clear()
            self._data.clear()

    def _end_line(self) -> tuple[str, bytes] | None:
        line, length = bytes(self._line), self._line_length
        self._line.clear()
        self._line_length = 0
        if length == 0:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"event":
            self._type = value.decode("utf-8", "replace")
        elif name == b"data":
            self._data.append(value)
        return None

    def _dispatch(self) -> tuple[str, bytes] | None:
        event = (self._type or "message", b"\n".join(self._data)) if self._data else None
        if self._size > self._max_bytes:
            self.dropped += 1
            event = None
        self._type, self._data, self._size = "", [], 0
        return event
