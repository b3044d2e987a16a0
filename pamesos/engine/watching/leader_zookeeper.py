"""Several daemons, one that acts: election, journal and orders in ZooKeeper (docs/adr/0009).

Below the root of ``--zookeeper``: ``leader`` (ephemeral, of the daemon that acts), ``epoch``
(raised by each election, together with the former or not at all), ``journal`` (the last lines) and
``orders``. An old leader cannot act late, for three reasons: its mandate ends by its own clock
before ZooKeeper would give it to another one; it asks ZooKeeper before each action; and each line
of the journal is written, before the action, under the condition that the epoch still is its own.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote, unquote

import structlog

from pamesos.clients.zookeeper import Address, ZooKeeper
from pamesos.engine.watching.hold import Orders
from pamesos.engine.watching.journal import Line, Lines, parse_line
from pamesos.engine.watching.leader import Mandate
from pamesos.errors import StateUnavailableError

log = structlog.get_logger()

LEADER, EPOCH, JOURNAL, ORDERS = "leader", "epoch", "journal", "orders"
#: Lines that are kept; more than any window needs, few enough to be read at a takeover.
KEPT_LINES = 2000
_TRIM_EVERY = 100
#: The mandate ends at this share of the session's time after it was last confirmed.
_SAFE_SHARE = 2 / 3


def _now() -> float:
    # Goes on while the machine sleeps, and nobody can set it.
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ElectedMandate:
    """The right to act, lent by ZooKeeper for a time and renewed."""

    def __init__(self, address: Address, session_s: float) -> None:
        self._session_s = session_s
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self.zookeeper = ZooKeeper(
            address, session_s=session_s, on_connection=self._connection_changed
        )
        self._lock = threading.Lock()
        self._connected = False
        self._until = 0.0
        self._gains = 0
        self._epoch = 0
        self._czxid = 0
        self._leads = False
        self._orders: list[str] = []
        self._problem = ""
        self._on_change: Callable[[], None] = lambda: None
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mandate", daemon=True)

    # -- asked by whoever wants to act -----------------------------------------------------------

    @property
    def term(self) -> int:
        """How often it was gained. After each gap the journal has to be read again: another one
        may have led, and an outcome may not have been written down.
        """
        return self._gains

    @property
    def epoch(self) -> int:
        """What the journal's lines are written under."""
        return self._epoch

    def refusal(self) -> str:
        if not self._connected:
            return "ZooKeeper does not answer"
        return "" if _now() < self._until else "another daemon leads"

    def confirm(self) -> str:
        try:
            self._renew()
        except StateUnavailableError as error:
            return error.problem
        return self.refusal()

    # -- the thread that keeps it ----------------------------------------------------------------

    def start(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self.zookeeper.start()
        self._thread.start()

    def stop(self) -> None:
        """Give it back: the end of the session lets another daemon take over at once."""
        self._stop.set()
        self._wake.set()
        self._until = 0.0
        self.zookeeper.stop()

    def _run(self) -> None:
        self._wake.wait(self._session_s / 3)  # for the connection; it need not be there at once
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self._renew(stand=True)
                self._look_at_orders()
                self._say("")
            except StateUnavailableError as error:
                self._say(error.detail)
            except Exception:  # a defect here must not leave the daemon without a leader for ever
                log.exception("mandate.failed")
            self._tell()
            self._wake.wait(self._session_s / 6)

    def _renew(self, *, stand: bool = False) -> None:
        """Ask who leads; with ``stand`` take over if nobody does. Raises StateUnavailableError."""
        asked_at = _now()
        leader = self.zookeeper.leader(LEADER, self._changed)
        if leader is None and stand and not self._stop.is_set():
            self.zookeeper.prepare(EPOCH, JOURNAL, ORDERS)
            self.zookeeper.take(LEADER, EPOCH, json.dumps({"by": self._name}).encode())
            asked_at = _now()
            leader = self.zookeeper.leader(LEADER, self._changed)
        with self._lock:
            if leader is None or leader.session != self.zookeeper.session:
                self._until = 0.0
                return
            if leader.czxid != self._czxid:
                self._epoch, self._czxid = self.zookeeper.version(EPOCH), leader.czxid
            if self._connected and not self._stop.is_set():
                self._gains += self._until <= _now()
                self._until = asked_at + _SAFE_SHARE * self._session_s

    def _changed(self, _event: object) -> None:
        self._wake.set()

    def _connection_changed(self, connected: bool) -> None:
        # In the library's thread: at once, and without a call.
        self._until = 0.0
        self._connected = connected
        self._wake.set()

    def _say(self, problem: str) -> None:
        if problem and not self._problem:
            log.warning("zookeeper.away", reason=problem)
        elif self._problem and not problem:
            log.info("zookeeper.back")
        self._problem = problem

    def _tell(self) -> None:
        leads = not self.refusal()
        if leads == self._leads:
            return
        self._leads = leads
        if leads:
            log.info("leader.gained", epoch=self._epoch, name=self._name)
        else:
            log.warning("leader.lost", epoch=self._epoch, reason=self.refusal())
        self._on_change()

    def _look_at_orders(self) -> None:
        orders = self.zookeeper.children(ORDERS, self._changed)
        if orders != self._orders:
            self._orders = orders
            self._on_change()


class ZooKeeperLines:
    """The journal's last lines, each a znode. ``epoch``: under which one they are written."""

    def __init__(self, zookeeper: ZooKeeper, epoch: Callable[[], int]) -> None:
        self._zookeeper = zookeeper
        self._epoch = epoch
        self._written = 0

    def append(self, line: Line) -> None:
        data = json.dumps(line, default=str, ensure_ascii=False).encode()
        if not self._zookeeper.append(JOURNAL, data, guard=(EPOCH, self._epoch())):
            raise StateUnavailableError(self._zookeeper.address.url, "another daemon leads")
        self._written += 1
        if self._written % _TRIM_EVERY == 0:
            self._trim()

    def read(self) -> Iterator[Line]:
        names = self._zookeeper.children(JOURNAL)
        found = self._zookeeper.get_all(JOURNAL, names)
        lines = (parse_line(found[name]) for name in names if name in found)
        return (line for line in lines if line is not None)

    def close(self) -> None:
        """The session is closed by its owner."""

    def _trim(self) -> None:
        try:
            for name in self._zookeeper.children(JOURNAL)[:-KEPT_LINES]:
                self._zookeeper.delete(f"{JOURNAL}/{name}")
        except StateUnavailableError:  # the next time will do
            return


class ZooKeeperStore:
    """Orders as znodes."""

    def __init__(self, zookeeper: ZooKeeper) -> None:
        self._zookeeper = zookeeper

    def put(self, name: str, data: bytes) -> None:
        self._zookeeper.put(f"{ORDERS}/{quote(name, safe='')}", data)

    def remove(self, name: str) -> bool:
        return self._zookeeper.delete(f"{ORDERS}/{quote(name, safe='')}")

    def load(self) -> Mapping[str, bytes]:
        found = self._zookeeper.get_all(ORDERS, self._zookeeper.children(ORDERS))
        return {unquote(name): data for name, data in found.items()}


class ZooKeeperState:
    """The state of a daemon that has peers."""

    def __init__(self, address: Address, *, session_s: float) -> None:
        self._mandate = ElectedMandate(address, session_s)
        zookeeper = self._mandate.zookeeper
        self.mandate: Mandate = self._mandate
        self.lines: Lines = ZooKeeperLines(zookeeper, lambda: self._mandate.epoch)
        self.orders = Orders(ZooKeeperStore(zookeeper))

    def start(self, on_change: Callable[[], None]) -> None:
        self._mandate.start(on_change)

    def tick(self) -> None:
        """Everything is announced by ZooKeeper."""

    def stop(self) -> None:
        self._mandate.stop()
