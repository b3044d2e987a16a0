"""`pamesos watch`: run the watcher in the foreground until a signal ends it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pamesos.cli.options import SETTINGS_KEY, marathon_options
from pamesos.cli.outside import Outside, outside_options, seen_from_outside
from pamesos.cli.state import open_state, state_options

if TYPE_CHECKING:
    from pamesos.config.settings import Settings
    from pamesos.core.jobs import Credentials
    from pamesos.engine.watching.daemon_follow import Reach
    from pamesos.engine.watching.rm_eye import Rm


@click.command()
@click.argument("clusters", nargs=-1, metavar="[CLUSTER]...")
@state_options
@click.option(
    "--session-timeout",
    type=click.FloatRange(2, 30),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="With --zookeeper: another watcher takes over after this time.",
)
@click.option("--dry-run", is_flag=True, help="Only log what would be done.")
@outside_options
@marathon_options
def watch(
    clusters: tuple[str, ...],
    *,
    state_dir: Path,
    zookeeper: str | None,
    session_timeout: float,
    dry_run: bool,
    outside: Outside,
    settings: Settings,
) -> None:
    """Watch clusters and bring failed nodes back.

    Without CLUSTER it watches all clusters that pamesos submitted, new ones too. It runs until
    SIGTERM or Ctrl-C, reads its settings again on SIGHUP, and logs to standard error: readable on
    a terminal, JSON otherwise.
    """
    from pamesos import log
    from pamesos.core.names import group_id
    from pamesos.engine.watching.daemon import WatchDaemon, WatchOptions
    from pamesos.engine.watching.publish import Board

    log.configure()
    first = [_reach(settings)]
    load = _reader(click.get_current_context().meta[SETTINGS_KEY], first)
    options = WatchOptions(tuple(group_id(name) for name in clusters), dry_run)
    state, board = open_state(state_dir, zookeeper, session_timeout), Board()
    state.lines = board.listen_to(state.lines)
    daemon = WatchDaemon(load, state, options, board=board)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: daemon.stop())
    signal.signal(signal.SIGHUP, lambda *_: daemon.reload())
    with seen_from_outside(outside, board, _shown(settings), options.pace.full_read_s):
        daemon.run()


def _shown(settings: Settings) -> str:
    """Return the address of Marathon as a page may show it."""
    from pamesos.clients.failures import without_credentials

    return without_credentials(settings.marathon.urls[0])


def _reader(read_settings: Callable[[], Settings], first: list[Reach]) -> Callable[[], Reach]:
    """Return a function that gives ``first`` once, then what the settings say at that time."""
    return lambda: first.pop() if first else _reach(read_settings())


def _reach(settings: Settings) -> Reach:
    from pamesos.config.credentials import load_credentials
    from pamesos.engine.watching.daemon_follow import Reach

    credentials = load_credentials(
        user=settings.proactive_user,
        password_file=settings.proactive_password_file,
        warn=lambda text: click.echo(f"pamesos: {text}", err=True),
    )
    return Reach(settings.marathon, credentials, _rm_connector(credentials))


def _rm_connector(credentials: Credentials) -> Callable[[str], Rm]:
    from pamesos.clients.proactive import ProActiveClient

    def connect(url: str) -> Rm:
        # The watcher asks again by itself; a retry inside would only make its view older.
        return ProActiveClient(url, credentials, retry_for_s=0)

    return connect
