"""Credentials on their way out: read late, sent only where they belong, never shown."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pamesos.core.connection import Connection
from pamesos.errors import SettingsError

if TYPE_CHECKING:
    import requests


class Credentials:
    """Makes the Authorization header; a token is read again when its file changes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._token = ""
        self._token_mark: tuple[int, int, int] | None = None

    def header(self) -> str | None:
        """Return the value of ``Authorization``, or None without credentials.

        Raises SettingsError if the token file cannot be read or is empty.
        """
        if self._connection.token_file is not None:
            return f"Bearer {self._read_token(self._connection.token_file)}"
        if self._connection.user is not None:
            pair = f"{self._connection.user}:{self._connection.password or ''}"
            return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
        return None

    def _read_token(self, token_file: str) -> str:
        path = Path(token_file)
        try:
            stat = path.stat()
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if mark != self._token_mark:
                self._token, self._token_mark = path.read_text("ascii").strip(), mark
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not plain text"
            raise SettingsError(
                f"the token file {token_file} cannot be read: {reason}",
                remedy="correct --token-file or PAMESOS_MARATHON_TOKEN_FILE",
            ) from None
        if not self._token:
            raise SettingsError(
                f"the token file {token_file} is empty",
                remedy="write the bearer token into it",
            )
        return self._token

    def for_requests(self) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
        """Return an auth hook; giving one always keeps requests from looking into ~/.netrc."""

        def apply(request: requests.PreparedRequest) -> requests.PreparedRequest:
            header = self.header()
            if header is not None:
                request.headers["Authorization"] = header
            return request

        return apply


def origin(url: str) -> tuple[str, str, int]:
    """Return (scheme, host, port) of a URL, the port filled in."""
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or (443 if scheme == "https" else 80)


def may_follow(connection: Connection, source: str, target: str, leader: str | None) -> bool:
    """Whether the event stream's redirect may be followed (with the credentials, if there are any).

    A standby answers the stream with a 302 to the leader (facts/stack.md, 8). Credentials go only
    to a configured address or to the host that Marathon itself names as leader (``host:port``),
    and never from https down to http unless that very http address was configured.
    """
    scheme, host, port = origin(target)
    if scheme not in {"http", "https"} or urlsplit(target).path.rstrip("/") != "/v2/events":
        return False
    if not connection.has_credentials:
        return True
    if (scheme, host, port) in {origin(url) for url in connection.urls}:
        return True
    if origin(source)[0] == "https" and scheme != "https":
        return False
    return leader is not None and f"{host}:{port}" == leader.lower()
