"""How a stand-in node and server talk: one JSON object a line, over TCP.

Node to server: ``join`` {urls, host, source, runs}, ``ended`` {run, …}, ``pong``.
Server to node: ``welcome`` {keep}, ``refused`` {problem}, ``run`` {…}, ``kill`` {run},
``keep`` {runs}, ``ack`` {run}, ``ping``, ``drop`` {url}, ``leave``; and ``rejoin`` to the node's
own port, by a server that has come back. This is no real protocol of ProActive.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

Message = dict[str, Any]
#: Longest line. A result holds two streams of at most 1 MiB each, escaped.
MAX_LINE = 32 * 1024 * 1024


def write(writer: asyncio.StreamWriter, message: Message) -> None:
    """Queue a message; a lost connection shows at the reading end."""
    if not writer.is_closing():
        writer.write(json.dumps(message).encode() + b"\n")


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    """Yield messages until the connection ends; a line that is no message ends it too."""
    while True:
        try:
            line = await reader.readline()
            message = json.loads(line) if line.endswith(b"\n") else None
        except (OSError, ValueError):
            return
        if not isinstance(message, dict):
            return
        yield message


def keep_alive(writer: asyncio.StreamWriter) -> None:
    """Let the kernel notice a peer that vanished without a word (about 30 s)."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)


def bind_address(hostname: str) -> str:
    """Return the address to listen on: the advertised one if this host has it, else all.

    Narrow on purpose: whoever reaches the port runs commands here. All is needed in a container,
    where the advertised address is the agent's (facts/proactive.md, network identity).
    """
    try:
        address = socket.gethostbyname(hostname)
        with socket.socket() as probe:
            probe.bind((address, 0))
    except OSError:
        return "0.0.0.0"  # noqa: S104 - see above
    return address


def listen(hostname: str, port: int) -> socket.socket:
    """Return a listening socket. Raises OSError when the port is taken."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((bind_address(hostname), port))
    except OSError:
        listener.close()
        raise
    listener.listen(128)
    listener.setblocking(False)
    return listener
