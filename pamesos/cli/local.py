"""``pamesos local``: the embedded Marathon."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pamesos.errors import InvalidInputError

if TYPE_CHECKING:
    from pamesos.local.engine import Setup


def default_state_dir() -> Path:
    """Return where state and sandboxes are unless the user says otherwise."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "pamesos" / "local"


@click.command()
@click.option("--port", default=8080, show_default=True, help="0 takes any free port.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option(
    "--state-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where apps, tasks and sandboxes are kept over a restart."
    "  [default: $XDG_STATE_HOME/pamesos/local]",
)
@click.option("--cpus", default=32.0, show_default=True, help="CPUs that the agent offers.")
@click.option("--mem", default=65536.0, show_default=True, help="MiB of memory that it offers.")
@click.option(
    "--enable-features", default="", help="As of Marathon: secrets, gpu_resources, …, by commas."
)
@click.option("--default-network-name", help="As of Marathon: the network of apps that name none.")
@click.option(
    "--scale-apps-interval",
    "scale_apps_interval_s",
    type=click.FloatRange(min=0.1),
    default=300.0,
    show_default=True,
    help="As of Marathon: how often (s) apps with too few or too many instances are put right.",
)
def local(
    *,
    host: str,
    port: int,
    state_dir: Path | None,
    enable_features: str,
    default_network_name: str | None,
    **figures: float,
) -> None:
    """Run the embedded Marathon on this machine.

    Tasks are real processes. They end with it; after a crash they are taken over by the next one
    that is started with the same state directory.
    """
    from pamesos.local.definitions.settings import Settings
    from pamesos.local.engine import Setup
    from pamesos.local.server import InUseError, UnreadableStateError, serve

    where = (state_dir or default_state_dir()).absolute()
    features = frozenset(filter(None, map(str.strip, enable_features.split(","))))
    settings = Settings(features=features, default_network_name=default_network_name)
    setup = Setup(where, host, port, settings=settings, **figures)
    try:
        serve(setup, _announce)
    except InUseError as error:
        raise InvalidInputError(
            f"{error.what} cannot be used",
            remedy="stop the other `pamesos local`, or choose another --port and --state-dir",
        ) from error
    except UnreadableStateError as error:
        raise InvalidInputError(
            f"the state in {where} cannot be read: {error}",
            remedy="move it away, or choose another one with --state-dir",
        ) from error
    except OSError as error:
        raise InvalidInputError(
            f"the state directory {where} cannot be used: {error.strerror}",
            remedy="choose one that you may write to with --state-dir",
        ) from error


def _announce(setup: Setup) -> None:
    click.echo(f"Marathon (embedded) at {setup.url}")
    click.echo(f"State in {setup.state_dir}, sandboxes below {setup.work_dir}", err=True)
