"""What of a watcher is seen from outside: the options of the status page and of the webhook."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pamesos.errors import SettingsError

if TYPE_CHECKING:
    from pamesos.clients.webhook import Webhook
    from pamesos.engine.watching.publish import Board
    from pamesos.engine.watching.timeline import Deed

F = TypeVar("F", bound=Callable[..., Any])

URL_VARIABLE = "PAMESOS_WEBHOOK_URL"
_MAX_BYTES = 4096
_OPTIONS = (
    click.option(
        "--listen",
        envvar="PAMESOS_LISTEN",
        metavar="[HOST:]PORT",
        help="Serve the status page, /metrics, /healthz and /readyz here, read-only; a port alone "
        "is on loopback. Off without it.  [env: PAMESOS_LISTEN]",
    ),
    click.option(
        "--webhook-file",
        envvar="PAMESOS_WEBHOOK_FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help=f"File with the URL that hears of repairs, holds and give-ups.  [env: {URL_VARIABLE} "
        "for the URL itself, PAMESOS_WEBHOOK_FILE]",
    ),
    click.option(
        "--webhook-form",
        envvar="PAMESOS_WEBHOOK_FORM",
        type=click.Choice(["generic", "slack"]),
        default="generic",
        show_default=True,
        help="What is sent: JSON with all facts, or what Slack and Mattermost take.",
    ),
)


@dataclass(frozen=True)
class Outside:
    """The values of the options."""

    listen: str | None
    webhook_file: Path | None
    webhook_form: str


def outside_options(command: F) -> F:
    """Add the options; the command gets them as ``outside``."""

    @functools.wraps(command)
    def with_outside(*args: Any, **kwargs: Any) -> Any:
        values = [kwargs.pop(name) for name in ("listen", "webhook_file", "webhook_form")]
        return command(*args, outside=Outside(*values), **kwargs)

    wrapped: Any = with_outside
    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    result: F = wrapped
    return result


@contextlib.contextmanager
def seen_from_outside(
    options: Outside, board: Board, marathon_url: str, full_read_s: float
) -> Iterator[None]:
    """Serve the page and feed the webhook during the block. Raises SettingsError."""
    with contextlib.ExitStack() as stack:
        webhook = _webhook(options)
        if webhook is not None:
            _feed(webhook, board)
            webhook.start()
            stack.callback(webhook.stop)
        if options.listen:
            from pamesos.web.serve import serve

            counts = webhook.counts if webhook is not None else None
            server = serve(
                options.listen,
                board,
                marathon_url,
                full_read_s=full_read_s,
                webhook_counts=counts,
            )
            stack.callback(server.stop)
        yield


def _feed(webhook: Webhook, board: Board) -> None:
    from pamesos.engine.watching.announce import message_of

    def tell(deed: Deed) -> None:
        webhook.post(message_of(deed))

    board.subscribe(tell)


def _webhook(options: Outside) -> Webhook | None:
    url = _webhook_url(options.webhook_file)
    if not url:
        return None
    from pamesos.clients.webhook import Target, Webhook

    return Webhook(Target(url, options.webhook_form))


def _webhook_url(path: Path | None) -> str:
    """Return the secret address: of the file, else of the environment; never of a command line."""
    if path is None:
        return os.environ.get(URL_VARIABLE, "").strip()
    try:
        text = path.expanduser().read_bytes()[:_MAX_BYTES].decode().strip()
        fault = "" if text else "it is empty"
        fault = "it holds more than one line" if "\n" in text else fault
    except OSError as error:
        fault = error.strerror or "it cannot be read"
    except UnicodeDecodeError:
        # Raised anew below: the original error holds the bytes, which are the secret.
        fault = "it is not UTF-8 text"
    if fault:
        raise SettingsError(
            f"the webhook file {path} cannot be used: {fault}",
            remedy="write the webhook's URL as its only line",
        )
    return text
