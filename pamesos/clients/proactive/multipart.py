"""A workflow file as multipart/form-data, streamed: requests would read it into memory."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

_CHUNK = 64 * 1024


class MultipartFile:
    """One part ``file`` of type application/xml, as in recordings/proactive/02-job.jsonl.

    Has a length, so that the request carries Content-Length and is not chunked. Use it once.
    """

    def __init__(self, path: Path, boundary: str | None = None) -> None:
        self.boundary = boundary or secrets.token_hex(16)
        name = re.sub(r"[^A-Za-z0-9._-]", "_", path.name) or "workflow.xml"
        self._head = (
            f"--{self.boundary}\r\n"
            f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/xml\r\n\r\n"
        ).encode()
        self._tail = f"\r\n--{self.boundary}--\r\n".encode()
        self._file = path.open("rb")
        self._length = os.fstat(self._file.fileno()).st_size

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    def __len__(self) -> int:
        return len(self._head) + self._length + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        with self._file as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        yield self._tail
