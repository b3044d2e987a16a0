"""``status`` and ``logs``: look, change nothing."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pamesos.cli.options import marathon_options
from pamesos.cli.state import look_at_state, state_options
from pamesos.errors import ExitStatus

if TYPE_CHECKING:
    from pamesos.clients.marathon import MarathonClient
    from pamesos.config.settings import Settings
    from pamesos.engine.logs import Tail
    from pamesos.engine.status import Connect, ResourceManager

Hold = Callable[[str], str]
#: How often `logs -f` asks the agents for more.
FOLLOW_S = 0.5


@click.command()
@click.argument("cluster", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json"]),
    default="table",
    show_default=True,
    help="How to print it.",
)
@state_options
@marathon_options
def status(
    cluster: str | None, *, output: str, state_dir: Path, zookeeper: str | None, settings: Settings
) -> None:
    """Show Marathon's view of CLUSTER and the RM's side by side; without CLUSTER list them.

    Ends with status 0 when all is up, 1 when something is not or cannot be read.
    """
    from pamesos.clients.marathon import MarathonClient

    client = MarathonClient(settings.marathon)
    hold = functools.partial(_hold, state_dir, zookeeper)
    if cluster is None:
        up = _list(client, output, hold)
    else:
        up = _one(client, cluster, output, settings, hold)
    sys.exit(int(ExitStatus.DONE if up else ExitStatus.FAILED))


def _hold(state_dir: Path, zookeeper: str | None, group_id: str) -> str:
    """Return why the watchers leave a cluster alone; empty if they do not."""
    from pamesos.errors import StateUnavailableError

    try:
        with look_at_state(state_dir, zookeeper) as state:
            order = state.orders.hold_on(group_id)
    except StateUnavailableError as error:
        return f"perhaps held: {error.problem}"
    return str(order) if order is not None else ""


def _one(client: MarathonClient, cluster: str, output: str, settings: Settings, hold: Hold) -> bool:
    from pamesos.cli import status_view
    from pamesos.engine.lifecycle import find_cluster
    from pamesos.engine.status import status_of

    seen = status_of(client, find_cluster(client, cluster), _connector(settings))
    held = hold(seen.group_id)
    if output == "json":
        _print_json({**status_view.as_json(seen), "hold": held or None})
    else:
        wide = output == "wide"
        columns = 10_000 if wide and not sys.stdout.isatty() else status_view.width()
        now = datetime.now(UTC)
        for line in status_view.show(seen, wide=wide, columns=columns, now=now):
            click.echo(line)
        if held:
            click.echo(f"\nwatcher: {held}")
    return seen.up


def _list(client: MarathonClient, output: str, hold: Hold) -> bool:
    from pamesos.cli import status_view
    from pamesos.engine.status import clusters

    found = clusters(client)
    if output == "json":
        _print_json(
            [
                {**status_view.as_json(line.status), "hold": hold(line.status.group_id) or None}
                for line in found
            ]
        )
    elif not found:
        click.echo("no clusters; `pamesos submit FILE` starts one")
    else:
        rows = [("CLUSTER", "STATE", "NODES", "APPS")]
        for line in found:
            running, wanted = line.status.nodes
            state = "up" if line.status.up else "NOT UP"
            rows.append((line.name, state, f"{running}/{wanted}", str(len(line.status.apps))))
        for text in status_view.table(rows, status_view.width()):
            click.echo(text)
        if held := hold("/"):
            click.echo(f"\nwatcher: {held}")
    return all(line.status.up for line in found)


def _print_json(value: Any) -> None:
    import json

    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _connector(settings: Settings) -> Connect:
    def connect(url: str) -> ResourceManager:
        from pamesos.clients.proactive import ProActiveClient
        from pamesos.config.credentials import load_credentials

        credentials = load_credentials(
            user=settings.proactive_user,
            password_file=settings.proactive_password_file,
            warn=lambda text: click.echo(f"pamesos: {text}", err=True),
        )
        # A look, not a wait: what cannot be read now is said at once.
        return ProActiveClient(url, credentials, retry_for_s=0)

    return connect


@click.command()
@click.argument("cluster")
@click.argument("what", required=False, metavar="[TIER|SOURCE|TASK]")
@click.option("--stderr", is_flag=True, help="Print stderr instead of stdout.")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is written from now on.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=None,
    metavar="N",
    help="Begin with the last N lines.  [default: all; with -f: 10]",
)
@marathon_options
def logs(
    cluster: str,
    what: str | None,
    *,
    stderr: bool,
    follow: bool,
    lines: int | None,
    settings: Settings,
) -> None:
    """Print what the tasks of CLUSTER wrote, read from their sandboxes by way of Mesos."""
    from pamesos.clients.marathon import MarathonClient
    from pamesos.clients.mesos import MesosClient
    from pamesos.engine.lifecycle import find_cluster
    from pamesos.engine.logs import Tail, open_sources

    client = MarathonClient(settings.marathon)
    group = find_cluster(client, cluster)
    mesos = MesosClient(_mesos_url(client), settings.marathon)
    sources = open_sources(mesos, group, what, "stderr" if stderr else "stdout")
    wanted = 10 if follow and lines is None else lines
    tails = [Tail(mesos, source, wanted) for source in sources]
    _print_tails(tails, follow=follow)


def _mesos_url(client: MarathonClient) -> str:
    from pamesos.errors import NotFoundError

    url = client.get_info().mesos_url
    if url is None:
        raise NotFoundError(
            "Marathon does not know the address of its Mesos master",
            remedy="start it with --mesos_leader_ui_url, or read the sandbox on the agent",
        )
    return url


def _print_tails(tails: list[Tail], *, follow: bool) -> None:
    from pamesos.engine.logs import follow as follow_tails

    def say(tail: Tail, line: str) -> None:
        prefix = f"{tail.source.name} | " if len(tails) > 1 else ""
        click.echo(prefix + line)

    if not follow:
        for tail in tails:
            for line in tail.new_lines(last=True):
                say(tail, line)
        return
    rest = threading.Event()

    def pause() -> bool:
        sys.stdout.flush()
        rest.wait(FOLLOW_S)
        return True

    try:
        follow_tails(tails, say, pause)
    except KeyboardInterrupt:
        sys.exit(int(ExitStatus.INTERRUPTED))
