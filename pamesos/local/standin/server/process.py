"""The server's life: database, ports, REST, and an end that takes the nodes along (or not).

Exit statuses are the real server's (facts/proactive.md 2): 0 for a bad option, 5 when the
database does not answer at the start.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn

from pamesos.local.standin import BANNER, wire
from pamesos.local.standin.options import (
    BadOptionError,
    ServerOptions,
    parse_server,
    server_parser,
)
from pamesos.local.standin.server.api import build_app
from pamesos.local.standin.server.core import Core
from pamesos.local.standin.server.database import DatabaseConfigurationError, find_databases
from pamesos.local.standin.server.http import Backend
from pamesos.local.standin.server.links import Links
from pamesos.local.standin.server.scheduler import now_ms
from pamesos.local.standin.server.sessions import Sessions
from pamesos.local.standin.server.store import DatabaseUnreachableError, Store
from pamesos.local.standin.users import Accepts, accepts_delivered, accepts_from

NO_DATABASE = 5
PING_KEY = "pa.rm.node.source.ping.frequency"
PRESERVE_KEY = "pa.rm.preserve.nodes.on.shutdown"
#: Milliseconds a login waits for the database; ours, the real server has no such bound.
WAIT_KEY = "pamesos.stand-in.database.wait"
#: The login file, without which the delivered accounts are the only ones.
LOGIN_FILE_KEY = "pa.rm.defaultloginfilename"
_DEFAULT_PING_MS = 3000  # 45000 there; short, so that demonstrations are
_DEFAULT_WAIT_MS = 120_000
_LEAVE_S = 2.0


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """One server process. ``run`` returns its exit status."""

    def __init__(self, options: ServerOptions, store: Store, core: Core) -> None:
        self._options = options
        self._store = store
        self._core = core
        ping_ms = options.properties.number(PING_KEY, _DEFAULT_PING_MS)
        self._ping_s = max(ping_ms, 50) / 1000
        self._links = Links(core, self._ping_s)
        self._listeners: list[asyncio.Server] = []

    async def run(
        self, began: float, web: socket.socket, pnp: socket.socket, *router: socket.socket
    ) -> int:
        """Serve until SIGTERM or SIGINT."""
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        host, pnp_port = self._options.hostname, pnp.getsockname()[1]
        url = f"{self._options.protocol}://{host}:{pnp_port}"
        if router:
            _say(f"The router created on {host}:{router[0].getsockname()[1]}")
        backend = Backend(
            self._core,
            Sessions(_accounts(self._options)),
            self._options.properties.number(WAIT_KEY, _DEFAULT_WAIT_MS) / 1000,
            url,
        )
        _say(f"The resource manager with 0 local nodes created on {url}/")
        _say(f"The scheduler created on {url}/")
        for listener in (pnp, *router):
            serve = asyncio.start_server(self._links.serve, sock=listener, limit=wire.MAX_LINE)
            self._listeners.append(await serve)
        grace_ms = int((2 * self._ping_s + 5) * 1000)
        self._core.recover(await self._links.call_back(), now_ms() + grace_ms)
        watching = asyncio.ensure_future(self._links.watch())
        http = _http(backend)
        serving = asyncio.ensure_future(http.serve(sockets=[web]))
        base = f"http://{host}:{web.getsockname()[1]}"
        _say(f"The web application /rest created on {base}/rest")
        _say(f"*** Get started at {base} ***")
        _say(f"ProActive started in {time.monotonic() - began:.1f} seconds")
        waiting = asyncio.ensure_future(stopped.wait())
        await asyncio.wait({waiting, watching, serving}, return_when=asyncio.FIRST_COMPLETED)
        status = 0 if waiting.done() else 1
        _say("The server is stopping." if status == 0 else "The server broke.")
        watching.cancel()
        await self._stop(http, serving)
        return status

    async def _stop(self, http: uvicorn.Server, serving: asyncio.Future[None]) -> None:
        preserve = self._options.properties.flag(PRESERVE_KEY)
        self._core.stop(preserve_nodes=preserve)
        http.should_exit = True
        await self._links.close(leave_s=0 if preserve else _LEAVE_S)
        with contextlib.suppress(asyncio.CancelledError):
            await serving
        await asyncio.to_thread(self._store.close)


def _http(backend: Backend) -> uvicorn.Server:
    config = uvicorn.Config(
        build_app(backend),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        server_header=False,
    )
    return _Uvicorn(config)


def _accounts(options: ServerOptions) -> Accepts:
    path = options.properties.text(LOGIN_FILE_KEY)
    return accepts_from(Path(path)) if path else accepts_delivered


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(arguments: Sequence[str]) -> int:
    """Run a server; returns its exit status."""
    began = time.monotonic()
    _say(BANNER.format(role="server"))
    try:
        options = parse_server(arguments)
        ports = [options.web_port, options.pnp_port]
        ports += [port for port in (options.pamr_port,) if port is not None]
    except BadOptionError as error:
        _say(f"{error}\n{server_parser().format_usage()}")
        return 0  # so does the real one: its help exits first
    if options.help:
        _say(server_parser().format_help())
        return 0
    if options.local_nodes:
        _say("The stand-in starts no local nodes; -ln is taken as 0.")
    if options.clean:
        _say("The stand-in keeps its database; -c is ignored.")
    return _serve(options, ports, began)


def _serve(options: ServerOptions, ports: list[int], began: float) -> int:
    try:
        store = Store(find_databases(options.properties))
        found = store.open()
    except (DatabaseUnreachableError, DatabaseConfigurationError) as error:
        _say(f"The database cannot be used: {error}")
        return NO_DATABASE
    try:
        web, pnp, *router = (wire.listen(options.hostname, port) for port in ports)
    except OSError as error:
        _say(f"cannot listen on {options.hostname}, ports {ports}: {error.strerror}")
        store.close()
        return 1
    rest_url = f"http://{options.hostname}:{web.getsockname()[1]}/rest"

    async def life() -> int:
        core = Core(store, found, rest_url)
        return await Server(options, store, core).run(began, web, pnp, *router)

    status = asyncio.run(life())
    sys.stdout.flush()
    # Not sys.exit: a thread that waits for a hung database must not hold up the end.
    os._exit(status)
