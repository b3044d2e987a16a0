"""Put the status server together: the one thing of this package that the CLI calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pamesos
from pamesos.engine.watching.publish import Board
from pamesos.web.server import StatusServer, parse_address
from pamesos.web.site import Site
from pamesos.web.view import Links


def serve(
    listen: str,
    board: Board,
    marathon_url: str,
    *,
    full_read_s: float,
    webhook_counts: Callable[[], Mapping[str, int]] | None = None,
) -> StatusServer:
    """Serve a board; the caller stops the server. Raises SettingsError for the address.

    ``marathon_url`` must not hold credentials: it is shown.
    """
    links = Links(marathon_url, pamesos.__version__)
    site = Site(board, links, full_read_s=full_read_s, webhook_counts=webhook_counts)
    server = StatusServer(parse_address(listen), site)
    server.start()
    return server
