"""Who may act: the right to it, and what takes it away.

A single daemon has it for as long as it holds its lock file. Among several it is lent by ZooKeeper
(:mod:`pamesos.engine.watching.leader_zookeeper`).
"""

from __future__ import annotations

import threading
from typing import Protocol

from pamesos.engine.watching.hold import Orders
from pamesos.errors import StateUnavailableError


class Mandate(Protocol):
    """The right to act, which a daemon gains and loses."""

    @property
    def term(self) -> int:
        """A number that grows whenever the right is gained anew; 0 before the first time."""

    def refusal(self) -> str:
        """Return why this daemon may not act now; empty if it may. Never blocks for long."""

    def confirm(self) -> str:
        """As :meth:`refusal`, but asked of who lent the right, as is done before each action."""


class Alone:
    """The mandate of the only daemon."""

    term = 1

    def refusal(self) -> str:
        return ""

    def confirm(self) -> str:
        return ""


class Gate:
    """Everything that may keep one cluster's watcher from acting."""

    def __init__(self, group_id: str, mandate: Mandate, orders: Orders) -> None:
        self._group_id = group_id
        self._mandate = mandate
        self.orders = orders
        self._closed = threading.Event()
        self._term = mandate.term

    @property
    def term(self) -> int:
        """The term that is acted in since :meth:`begin`."""
        return self._term

    def begin(self) -> None:
        """Begin to look and decide; what is decided may be done in this term only.

        Lost and gained anew between, the right may have been another one's, who acted.
        """
        self._term = self._mandate.term

    def close(self) -> None:
        """Let nothing pass any more: the watcher is being stopped."""
        self._closed.set()

    def standby(self) -> str:
        """Return why another one acts, or nobody does; empty if it is on this daemon to act."""
        if self._closed.is_set():
            return "the watcher ends"
        changed = self._term != self._mandate.term
        return self._mandate.refusal() or ("the term has changed" if changed else "")

    def held(self) -> str:
        """Return why the operator wants no action; empty if nothing is held.

        Orders that cannot be read hold, too: one of them may be a hold.
        """
        try:
            order = self.orders.hold_on(self._group_id)
        except StateUnavailableError as error:
            return error.problem
        return str(order) if order is not None else ""

    def refusal(self) -> str:
        """Return why an action must not be sent now, asked afresh; empty if it may be."""
        return self._mandate.confirm() or self.standby() or self.held()
