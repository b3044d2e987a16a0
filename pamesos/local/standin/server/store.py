"""Jobs, tasks and nodes in the cluster's database, written behind by one thread.

The server goes on without its database, as the real one does (recordings/proactive/11): changes
wait in order until it is back; who must see the database (a login, a submit) waits with them.
"""

from __future__ import annotations

import asyncio
import json
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from pamesos.local.standin.server.database import DatabaseAddress

_metadata = MetaData()
_records = Table(
    "pamesos_standin",
    _metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("document", Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb"), nullable=False),
    mysql_charset="utf8mb4",
    mysql_collate="utf8mb4_bin",  # names differ by case, too
)
_RETRY_S = 0.5
_DRAIN_S = 2.0


class DatabaseUnreachableError(Exception):
    """The database does not answer, or refuses the login."""


@dataclass(frozen=True)
class Change:
    """One record to write; ``document`` None deletes it. Kinds: job, task, node, source."""

    kind: str
    name: str
    document: Mapping[str, Any] | None


@dataclass(frozen=True)
class _Item:
    work: Callable[[Connection], object]
    future: Future[None]
    #: A change is made even if nobody waits for it any more; a check is not.
    droppable: bool


class Store:
    """The database of one server. Only its own thread talks to it once ``start`` was called."""

    def __init__(self, addresses: tuple[DatabaseAddress, ...]) -> None:
        self._addresses = addresses
        self._engine: Engine | None = None
        self._work: queue.Queue[_Item | None] = queue.Queue()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="store", daemon=True)

    def open(self) -> dict[str, dict[str, Any]]:
        """Connect, create the table and return the documents by kind and name.

        Raises DatabaseUnreachableError at once: the real server does not wait either, it exits
        with 5 and is started again.
        """
        for address in self._addresses[1:]:
            _check(address)
        address = self._addresses[0]
        if address.url.database is not None and address.url.drivername == "sqlite":
            Path(address.url.database).parent.mkdir(parents=True, exist_ok=True)
        self._engine = _engine(address)
        found: dict[str, dict[str, Any]] = {kind: {} for kind in ("job", "task", "node", "source")}
        try:
            _metadata.create_all(self._engine)
            with self._engine.connect() as connection:
                for kind, name, document in connection.execute(select(_records)):
                    found.setdefault(kind, {})[name] = json.loads(document)
        except (SQLAlchemyError, OSError) as error:
            raise DatabaseUnreachableError(_reason(error)) from error
        self._thread.start()
        return found

    def write(self, *changes: Change) -> asyncio.Future[None]:
        """Queue changes that belong together; the future is done when they are committed."""
        rows = [(c.kind, c.name, None if c.document is None else json.dumps(c.document))
                for c in changes]  # fmt: skip
        return self._submit(lambda connection: _apply(connection, rows))

    async def check(self, seconds: float) -> None:
        """Return when the database has answered, after all changes before. Raises TimeoutError."""
        checking = self._submit(_select_one, droppable=True)
        await asyncio.wait_for(checking, seconds)

    def close(self) -> None:
        """Write what waits, for a bounded time."""
        self._work.put(None)
        self._thread.join(_DRAIN_S)
        self._closing.set()
        self._thread.join(_DRAIN_S)

    def _submit(
        self, work: Callable[[Connection], object], *, droppable: bool = False
    ) -> asyncio.Future[None]:
        item = _Item(work, Future(), droppable)
        self._work.put(item)
        return asyncio.wrap_future(item.future)

    def _loop(self) -> None:
        while (item := self._work.get()) is not None:
            if not (item.droppable and item.future.cancelled()):
                self._run(item.work, item.future)

    def _run(self, work: Callable[[Connection], object], future: Future[None]) -> None:
        assert self._engine is not None
        complained = False
        while not self._closing.is_set():
            try:
                with self._engine.begin() as connection:
                    work(connection)
            except (DataError, IntegrityError, ProgrammingError) as error:
                _complain(f"the database refused a record: {_reason(error)}")
                _finish(future, error)
                return
            except (SQLAlchemyError, OSError) as error:
                if not complained:
                    _complain(f"the database is away, its changes wait: {_reason(error)}")
                complained = True
                self._closing.wait(_RETRY_S)
            else:
                if complained:
                    _complain("the database is back")
                _finish(future, None)
                return


def _select_one(connection: Connection) -> object:
    return connection.execute(text("SELECT 1")).scalar()


def _finish(future: Future[None], error: Exception | None) -> None:
    if not future.set_running_or_notify_cancel():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _apply(connection: Connection, rows: list[tuple[str, str, str | None]]) -> None:
    for kind, name, document in rows:
        where = (_records.c.kind == kind) & (_records.c.name == name)
        if document is None:
            connection.execute(delete(_records).where(where))
            continue
        # Portable "insert or update"; only this thread writes, so nothing comes in between.
        exists = connection.execute(select(_records.c.name).where(where)).first() is not None
        if exists:
            connection.execute(update(_records).where(where).values(document=document))
        else:
            row = {"kind": kind, "name": name, "document": document}
            connection.execute(insert(_records).values(row))


def _engine(address: DatabaseAddress) -> Engine:
    options: dict[str, Any] = {"pool_pre_ping": True, "connect_args": dict(address.arguments)}
    if address.url.drivername == "sqlite":
        options["connect_args"] = {"check_same_thread": False}
    return create_engine(address.url, **options)


def _check(address: DatabaseAddress) -> None:
    engine = _engine(address)
    try:
        engine.connect().close()
    except (SQLAlchemyError, OSError) as error:
        raise DatabaseUnreachableError(_reason(error)) from error
    finally:
        engine.dispose()


def _reason(error: Exception) -> str:
    """Name the error without its statement and parameters, which are the users' data."""
    original = getattr(error, "orig", None) or error
    return f"{type(original).__name__}: {str(original)[:200]}"


def _complain(line: str) -> None:
    sys.stdout.write(line + "\n")
