"""``pamesos local``: the embedded Marathon, and faults in one that runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pamesos.cli.faults import fault
from pamesos.errors import InvalidInputError

if TYPE_CHECKING:
    from pamesos.local.engine import Setup
    from pamesos.local.launcher.agents import Agent


def default_state_dir() -> Path:
    """Return where state and sandboxes are unless the user says otherwise."""
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "pamesos" / "local"


@click.group(invoke_without_command=True)
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
    "--executor",
    type=click.Choice(["process", "simulated"]),
    default="process",
    show_default=True,
    help="Run tasks as processes, or only play that they run.",
)
@click.option(
    "--agent",
    "agent_specs",
    multiple=True,
    metavar="SPEC",
    help='An agent: "name;cpus:4;mem:8192;rack:a;ports:31000-32000". May be repeated.',
)
@click.option(
    "--agents",
    "agents_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A JSON list of agents.",
)
@click.option("--control", is_flag=True, help="Serve /control, where faults are made on demand.")
@click.option(
    "--ui",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder of a built Marathon UI, to be served at /ui/.",
)
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
@click.option(
    "--reconciliation-interval",
    "reconciliation_interval_s",
    type=click.FloatRange(min=0.1),
    default=600.0,
    show_default=True,
    help="As of Marathon: how often (s) unreachable instances are looked at again.",
)
@click.pass_context
def local(context: click.Context, /, **options: Any) -> None:
    """Run the embedded Marathon on this machine.

    Tasks are real processes. They end with it; after a crash they are taken over by the next one
    that is started with the same state directory. With --executor simulated nothing runs: tasks
    do what their app's PAMESOS_SIMULATE or `pamesos local fault` says.
    """
    if context.invoked_subcommand is None:
        _serve(_setup(options))


local.add_command(fault)


def _setup(options: dict[str, Any]) -> Setup:
    from pamesos.local.definitions.settings import Settings
    from pamesos.local.engine import Setup

    state_dir = (options.pop("state_dir") or default_state_dir()).absolute()
    features = options.pop("enable_features").split(",")
    settings = Settings(
        features=frozenset(filter(None, map(str.strip, features))),
        default_network_name=options.pop("default_network_name"),
    )
    agents = _agents(options.pop("agent_specs"), options.pop("agents_file"), options)
    _check_ui(options["ui"])
    return Setup(state_dir=state_dir, settings=settings, agents=agents, **options)


def _check_ui(folder: Path | None) -> None:
    if folder is not None and not (folder / "index.html").is_file():
        raise InvalidInputError(
            f"there is no user interface in {folder}: it has no index.html",
            remedy="give --ui the folder into which the UI was built",
        )


def _agents(
    specs: tuple[str, ...], file: Path | None, options: Mapping[str, Any]
) -> tuple[Agent, ...]:
    from pamesos.local.launcher import specs as reader

    try:
        text = None if file is None else file.read_text("utf-8")
        if not specs and text is None and options["executor"] == "simulated":
            return reader.simulated(options["cpus"], options["mem"])
        return reader.many(specs, text)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInputError(
            f"the file of agents {file} cannot be read: {error}", remedy="check --agents"
        ) from error
    except reader.BadAgentError as error:
        raise InvalidInputError(
            f"an agent cannot be understood: {error}",
            remedy='write it as "name;cpus:4;mem:8192;rack:a;ports:31000-32000"',
        ) from error


def _serve(setup: Setup) -> None:
    from pamesos.local.server import InUseError, UnreadableStateError, serve

    where = setup.state_dir
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
