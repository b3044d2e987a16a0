"""The options of commands that take nodes away, and the login that a drain needs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pamesos.config.settings import Settings
    from pamesos.engine.drain import Drain, DrainRm


def drain_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--drain-deadline`` and ``--no-drain``, which the command gets as ``drain``.

    To be applied below ``marathon_options``: it needs the settings.
    """

    @functools.wraps(command)
    def with_drain(
        *args: Any, drain_deadline: float | None, no_drain: bool, settings: Settings, **kwargs: Any
    ) -> Any:
        drain = None if no_drain else _drain(drain_deadline, settings)
        return command(*args, drain=drain, settings=settings, **kwargs)

    deadline = click.option(
        "--drain-deadline",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="How long to wait for the workflow tasks of nodes that go. "
        "[default: the cluster's watch.drainDeadline, or 300]",
    )
    none = click.option("--no-drain", is_flag=True, help="Kill nodes with what runs on them.")
    return deadline(none(with_drain))


def _drain(deadline_s: float | None, settings: Settings) -> Drain:
    from pamesos.engine.drain import Drain

    def connect(url: str) -> DrainRm:
        from pamesos.clients.proactive import ProActiveClient
        from pamesos.config.credentials import load_credentials

        credentials = load_credentials(
            user=settings.proactive_user,
            password_file=settings.proactive_password_file,
            warn=lambda text: click.echo(f"pamesos: {text}", err=True),
        )
        return ProActiveClient(url, credentials)

    return Drain(connect, None if deadline_s is None else timedelta(seconds=deadline_s))
