"""The click group: commands are found by name and imported only when one is run."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

from pamesos.errors import ExitStatus, PamesosError

#: name -> (module of its family, one line of help). The help is here so that ``pamesos --help``
#: need not import the families.
COMMANDS: dict[str, tuple[str, str]] = {
    "validate": ("pamesos.cli.describe", "Check a description without sending anything."),
    "render": ("pamesos.cli.describe", "Print the Marathon group that a description becomes."),
    "schema": ("pamesos.cli.describe", "Print the JSON Schema of a description, for editors."),
    "submit": ("pamesos.cli.deploy", "Submit a cluster and follow it until it is truly up."),
    "scale": ("pamesos.cli.deploy", "Change the number of nodes of a node source."),
    "restart": ("pamesos.cli.deploy", "Restart a tier or a node source."),
    "destroy": ("pamesos.cli.deploy", "Take a cluster down: nodes, then scheduler, then database."),
    "status": ("pamesos.cli.inspect", "Show Marathon's view and the RM's side by side."),
    "logs": ("pamesos.cli.inspect", "Print a task's stdout or stderr from its sandbox."),
    "run": ("pamesos.cli.jobs", "Run a workflow and say which node ran which task."),
    "hold": ("pamesos.cli.hold", "Let the watchers do nothing until `resume`."),
    "resume": ("pamesos.cli.hold", "End a hold; help an app again that was given up."),
    "history": ("pamesos.cli.history", "Print what the watcher did, and why."),
    "watch": ("pamesos.cli.watch", "Watch a cluster and bring failed nodes back."),
    "local": ("pamesos.cli.local", "Run the embedded Marathon on this machine."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads one when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PamesosError as error:
            click.echo(f"pamesos: {error}", err=True)
            sys.exit(int(error.exit_status))
        except BrokenPipeError:
            sys.stderr.close()  # `pamesos render … | head` is no failure worth a traceback
            sys.exit(int(ExitStatus.FAILED))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pamesos", message="pamesos %(version)s")
def app() -> None:
    """Run ProActive clusters on Apache Mesos through Marathon.

    Marathon is found by --marathon, PAMESOS_MARATHON_URL or the settings file.
    """
