"""`pamesos watch`: run the watcher in the foreground until a signal ends it."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from pamesos.cli.options import marathon_options
from pamesos.errors import SettingsError

if TYPE_CHECKING:
    from pamesos.config.settings import Settings
    from pamesos.core.jobs import Credentials
    from pamesos.engine.watching.rm_eye import Rm


@click.command()
@click.argument("clusters", nargs=-1, metavar="[CLUSTER]...")
@click.option(
    "--state-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where the journal of actions is kept.  "
    "[default: $XDG_STATE_HOME/pamesos/watch or ~/.local/state/pamesos/watch]",
)
@click.option("--dry-run", is_flag=True, help="Only log what would be done.")
@marathon_options
def watch(
    clusters: tuple[str, ...],
    state_dir: Path | None,
    dry_run: bool,
    settings: Settings,
) -> None:
    """Watch clusters and bring failed nodes back.

    Without CLUSTER it watches all clusters that pamesos submitted, new ones too. It runs until
    SIGTERM or Ctrl-C and logs to standard error: readable on a terminal, JSON otherwise.
    """
    from pamesos import log
    from pamesos.config.credentials import load_credentials
    from pamesos.core.names import group_id
    from pamesos.engine.watching.daemon import WatchDaemon, WatchOptions

    log.configure()
    directory = state_dir or _default_state_dir()
    held = _only_one(directory)
    credentials = load_credentials(
        user=settings.proactive_user,
        password_file=settings.proactive_password_file,
        warn=lambda text: click.echo(f"pamesos: {text}", err=True),
    )
    daemon = WatchDaemon(
        settings.marathon,
        _rm_connector(credentials),
        WatchOptions(tuple(group_id(name) for name in clusters), directory, dry_run),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stop())
    daemon.run()
    held.close()


def _rm_connector(credentials: Credentials) -> Callable[[str], Rm]:
    from pamesos.clients.proactive import ProActiveClient

    def connect(url: str) -> Rm:
        # The watcher asks again by itself; a retry inside would only make its view older.
        return ProActiveClient(url, credentials, retry_for_s=0)

    return connect


def _default_state_dir() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "pamesos" / "watch"


def _only_one(directory: Path) -> TextIO:
    """Hold a lock file: two daemons on one journal would each do what the other does."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / "watch.lock").open("a+")
    except OSError as error:
        raise SettingsError(
            f"the state directory {directory} cannot be used: {error.strerror}",
            remedy="give a directory that can be written with --state-dir",
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise SettingsError(
            f"another pamesos watch uses the state directory {directory}",
            remedy="end that one, or give this one its own --state-dir",
        ) from None
    return file
