"""How a command that changed a cluster ends: what it says of the verdict, and its exit status."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from pamesos.errors import ExitStatus

if TYPE_CHECKING:
    from pamesos.core.verdict import Verdict
    from pamesos.engine.submit import Outcome


def finish(outcome: Outcome, name: str) -> None:
    from pamesos.core.verdict import Succeeded

    cluster = name.strip("/")
    if outcome.verdict is None:
        click.echo(f"not waiting; `pamesos status {cluster}` shows how far it is")
    elif isinstance(outcome.verdict, Succeeded):
        apps = outcome.verdict.progress
        what = apps[0].app_id if len(apps) == 1 else name
        parts = ["unchanged"] if outcome.unchanged else []
        parts += [f"{len(apps)} apps"] if len(apps) > 1 else []
        parts.append(_count(sum(uptime.wanted for uptime in apps), "task"))
        click.echo(f"{what} is up: {', '.join(parts)}")
    else:
        report_failure(outcome.verdict, cluster)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def report_failure(verdict: Verdict, cluster: str) -> NoReturn:
    from pamesos.core import verdict as v

    look = f"`pamesos status {cluster}` shows what runs, `pamesos logs {cluster}` what it wrote"
    endings: dict[type[Any], tuple[str, str, ExitStatus]] = {
        v.Failed: ("failed", f"{look}; Marathon goes on trying", ExitStatus.FAILED),
        v.Cancelled: ("was cancelled", look, ExitStatus.CANCELLED),
        v.Superseded: ("was superseded", look, ExitStatus.SUPERSEDED),
        v.TimedOut: (
            "is not up in time",
            f"{look}; Marathon goes on; a longer --timeout waits longer",
            ExitStatus.TIMED_OUT,
        ),
    }
    words, remedy, status = endings[type(verdict)]
    fail(f"{cluster} {words}: {getattr(verdict, 'cause', '')}", remedy, status)


def fail(problem: str, remedy: str, status: ExitStatus) -> NoReturn:
    click.echo(f"pamesos: {problem}\nTry: {remedy}", err=True)
    sys.exit(int(status))
