"""Where the watchers keep what they share: the options that name it, and the way to it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pamesos.engine.watching.state import Shared, State


def state_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--state-dir`` and ``--zookeeper``."""
    for option in (
        click.option(
            "--zookeeper",
            envvar="PAMESOS_ZOOKEEPER",
            metavar="URL",
            help="Where several watchers elect their leader and keep the journal, such as "
            "zk://h1:2181,h2:2181/pamesos.  [env: PAMESOS_ZOOKEEPER]",
        ),
        click.option(
            "--state-dir",
            envvar="PAMESOS_STATE_DIR",
            type=click.Path(path_type=Path, file_okay=False),
            default=default_state_dir,
            help="Where a single watcher keeps its journal.  [env: PAMESOS_STATE_DIR; "
            "default: $XDG_STATE_HOME/pamesos/watch or ~/.local/state/pamesos/watch]",
        ),
    ):
        command = option(command)
    return command


def default_state_dir() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "pamesos" / "watch"


def open_state(directory: Path, zookeeper: str | None) -> State:
    """Return the state of a daemon. Raises SettingsError, StateUnavailableError."""
    from pamesos.engine.watching.state import FileState

    return FileState(directory)


@contextlib.contextmanager
def look_at_state(directory: Path, zookeeper: str | None) -> Iterator[Shared]:
    """Reach what the daemons share, beside them: without their lock, without a mandate."""
    from pamesos.engine.watching.state import Shared

    yield Shared.files(directory)
