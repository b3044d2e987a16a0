"""The connections to the nodes: who joins, who answers pings, who is gone."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from pamesos.local.standin import wire
from pamesos.local.standin.server.core import Core, UnknownSourceError

_PROBE_S = 1.0


class Link:
    """One node process."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        #: Whether it has answered since the last ping.
        self.answered = True

    def send(self, message: dict[str, Any]) -> None:
        wire.write(self._writer, message)

    def close(self) -> None:
        self._writer.close()


class Links:
    """Serves the PNP port."""

    def __init__(self, core: Core, ping_s: float) -> None:
        self._core = core
        self._ping_s = ping_s
        self._links: set[Link] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk with one node until its connection ends."""
        wire.keep_alive(writer)
        link = Link(writer)
        try:
            async for message in wire.messages(reader):
                if message.get("say") == "join":
                    if not self._join(link, message):
                        return
                elif link in self._links:
                    self._hear(link, message)
        finally:
            if link in self._links:
                self._links.discard(link)
                self._core.closed(link)
            link.close()

    def _join(self, link: Link, message: wire.Message) -> bool:
        try:
            self._core.join(link, message)
        except UnknownSourceError as error:
            link.send({"do": "refused", "problem": str(error)})
            return False
        self._links.add(link)
        sys.stdout.write(f"New nodes: {', '.join(message['urls'])}\n")
        return True

    def _hear(self, link: Link, message: wire.Message) -> None:
        link.answered = True
        self._core.heard(link)
        if message.get("say") == "ended":
            self._core.ended(link, message)

    async def watch(self) -> None:
        """Ping all nodes for ever; who has not answered by the next ping is Down."""
        while True:
            for link in list(self._links):
                if not link.answered:
                    self._core.silent(link)
                link.answered = False
                link.send({"do": "ping"})
            self._core.expire()
            await asyncio.sleep(self._ping_s)

    async def call_back(self) -> set[str]:
        """After a restart: tell the known nodes to rejoin; return the processes that listen."""
        processes = {node.process for node in self._core.rm.nodes.values()}
        reached = await asyncio.gather(*(_call(process) for process in processes))
        return {process for process, ok in zip(processes, reached, strict=True) if ok}

    async def close(self, *, leave_s: float) -> None:
        """Wait until the nodes have left, for a bounded time, then hang up."""
        deadline = asyncio.get_running_loop().time() + leave_s
        while self._links and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        for link in list(self._links):
            link.close()


async def _call(process: str) -> bool:
    if process.startswith("pamr://"):  # it listens on nothing, and comes back by itself
        return True
    host, _, port = process.partition("://")[2].rpartition(":")
    with contextlib.suppress(OSError, TimeoutError, ValueError):
        connecting = asyncio.open_connection(host, int(port))
        _, writer = await asyncio.wait_for(connecting, _PROBE_S)
        wire.write(writer, {"do": "rejoin"})
        writer.close()
        return True
    return False
