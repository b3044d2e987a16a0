"""What an operator asks of the watchers: to hold (act on nothing), and to help an app again.

An order is a small named document in a place that every daemon reads: files in the state directory
of a single daemon, or znodes where several share ZooKeeper (docs/adr/0009).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, unquote

from pamesos.errors import StateUnavailableError

#: The scope of an order that concerns every cluster.
EVERYTHING = "/"
_HOLD, _RESUME = "hold ", "resume "


@dataclass(frozen=True)
class Order:
    """``scope`` is a group, an app, or everything."""

    scope: str
    by: str
    at: datetime
    reason: str = ""

    def __str__(self) -> str:
        """Return ``held by ann since 12:03 (UTC): moving racks``."""
        why = f": {self.reason}" if self.reason else ""
        return f"held by {self.by} since {self.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC{why}"


class Store(Protocol):
    """Named documents. All raise StateUnavailableError."""

    def put(self, name: str, data: bytes) -> None: ...

    def remove(self, name: str) -> bool:
        """Return whether it was there."""

    def load(self) -> Mapping[str, bytes]: ...


class Orders:
    """The orders in a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def hold(self, order: Order) -> None:
        self._store.put(_HOLD + order.scope, _encode(order))

    def release(self, scope: str) -> bool:
        """Lift a hold; return whether there was one of exactly this scope."""
        return self._store.remove(_HOLD + scope)

    def resume(self, order: Order) -> None:
        """Ask the watcher to lift the give-ups of an app, or of all apps of a group."""
        self._store.put(_RESUME + order.scope, _encode(order))

    def fulfil(self, order: Order) -> None:
        """Take back a request that was carried out."""
        self._store.remove(_RESUME + order.scope)

    def holds(self) -> tuple[Order, ...]:
        """Return the holds. One that cannot be read is a hold all the same."""
        return self._of(_HOLD)

    def hold_on(self, group_id: str) -> Order | None:
        """Return the hold that concerns a cluster, if there is one."""
        scopes = (EVERYTHING, group_id)
        return next((order for order in self.holds() if order.scope in scopes), None)

    def resumes_in(self, group_id: str) -> tuple[Order, ...]:
        """Return the requests that concern a cluster or its apps."""
        return tuple(order for order in self._of(_RESUME) if is_within(order.scope, group_id))

    def _of(self, kind: str) -> tuple[Order, ...]:
        loaded = sorted(self._store.load().items())
        return tuple(
            _decode(name.removeprefix(kind), data) for name, data in loaded if name.startswith(kind)
        )


class FileStore:
    """One file for each document, ``<directory>/orders/<name>.json``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "orders"

    def put(self, name: str, data: bytes) -> None:
        path = self._path(name)
        aside = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(data)
            aside.replace(path)
        except OSError as error:
            raise self._unusable(error) from error

    def remove(self, name: str) -> bool:
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._unusable(error) from error
        return True

    def load(self) -> Mapping[str, bytes]:
        try:
            paths = [path for path in self._directory.iterdir() if path.suffix == ".json"]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error) from error
        found = ((path, self._read(path)) for path in paths)
        return {unquote(path.stem): data for path, data in found if data is not None}

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:  # taken back meanwhile
            return None
        except OSError as error:
            raise self._unusable(error) from error

    def _path(self, name: str) -> Path:
        return self._directory / f"{quote(name, safe='')}.json"

    def _unusable(self, error: OSError) -> StateUnavailableError:
        return StateUnavailableError(str(self._directory), error.strerror or "cannot be used")


def is_within(an_id: str, group_id: str) -> bool:
    """Whether a group or app is this group, or below it."""
    return an_id == group_id or an_id.startswith(group_id.rstrip("/") + "/")


def _encode(order: Order) -> bytes:
    document = {"by": order.by, "at": order.at.isoformat(), "reason": order.reason}
    return json.dumps(document, ensure_ascii=False).encode()


def _decode(scope: str, data: bytes) -> Order:
    try:
        document = json.loads(data)
        at = datetime.fromisoformat(document["at"])
        return Order(scope, str(document["by"]), at, str(document.get("reason", "")))
    except (ValueError, KeyError, TypeError):
        return Order(scope, "somebody", datetime.fromtimestamp(0, UTC), "the order is unreadable")
