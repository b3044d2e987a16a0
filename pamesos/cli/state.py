"""Where the watchers keep what they share: the options that name it, and the way to it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from pamesos.errors import SettingsError

if TYPE_CHECKING:
    from pamesos.engine.watching.state import Shared, State

#: An operator's command waits so long for ZooKeeper.
CONNECT_S = 10.0


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


def open_state(directory: Path, zookeeper: str | None, session_s: float) -> State:
    """Return the state of a daemon. Raises SettingsError."""
    if zookeeper:
        parse_url = _library().parse_url
        from pamesos.engine.watching.leader_zookeeper import ZooKeeperState

        return ZooKeeperState(parse_url(zookeeper), session_s=session_s)
    from pamesos.engine.watching.state import FileState

    return FileState(directory)


@contextlib.contextmanager
def look_at_state(directory: Path, zookeeper: str | None) -> Iterator[Shared]:
    """Reach what the daemons share, beside them: without their lock, without a mandate.

    Raises SettingsError, StateUnavailableError.
    """
    from pamesos.engine.watching.state import Shared

    if not zookeeper:
        yield Shared.files(directory)
        return
    library = _library()
    from pamesos.engine.watching.hold import Orders
    from pamesos.engine.watching.leader_zookeeper import ZooKeeperLines, ZooKeeperStore

    session = library.ZooKeeper(library.parse_url(zookeeper))
    session.start(wait_s=CONNECT_S)
    try:
        yield Shared(ZooKeeperLines(session, lambda: -1), Orders(ZooKeeperStore(session)))
    finally:
        session.stop()


def _library() -> ModuleType:
    try:
        from pamesos.clients import zookeeper
    except ImportError as error:
        raise SettingsError(
            "ZooKeeper needs a library that is not installed",
            remedy="pip install 'pamesos[zookeeper]', or leave --zookeeper out",
        ) from error
    return zookeeper
