"""What a command says while it waits: one line per change, or a live table on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table


class Progress(Protocol):
    """Where news of a wait go."""

    def note(self, words: str) -> None:
        """Say something that is not about one app."""
        ...

    def app(self, app_id: str, words: str) -> None:
        """Say the new state of an app."""
        ...


def _now() -> str:
    return f"{datetime.now(UTC):%H:%M:%SZ}"


class PlainProgress:
    """One line per change, with the time in UTC."""

    def note(self, words: str) -> None:
        click.echo(f"{_now()}  {words}")

    def app(self, app_id: str, words: str) -> None:
        click.echo(f"{_now()}  {app_id}  {words}")


class LiveProgress:
    """A table of the apps that is drawn anew at each change; notes scroll above it."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._rows: dict[str, tuple[str, str]] = {}

    def note(self, words: str) -> None:
        self._live.console.print(f"{_now()}  {words}", markup=False, highlight=False)

    def app(self, app_id: str, words: str) -> None:
        self._rows[app_id] = (_now(), words)
        self._live.update(self._table(), refresh=True)

    def _table(self) -> Table:
        from rich.markup import escape
        from rich.table import Table

        table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
        for app_id, (since, words) in self._rows.items():
            table.add_row(since, escape(app_id), escape(words))
        return table


def progress() -> AbstractContextManager[Progress]:
    """Return a live table on a terminal, plain lines otherwise."""
    return _live() if sys.stdout.isatty() else nullcontext(PlainProgress())


@contextmanager
def _live() -> Iterator[Progress]:
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        yield LiveProgress(live)
