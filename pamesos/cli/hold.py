"""`pamesos hold` and `pamesos resume`: keep the watchers from acting, and let them act again."""

from __future__ import annotations

import getpass
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pamesos.cli.state import look_at_state, state_options

if TYPE_CHECKING:
    from pamesos.engine.watching.hold import Order

_REASON = click.option("--reason", default="", help="Why; shown in status, logs and history.")


@click.command()
@click.argument("cluster", required=False)
@_REASON
@state_options
def hold(cluster: str | None, reason: str, state_dir: Path, zookeeper: str | None) -> None:
    """Let the watchers do nothing to CLUSTER, or to any cluster, until `pamesos resume`.

    They go on looking and saying what they see. An action that was sent already is not undone.
    """
    with look_at_state(state_dir, zookeeper) as state:
        state.orders.hold(_order(_scope(cluster), reason))
    command = " ".join(["pamesos resume", *([cluster] if cluster else [])])
    click.echo(f"{cluster or 'every cluster'} is held; `{command}` ends it")


@click.command()
@click.argument("what", required=False, metavar="[CLUSTER|APP]")
@_REASON
@state_options
def resume(what: str | None, reason: str, state_dir: Path, zookeeper: str | None) -> None:
    """End a hold; help apps again that the watcher gave up on.

    Without an argument it ends the hold of all clusters. With CLUSTER (or one APP, such as
    small/default) it ends that one's hold and lifts the give-ups there.
    """
    scope = _scope(what)
    with look_at_state(state_dir, zookeeper) as state:
        ended = state.orders.release(scope)
        if what is not None:
            state.orders.resume(_order(scope, reason))
        left = state.orders.hold_on(scope)
    click.echo(f"the hold of {what or 'every cluster'} is over" if ended else "it was not held")
    if what is not None:
        click.echo("what the watcher gave up on there gets a whole budget again")
    if left is not None:
        click.echo(f"still, every cluster is {left}; `pamesos resume` ends that")


def _scope(name: str | None) -> str:
    from pamesos.core.names import group_id
    from pamesos.engine.watching.hold import EVERYTHING

    return EVERYTHING if name is None else group_id(name)


def _order(scope: str, reason: str) -> Order:
    from pamesos.engine.watching.hold import Order

    by = f"{getpass.getuser()}@{socket.gethostname()}"
    return Order(scope, by, datetime.now(UTC), reason)
