"""``validate``, ``render`` and ``schema``: what a description is, without sending anything."""

from __future__ import annotations

import json
from pathlib import Path

import click

from pamesos.cli.options import description_options, load_submission


@click.command()
@description_options
def validate(file: Path, overrides: tuple[Path, ...], sets: tuple[str, ...]) -> None:
    """Check FILE without sending anything; - reads standard input."""
    from pamesos.core.show import summarize

    submission = load_submission(file, overrides, sets)
    for warning in submission.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(summarize(submission))


@click.command()
@description_options
@click.option("--show-secrets", is_flag=True, help="Print passwords instead of ******.")
def render(
    file: Path, overrides: tuple[Path, ...], sets: tuple[str, ...], *, show_secrets: bool
) -> None:
    """Print the Marathon group that FILE becomes."""
    from pamesos.core.show import masked

    submission = load_submission(file, overrides, sets)
    group = submission.group if show_secrets else masked(submission.group, submission.secrets)
    click.echo(json.dumps(group, indent=2, ensure_ascii=False))


@click.command()
def schema() -> None:
    """Print the JSON Schema of a description, for editors."""
    from pamesos.config.json_schema import description_schema

    click.echo(json.dumps(description_schema(), indent=2, ensure_ascii=False))
