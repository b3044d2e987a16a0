"""What a daemon shares with its successor and its peers: journal, orders, mandate."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pamesos.engine.watching.hold import FileStore, Orders
from pamesos.engine.watching.journal import FileLines, FileReader, Lines
from pamesos.engine.watching.leader import Alone, Mandate
from pamesos.errors import SettingsError


class State(Protocol):
    """Where the daemon's memory and its right to act are kept."""

    lines: Lines
    orders: Orders
    mandate: Mandate

    def start(self, on_change: Callable[[], None]) -> None:
        """Begin; ``on_change`` is called from any thread when orders or the mandate changed."""

    def tick(self) -> None:
        """Look for changes that nothing announces. Called about every second."""

    def stop(self) -> None:
        """Give the mandate back; called when nothing acts any more."""


@dataclass(frozen=True)
class Shared:
    """What an operator's command sees of it."""

    lines: Lines
    orders: Orders

    @classmethod
    def files(cls, directory: Path) -> Shared:
        return cls(FileReader(directory), Orders(FileStore(directory)))


class FileState:
    """The state directory of the only daemon, kept by a lock file."""

    def __init__(self, directory: Path) -> None:
        """Raises SettingsError if it cannot be written, or another daemon has it."""
        self._directory = directory
        self._take_lock()
        self.lines: Lines = FileLines(directory)
        self.orders = Orders(FileStore(directory))
        self.mandate: Mandate = Alone()
        self._on_change: Callable[[], None] = lambda: None
        self._seen = self._stamp()

    def start(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change

    def tick(self) -> None:
        if (stamp := self._stamp()) != self._seen:
            self._seen = stamp
            self._on_change()

    def stop(self) -> None:
        self.lines.close()
        self._lock.close()

    def _stamp(self) -> int:
        try:
            return (self._directory / "orders").stat().st_mtime_ns
        except OSError:
            return 0

    def _take_lock(self) -> None:
        # Two daemons on one journal would each do what the other does.
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock = (self._directory / "watch.lock").open("a+")
        except OSError as error:
            raise SettingsError(
                f"the state directory {self._directory} cannot be used: {error.strerror}",
                remedy="give a directory that can be written with --state-dir",
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise SettingsError(
                f"another pamesos watch uses the state directory {self._directory}",
                remedy="end that one, give this one its own --state-dir, or let them share "
                "--zookeeper",
            ) from None
