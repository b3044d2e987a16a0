"""Runs an engine behind a socket until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import fcntl
import os
import resource
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import uvicorn

from pamesos.local.api import asgi
from pamesos.local.engine import Engine, Setup

_MANY_FILES = 65_536


class UnreadableStateError(Exception):
    """What is in the state directory is not, or no longer, the state of an engine."""


class InUseError(Exception):
    """The port or the state directory belongs to somebody else; ``what`` says which."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def serve(setup: Setup, announce: Callable[[Setup], None]) -> None:
    """Serve until SIGTERM or SIGINT; all tasks have ended when this returns.

    ``announce`` is called with the real port once the API answers. Raises InUseError,
    UnreadableStateError, OSError.
    """
    setup.state_dir.mkdir(parents=True, exist_ok=True)
    _allow_many_files()
    with _only_one(setup.state_dir), _listening(setup) as listener:
        setup = dataclasses.replace(setup, port=listener.getsockname()[1])
        try:
            asyncio.run(_serve(setup, listener, announce))
        except sqlite3.DatabaseError as error:
            raise UnreadableStateError(str(error)) from error


class _Server(uvicorn.Server):
    """Closes the event streams when told to stop: they would never end by themselves."""

    def __init__(self, engine: Engine, announce: Callable[[], None]) -> None:
        config = uvicorn.Config(
            asgi.build(engine),
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_keep_alive=60,
            # A client that never ends its request must not keep the tasks running.
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._engine = engine
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on the signals that say so; a second one does not cut the tasks' end short."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # Ignored by who started us (nohup, a shell's background job): that is meant.
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._stop)
        yield

    def _stop(self) -> None:
        self._engine.events.close()
        self.should_exit = True


async def _serve(setup: Setup, listener: socket.socket, announce: Callable[[Setup], None]) -> None:
    server = _Server(Engine(setup), lambda: announce(setup))
    await server.serve([listener])
    if not server.started:
        raise RuntimeError("the engine did not start; the reason is above")


def _allow_many_files() -> None:
    """Raise the limit of open files: each task and each reader of the stream takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, _MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


@contextlib.contextmanager
def _only_one(state_dir: Path) -> Iterator[None]:
    """Hold the state directory: two engines would kill each other's tasks."""
    with (state_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUseError(f"the state directory {state_dir}") from None
        _write_pid(file)
        yield


def _write_pid(file: IO[str]) -> None:
    file.write(f"{os.getpid()}\n")
    file.flush()


@contextlib.contextmanager
def _listening(setup: Setup) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in setup.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((setup.host, setup.port))
        except OSError as error:
            raise InUseError(f"{setup.address} ({error.strerror})") from error
        yield listener
