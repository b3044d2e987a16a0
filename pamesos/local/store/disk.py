"""Keeps values on disk so that kill -9 at any moment loses none that was said to be kept.

SQLite in WAL mode: a commit is there or it is not, whatever happens to the process. What is put
within one turn of the loop is committed together at its end.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson


class Disk:
    """JSON values by kind and key."""

    def __init__(self, path: Path, default: Callable[[Any], Any] | None = None) -> None:
        """``default`` turns what is no JSON into JSON, at the time of the commit."""
        self._default = default
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS kept"
            " (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )
        self._pending: dict[tuple[str, str], Any] = {}
        self._flush_is_due = False

    def load(self, kind: str) -> dict[str, Any]:
        """Return all values of a kind by key, in the order of the keys."""
        rows = self._connection.execute(
            "SELECT key, value FROM kept WHERE kind = ? ORDER BY key", (kind,)
        )
        return {key: orjson.loads(value) for key, value in rows}

    def put(self, kind: str, key: str, value: Any) -> None:
        """Keep a value; it must not change any more. None removes it."""
        self._pending[kind, key] = value
        if self._flush_is_due:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
            self._flush_is_due = True
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Commit what is pending."""
        self._flush_is_due = False
        pending, self._pending = self._pending, {}
        if not pending:
            return
        gone = [place for place, value in pending.items() if value is None]
        kept = [
            (*place, self._encode(value)) for place, value in pending.items() if value is not None
        ]
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany("DELETE FROM kept WHERE kind = ? AND key = ?", gone)
            self._connection.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", kept)

    def _encode(self, value: Any) -> bytes:
        return orjson.dumps(value, self._default, orjson.OPT_PASSTHROUGH_DATACLASS)

    def close(self) -> None:
        """Commit what is pending and let go of the file."""
        self.flush()
        self._connection.close()
