"""Options that several commands share, and the values that they become."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pamesos.config.settings import Settings
    from pamesos.core.model import Submission

F = TypeVar("F", bound=Callable[..., Any])
#: In the context's ``meta``: a function that returns the settings as they are now.
SETTINGS_KEY = "pamesos.settings"

_MARATHON_OPTIONS = (
    click.option(
        "--marathon",
        "marathon_url",
        multiple=True,
        metavar="URL",
        help="Address of Marathon; several (repeated, or by commas) are its masters.  "
        "[env: PAMESOS_MARATHON_URL]",
    ),
    click.option("--user", "marathon_user", help="User for basic authentication."),
    click.option(
        "--password-file",
        "marathon_password_file",
        metavar="FILE",
        help="File with that user's password.",
    ),
    click.option(
        "--token-file",
        "marathon_token_file",
        metavar="FILE",
        help="File with a bearer token; read again when it changes.",
    ),
    click.option(
        "--ca-bundle",
        "marathon_ca_bundle",
        metavar="FILE",
        help="Certificate authorities to trust.",
    ),
    click.option(
        "--client-cert", "marathon_client_cert", metavar="FILE", help="Client certificate (PEM)."
    ),
    click.option(
        "--client-key", "marathon_client_key", metavar="FILE", help="Its private key (PEM)."
    ),
    click.option(
        "--settings",
        "settings_file",
        metavar="FILE",
        help="Settings file.  [env: PAMESOS_SETTINGS; default: ~/.config/pamesos/settings.yaml]",
    ),
)


def marathon_options(command: F) -> F:
    """Give a command the options of a Marathon connection; it gets them as ``settings``.

    Each also is a variable, ``PAMESOS_MARATHON_USER`` and so on.
    """

    @functools.wraps(command)
    def with_settings(*args: Any, **kwargs: Any) -> Any:
        flags = {
            name.removeprefix("marathon_"): kwargs.pop(name)
            for name in list(kwargs)
            if name.startswith("marathon_")
        }
        file = kwargs.pop("settings_file")
        settings = _load(flags, file)
        # For a command that reads them again while it runs.
        click.get_current_context().meta[SETTINGS_KEY] = lambda: _load(flags, file)
        return command(*args, settings=settings, **kwargs)

    wrapped: Any = with_settings
    for option in reversed(_MARATHON_OPTIONS):
        wrapped = option(wrapped)
    result: F = wrapped
    return result


def _load(flags: dict[str, Any], settings_file: str | None) -> Settings:
    from pamesos.config.settings import load_settings

    return load_settings(flags, settings_file=settings_file)


def description_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add FILE, ``-e`` and ``--set``; the command gets ``file``, ``overrides`` and ``sets``."""
    for option in (
        click.option(
            "--set",
            "sets",
            multiple=True,
            metavar="PATH=VALUE",
            help="Change one value, e.g. nodeSources.default.nodes=5. May be repeated.",
        ),
        click.option(
            "-e",
            "--extend",
            "overrides",
            multiple=True,
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Lay this file over the description. May be repeated.",
        ),
        click.argument("file", type=click.Path(path_type=Path, allow_dash=True)),
    ):
        command = option(command)
    return command


def load_submission(file: Path, overrides: tuple[Path, ...], sets: tuple[str, ...]) -> Submission:
    """Load a description with the environment of this process."""
    import os

    from pamesos.config.description import load

    return load(file, overrides=overrides, sets=sets, environ=os.environ)
