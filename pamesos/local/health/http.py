"""One HTTP GET, as health and readiness checks need it: no redirects, no certificates checked."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import ssl
from typing import Protocol

from pamesos.local.instances.model import Instance

#: More of a body is not read; only readiness checks show any of it.
_LONGEST_BODY = 64 * 1024


@dataclasses.dataclass(frozen=True, slots=True)
class Response:
    """What a check looks at."""

    status: int
    reason: str
    content_type: str
    body: str


class Network:
    """Asks tasks where they listen: over a socket. A simulated task answers by itself instead."""

    async def get(
        self,
        instance: Instance,
        url: tuple[str, str, int, str],
        timeout_s: float,
    ) -> Response:
        """See :func:`get`."""
        return await get(url, timeout_s)

    async def connect(
        self,
        instance: Instance,
        host: str,
        port: int,
        timeout_s: float,
    ) -> None:
        """See :func:`connect`."""
        await connect(host, port, timeout_s)

    async def pause(
        self,
        instance: Instance,
        seconds: float,
    ) -> None:
        """Wait until the next check."""
        await asyncio.sleep(seconds)


class Reach(Protocol):
    """How checks reach a task."""

    async def get(
        self, instance: Instance, url: tuple[str, str, int, str], timeout_s: float
    ) -> Response:
        """Return the answer of a URL; see :func:`get`."""

    async def connect(self, instance: Instance, host: str, port: int, timeout_s: float) -> None:
        """Return if a connection can be made; see :func:`connect`."""

    async def pause(self, instance: Instance, seconds: float) -> None:
        """Return after so long, or when there may be news."""


async def get(url: tuple[str, str, int, str], timeout_s: float) -> Response:
    """Return the answer of ``(scheme, host, port, path)``.

    Raises OSError if nobody answers, TimeoutError after ``timeout_s`` and ValueError for an answer
    that is no HTTP.
    """
    scheme, host, port, path = url
    async with asyncio.timeout(timeout_s):
        tls = _unchecked() if scheme == "https" else None
        reader, writer = await asyncio.open_connection(host, port, ssl=tls)
        try:
            request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\n"
            writer.write(f"{request}User-Agent: Marathon\r\nConnection: close\r\n\r\n".encode())
            return await _read(reader)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def connect(host: str, port: int, timeout_s: float) -> None:
    """Open a connection and close it. Raises OSError, TimeoutError."""
    async with asyncio.timeout(timeout_s):
        _, writer = await asyncio.open_connection(host, port)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _read(reader: asyncio.StreamReader) -> Response:
    status = (await reader.readline()).decode("latin-1").split(" ", 2)
    if len(status) < 2 or not status[0].startswith("HTTP/") or not status[1].isdecimal():
        raise ValueError("the answer is not HTTP")
    headers: dict[str, str] = {}
    while line := (await reader.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    reason = status[2].strip() if len(status) > 2 else ""
    body = await _read_body(reader, headers)
    text = body.decode("utf-8", "replace")
    return Response(int(status[1]), reason, headers.get("content-type", ""), text)


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunks(reader)
    if (length := headers.get("content-length", "")).isdecimal():
        with contextlib.suppress(asyncio.IncompleteReadError):
            return await reader.readexactly(min(int(length), _LONGEST_BODY))
        return b""
    return await reader.read(_LONGEST_BODY)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while len(body) < _LONGEST_BODY:
        size = int((await reader.readline()).split(b";")[0].strip() or b"0", 16)
        if not size:
            break
        body += await reader.readexactly(size)
        await reader.readline()
    return body


@functools.cache
def _unchecked() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
