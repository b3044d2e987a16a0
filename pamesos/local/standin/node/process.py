"""The node's life: join the Resource Manager, run what it sends, come back when it does.

Exit statuses are the real node's (facts/proactive.md 3): 0 told to leave, 47 cannot join,
48 bad option, 101 the Resource Manager is gone, 143 SIGTERM.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence

from pamesos.local.standin import BANNER, wire
from pamesos.local.standin.node.guard import Guard
from pamesos.local.standin.node.tasks import Task
from pamesos.local.standin.options import (
    BadOptionError,
    CredentialsError,
    NodeOptions,
    node_parser,
    parse_node,
)

CANNOT_JOIN = 47
BAD_OPTION = 48
RM_GONE = 101
_ANSWER_S = 5.0
_RETRY_S = 1.0


class _RefusedError(Exception):
    """The Resource Manager does not want this node."""


class Node:
    """One node process. ``run`` returns its exit status."""

    def __init__(self, options: NodeOptions) -> None:
        self._options = options
        self._guard = Guard()
        self._tasks: dict[str, Task] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        #: Ended runs that the server has not acknowledged: it may be away, or without database.
        self._results: dict[str, wire.Message] = {}
        self._urls: list[str] = []
        self._writer: asyncio.StreamWriter | None = None
        self._server_is_back = asyncio.Event()
        self._stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> int:
        """Live until told to leave, stopped or orphaned."""
        loop = asyncio.get_running_loop()
        for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            loop.add_signal_handler(number, self._stop, status)
        hostname = self._options.properties.text("proactive.hostname") or "127.0.0.1"
        if self._options.protocol == "pamr":  # it listens on nothing; its name is an agent id
            self._name_nodes(f"pamr://{secrets.randbelow(2**31) + 4096}")
            return await self._run(hostname)
        try:
            socket = wire.listen(hostname, self._options.pnp_port)
        except OSError as error:
            _say(f"cannot listen on {hostname}: {error.strerror}")
            return 1
        async with await asyncio.start_server(self._called, sock=socket):
            self._name_nodes(f"{self._options.protocol}://{hostname}:{socket.getsockname()[1]}")
            return await self._run(hostname)

    async def _run(self, hostname: str) -> int:
        life = asyncio.ensure_future(self._live(hostname))
        await asyncio.wait({life, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
        status = self._stopped.result() if self._stopped.done() else life.result()
        life.cancel()
        await self._end_tasks()
        return status

    def _stop(self, status: int) -> None:
        if not self._stopped.done():
            self._stopped.set_result(status)

    def _name_nodes(self, process: str) -> None:
        self._urls = [f"{process}/{name}" for name in self._options.worker_names]
        for index, url in enumerate(self._urls):
            _say(f"URL of node {index} {url}")

    async def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve the node's own port: health checks connect to it, a new server calls there."""
        with contextlib.suppress(TimeoutError, OSError, ValueError):
            line = await asyncio.wait_for(reader.readline(), _ANSWER_S)
            if b'"rejoin"' in line:
                self._server_is_back.set()
        writer.close()

    async def _live(self, hostname: str) -> int:
        deadline = time.monotonic() + self._options.join_timeout_s
        _say(f"Joining Resource Manager at {self._options.rm_url}")
        while True:
            try:
                reader = await self._join(hostname)
                break
            except _RefusedError as error:
                _say(f"RMException: Cannot join the Resource Manager: {error}")
                return CANNOT_JOIN
            except OSError as error:
                if time.monotonic() + _RETRY_S > deadline:
                    _say(f"RMException: Cannot join the Resource Manager at {self._rm}: {error}")
                    return CANNOT_JOIN
                await asyncio.sleep(_RETRY_S)
        _say("Resource Manager joined.")
        for url in self._urls:
            _say(f"Adding node {url.rpartition('/')[2]} to Resource Manager.")
            _say(f"Node {url} added.")
        _say(f"Connected to the resource manager at {self._rm}")
        while True:
            if await self._serve(reader):
                _say("The Resource Manager told this node to leave.")
                return 0
            _say(f"The connection to {self._rm} is lost.")
            again = await self._reconnect(hostname)
            if again is None:
                _say("The Resource Manager is gone, no reconnection attempt is left.")
                return RM_GONE
            reader = again
            _say("Node successfully reconnected")
            _say(f"Connected to the resource manager at {self._rm}")

    @property
    def _rm(self) -> str:
        return self._options.rm_url

    async def _reconnect(self, hostname: str) -> asyncio.StreamReader | None:
        for attempt in range(1, self._options.attempts + 1):
            try:
                return await self._join(hostname)
            except _RefusedError as error:
                _say(f"refused: {error}")
                return None
            except OSError as error:
                _say(f"attempt {attempt} of {self._options.attempts} to reconnect: {error}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._server_is_back.wait(), self._options.delay_s)
            self._server_is_back.clear()
        return None

    async def _join(self, hostname: str) -> asyncio.StreamReader:
        """Connect and register; returns when the server has said welcome."""
        connecting = asyncio.open_connection(
            self._options.rm_host, self._options.rm_port, limit=wire.MAX_LINE
        )
        reader, writer = await asyncio.wait_for(connecting, _ANSWER_S)
        wire.keep_alive(writer)
        wire.write(
            writer,
            {
                "say": "join",
                "urls": self._urls,
                "host": hostname,
                "source": self._options.source,
                "runs": [*self._tasks, *self._results],
            },
        )
        try:
            line = await asyncio.wait_for(anext(wire.messages(reader)), _ANSWER_S)
        except StopAsyncIteration:
            writer.close()
            raise ConnectionError("the server closed the connection") from None
        if line.get("do") != "welcome":
            writer.close()
            raise _RefusedError(line.get("problem", "no reason given"))
        self._writer = writer
        self._keep(set(line["keep"]))
        for result in self._results.values():  # what ended while the server was away
            self._send(result)
        return reader

    async def _serve(self, reader: asyncio.StreamReader) -> bool:
        """Do what the server says; True when it said leave, False when the connection broke."""
        async for message in wire.messages(reader):
            if self._is_farewell(message):
                return True
            self._obey(message)
        if self._writer is not None:
            self._writer.close()
        return False

    def _is_farewell(self, message: wire.Message) -> bool:
        """Whether to leave: told so, or the last worker was removed."""
        if message.get("do") == "drop":
            self._urls = [url for url in self._urls if url != message["url"]]
            return not self._urls
        return message.get("do") == "leave"

    def _obey(self, message: wire.Message) -> None:
        match message.get("do"):
            case "ping":
                self._send({"say": "pong"})
            case "run":
                scratch = self._options.properties.text("node.dataspace.scratchdir") or None
                task = Task(message, self._guard, scratch)
                job = asyncio.ensure_future(self._execute(task))
                self._jobs.add(job)
                job.add_done_callback(self._jobs.discard)
            case "kill":
                self._keep(set(self._tasks) - {message["run"]})
            case "keep":
                self._keep(set(message["runs"]))
            case "ack":
                self._results.pop(message["run"], None)

    async def _execute(self, task: Task) -> None:
        self._tasks[task.run] = task
        result = await task.execute()
        self._results[task.run] = result
        del self._tasks[task.run]
        self._send(result)

    def _keep(self, runs: set[str]) -> None:
        for run, task in list(self._tasks.items()):
            if run not in runs:
                task.kill()

    def _send(self, message: wire.Message) -> None:
        if self._writer is not None:
            wire.write(self._writer, message)

    async def _end_tasks(self) -> None:
        for task in self._tasks.values():
            task.kill()
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=2)
        await self._guard.close()
        if self._writer is not None:
            self._writer.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(arguments: Sequence[str]) -> int:
    """Run a node; returns its exit status."""
    _say(BANNER.format(role="node"))
    try:
        options = parse_node(arguments, os.environ)
    except BadOptionError as error:
        _say(f"{error}\n{node_parser().format_usage()}")
        return BAD_OPTION
    except CredentialsError as error:
        _say(f"KeyException: {error}")
        return error.exit_status
    if options.help:
        _say(node_parser().format_help())
        return 0
    return asyncio.run(_run(options))


async def _run(options: NodeOptions) -> int:
    return await Node(options).run()
