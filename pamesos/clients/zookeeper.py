"""ZooKeeper, as far as the watchers need it: an election, a guarded list, a few documents.

Nothing is retried inside: whoever acts on an answer must know how old it is. Every failure, a
timeout included, is a StateUnavailableError.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import (
    BadVersionError,
    KazooException,
    NodeExistsError,
    NoNodeError,
    RolledBackError,
    RuntimeInconsistency,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import KazooState
from kazoo.retry import KazooRetry

from pamesos.errors import SettingsError, StateUnavailableError

DEFAULT_PORT = 2181
#: An answer that takes longer is no answer.
CALL_S = 2.0
#: What the parts of a transaction answer when its condition does not hold.
_CONDITION_FAILED = (RolledBackError, RuntimeInconsistency, NodeExistsError, BadVersionError)
_FAILURES = (KazooException, KazooTimeoutError, OSError)


@dataclass(frozen=True)
class Address:
    """``hosts`` as the library takes them; ``root`` without a slash at its end."""

    hosts: str
    root: str

    @property
    def url(self) -> str:
        return f"zk://{self.hosts}{self.root}"


@dataclass(frozen=True)
class Leader:
    """Who leads: the session that owns the znode, and the transaction that made it."""

    session: int
    czxid: int


def parse_url(url: str) -> Address:
    """Return the address in ``zk://h1:2181,h2:2181/pamesos``. Raises SettingsError."""
    rest = url.removeprefix("zk://")
    hosts, _, path = rest.partition("/")
    names = [host.strip() for host in hosts.split(",")]
    if rest == url or "@" in hosts or not all(map(_is_host, names)) or not path.strip("/"):
        raise SettingsError(
            f"{url.rpartition('@')[2]!r} is no address of ZooKeeper",
            remedy="give one such as zk://h1:2181,h2:2181/pamesos (--zookeeper, PAMESOS_ZOOKEEPER)",
        )
    whole = (name if ":" in name else f"{name}:{DEFAULT_PORT}" for name in names)
    return Address(",".join(whole), "/" + path.strip("/"))


def _is_host(name: str) -> bool:
    host, colon, port = name.rpartition(":")
    return bool(name) if not colon else bool(host) and port.isdigit() and 0 < int(port) < 65536


class ZooKeeper:
    """One session below ``address.root``; paths are relative to it."""

    def __init__(
        self,
        address: Address,
        *,
        session_s: float = 10.0,
        on_connection: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """``on_connection`` hears whether there is a connection, from the library's thread."""
        # It would write lines of its own between ours; what matters is said by who uses this.
        logging.getLogger("kazoo").setLevel(logging.CRITICAL)
        self.address = address
        self._on_connection = on_connection
        forever = KazooRetry(max_tries=-1, delay=0.1, max_delay=1.0, ignore_expire=True)
        self._client = KazooClient(
            hosts=address.hosts, timeout=session_s, connection_retry=forever, command_retry=None
        )
        self._client.add_listener(self._listen)

    @property
    def session(self) -> int:
        """The id of the session; 0 without one."""
        known: tuple[int, bytes] | None = self._client.client_id
        return known[0] if known is not None else 0

    def start(self, wait_s: float = 0.0) -> None:
        """Begin to connect, for ever; with ``wait_s`` raise if it takes longer than that."""
        connected = self._client.start_async()
        if wait_s and not connected.wait(wait_s):
            self.stop()
            raise self._away("it cannot be reached")

    def stop(self) -> None:
        """End the session, within about a second even if the server is silent."""
        # The library waits for the server's goodbye, longer than a stop may take.
        end = threading.Thread(target=self._end, name="zookeeper-end", daemon=True)
        end.start()
        end.join(1.0)

    def prepare(self, *names: str) -> None:
        """Make these znodes, if they are not there."""
        for name in names:
            try:
                made = self._client.ensure_path_async(self._path(name))
                made.get(timeout=CALL_S)
            except _FAILURES as error:
                raise self._failed(error) from error

    def leader(self, name: str, on_change: Callable[[object], None] | None = None) -> Leader | None:
        """Return who owns this znode; ``on_change`` is called once when that changes.

        Give the same function each time: the library keeps every other one.
        """
        stat = self._call(self._client.exists_async, name, on_change)
        return None if stat is None else Leader(stat.ephemeralOwner, stat.czxid)

    def take(self, name: str, epoch: str, data: bytes) -> bool:
        """Become the leader and raise the epoch, both or neither; False if another one leads."""
        transaction = self._client.transaction()
        transaction.create(self._path(name), data, ephemeral=True)
        transaction.set_data(self._path(epoch), data)
        return self._commit(transaction)

    def version(self, name: str) -> int:
        stat = self._call(self._client.exists_async, name)
        return -1 if stat is None else int(stat.version)

    def append(self, parent: str, data: bytes, guard: tuple[str, int]) -> bool:
        """Add to a list, if the guard's version still is that; False if it is not."""
        transaction = self._client.transaction()
        transaction.check(self._path(guard[0]), guard[1])
        transaction.create(self._path(f"{parent}/l-"), data, sequence=True)
        return self._commit(transaction)

    def children(self, name: str, on_change: Callable[[object], None] | None = None) -> list[str]:
        """Return the names below a znode, in order; none if it is not there."""
        try:
            found = self._client.get_children_async(self._path(name), on_change).get(timeout=CALL_S)
        except NoNodeError:
            return []
        except _FAILURES as error:
            raise self._failed(error) from error
        return sorted(found)

    def get_all(self, parent: str, names: Iterable[str]) -> dict[str, bytes]:
        """Return the data of these children; all are asked for before the first answer."""
        asked = {name: self._client.get_async(self._path(f"{parent}/{name}")) for name in names}
        found = {}
        for name, answer in asked.items():
            try:
                found[name] = answer.get(timeout=CALL_S)[0]
            except NoNodeError:
                continue
            except _FAILURES as error:
                raise self._failed(error) from error
        return found

    def put(self, name: str, data: bytes) -> None:
        try:
            self._client.create_async(self._path(name), data, makepath=True).get(timeout=CALL_S)
        except NodeExistsError:
            self._call(self._client.set_async, name, data)
        except _FAILURES as error:
            raise self._failed(error) from error

    def delete(self, name: str) -> bool:
        """Return whether it was there."""
        try:
            self._client.delete_async(self._path(name)).get(timeout=CALL_S)
        except NoNodeError:
            return False
        except _FAILURES as error:
            raise self._failed(error) from error
        return True

    def _commit(self, transaction: Any) -> bool:
        try:
            results = transaction.commit_async().get(timeout=CALL_S)
        except _FAILURES as error:
            raise self._failed(error) from error
        failed = [result for result in results if isinstance(result, Exception)]
        for failure in failed:
            if not isinstance(failure, _CONDITION_FAILED):
                raise self._failed(failure)
        return not failed

    def _call(self, function: Callable[..., Any], name: str, *arguments: Any) -> Any:
        try:
            return function(self._path(name), *arguments).get(timeout=CALL_S)
        except _FAILURES as error:
            raise self._failed(error) from error

    def _path(self, name: str) -> str:
        return f"{self.address.root}/{name}"

    def _listen(self, state: str) -> None:
        self._on_connection(state == KazooState.CONNECTED)

    def _end(self) -> None:
        try:
            self._client.stop()
            self._client.close()
        except Exception:  # noqa: S110 - the session is over for us either way
            pass

    def _failed(self, error: Exception) -> StateUnavailableError:
        silent = isinstance(error, KazooTimeoutError)
        return self._away("it does not answer" if silent else str(error) or type(error).__name__)

    def _away(self, detail: str) -> StateUnavailableError:
        return StateUnavailableError(self.address.url, detail)
