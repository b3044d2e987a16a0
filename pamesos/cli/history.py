"""`pamesos history`: what the watcher did to a cluster, and why; read from its journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pamesos.cli.state import look_at_state, state_options

if TYPE_CHECKING:
    from pamesos.engine.watching.journal import Entry

HEADER = ("TIME", "ACTION", "SUBJECT", "REASON", "OUTCOME")


@click.command()
@click.argument("cluster")
@click.option("--actions", is_flag=True, help="Leave out what was only noted, such as failures.")
@click.option(
    "-n", "--last", type=click.IntRange(min=1), metavar="N", help="Only the last N of them."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json"]),
    default="table",
    show_default=True,
    help="How to print it.",
)
@state_options
def history(
    cluster: str,
    *,
    actions: bool,
    last: int | None,
    output: str,
    state_dir: Path,
    zookeeper: str | None,
) -> None:
    """Print what the watcher did to CLUSTER, oldest first, from its journal."""
    from pamesos.core.names import group_id
    from pamesos.engine.watching.journal import Journal

    with look_at_state(state_dir, zookeeper) as state:
        entries = Journal(state.lines, group_id(cluster)).entries()
    shown = [entry for entry in entries if not (actions and entry.note)]
    shown = shown[-last:] if last else shown
    if output == "json":
        documents = [_as_json(entry) for entry in shown]
        click.echo(json.dumps(documents, indent=2, ensure_ascii=False))
    elif not shown:
        click.echo(f"the watcher did nothing to {group_id(cluster)} yet")
    else:
        _print_table(shown, wide=output == "wide")


def _print_table(entries: list[Entry], *, wide: bool) -> None:
    from pamesos.cli.status_view import table, width

    rows = [HEADER, *(_row(entry) for entry in entries)]
    for line in table(rows, 10_000 if wide else width()):
        click.echo(line)


def _row(entry: Entry) -> tuple[str, ...]:
    outcome = "-" if entry.note else entry.outcome or "unknown: cut off"
    time = f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}"
    return (time, entry.action, _short(entry.subject), _reason(entry) or "-", outcome)


def _short(subject: str) -> str:
    # An entry of the RM is known by its name, the last part of its URL.
    return subject.rpartition("/")[2] if "://" in subject else subject or "-"


def _reason(entry: Entry) -> str:
    text = entry.fields.get("reason") or entry.fields.get("message") or ""
    return " ".join(str(text).split())


def _as_json(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": entry.at.isoformat(),
        "action": entry.action,
        "note": entry.note,
        "subject": entry.subject,
        "appId": entry.fields.get("app_id"),
        "reason": _reason(entry),
        "outcome": entry.outcome,
    }
