"""``pamesos local fault``: makes things fail in an embedded Marathon that runs with --control."""

from __future__ import annotations

import json
from typing import Any

import click

from pamesos.errors import InvalidInputError, MarathonUnavailableError

TASK_OPS = ("fail", "finish", "hang", "resume", "lose", "unreachable", "return")
AGENT_OPS = ("unreachable", "up", "gone", "lost")


@click.group()
@click.option(
    "--url",
    envvar="PAMESOS_MARATHON_URL",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="The embedded Marathon; it has to be started with --control.",
)
@click.pass_context
def fault(context: click.Context, url: str) -> None:
    """Make tasks, agents, offers, streams or API calls of the embedded Marathon fail."""
    context.obj = url


@fault.command()
@click.argument("op", type=click.Choice(TASK_OPS))
@click.argument("task_id")
@click.option("--message", help="What Mesos says of its end.")
@click.pass_obj
def task(url: str, op: str, task_id: str, message: str | None) -> None:
    """Fail, finish, hang, resume or lose a task, or take it out of reach and back."""
    _tell(url, "task", {"id": task_id, "op": op, "message": message})


@fault.command("app")
@click.argument("app_id")
@click.argument("members", nargs=-1, required=True, metavar="NAME=VALUE…")
@click.pass_obj
def app_(url: str, app_id: str, members: tuple[str, ...]) -> None:
    """Say what simulated tasks of an app ("*": of all) do from their next start.

    startMs, runMs, killMs, hang, instead, after, afterMs, message, health, httpCode, httpBody,
    deaf; clear=1 forgets what was said.
    """
    pairs = dict(member.partition("=")[::2] for member in members)
    _tell(url, "behaviour", {"app": app_id, **pairs})


@fault.command()
@click.argument("op", type=click.Choice(AGENT_OPS))
@click.argument("agent_id")
@click.pass_obj
def agent(url: str, op: str, agent_id: str) -> None:
    """Take an agent out of reach, back up, or away for good."""
    _tell(url, "agent", {"id": agent_id, "op": op})


@fault.command()
@click.argument("op", type=click.Choice(["pause", "resume"]))
@click.pass_obj
def offers(url: str, op: str) -> None:
    """Pause or resume all offers."""
    _tell(url, "offers", {"op": op})


@fault.command()
@click.pass_obj
def streams(url: str) -> None:
    """Cut off every reader of the event stream."""
    _tell(url, "streams", {"op": "drop"})


@fault.command()
@click.argument("path")
@click.option("--method", help="Only calls of this method.")
@click.option("--times", type=click.IntRange(min=1), help="So many calls, then no more.")
@click.option("--status", type=click.IntRange(100, 599), help="Answer with this status.")
@click.option("--body", default="", help="…and this body.")
@click.option("--delay-ms", "delay_ms", type=click.FloatRange(min=0), help="Answer so late.")
@click.option("--clear", is_flag=True, help="Forget all rules; PATH is ignored.")
@click.pass_obj
def calls(url: str, /, path: str, **rule: Any) -> None:
    """Delay or fail API calls whose path begins with PATH."""
    names = {"delay_ms": "delayMs"}
    given = {names.get(name, name): value for name, value in rule.items() if value is not None}
    _tell(url, "calls", {"path": path, **given})


@fault.command()
@click.option("--gap-ms", "gap_ms", default=2000.0, show_default=True, help="Without a leader.")
@click.pass_obj
def leader(url: str, gap_ms: float) -> None:
    """Change the leader: streams are cut, and calls fail as long as there is none."""
    _tell(url, "leader", {"gapMs": gap_ms})


def _tell(url: str, what: str, body: dict[str, Any]) -> None:
    from pamesos.local import control

    try:
        answer = control.tell(url, what, {k: v for k, v in body.items() if v is not None})
    except control.RefusedError as error:
        raise InvalidInputError(str(error), remedy=error.remedy) from error
    except OSError as error:
        raise MarathonUnavailableError(
            url,
            str(error),
            remedy="start one with `pamesos local --control`, or name it with --url",
        ) from error
    click.echo(json.dumps(answer))
