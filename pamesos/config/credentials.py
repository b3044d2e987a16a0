"""Where the ProActive login comes from: environment, file or the public default.

Never a command line: other users read it in the process list.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from pamesos.core.jobs import Credentials
from pamesos.errors import SettingsError

USER_VARIABLE = "PAMESOS_PROACTIVE_USER"
PASSWORD_VARIABLE = "PAMESOS_PROACTIVE_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_FILE_VARIABLE = "PAMESOS_PROACTIVE_PASSWORD_FILE"  # noqa: S105 - the name of a variable
DEFAULT_USER = "admin"
#: ProActive ships with it; public knowledge (facts/proactive.md, short list 8).
DEFAULT_PASSWORD = "admin"  # noqa: S105 - no secret
_MAX_BYTES = 4096


def load_credentials(
    environment: Mapping[str, str] = os.environ,
    *,
    user: str | None = None,
    password_file: str | None = None,
    warn: Callable[[str], None] = lambda _: None,
) -> Credentials:
    """Return the login to use: environment, else the settings (the arguments), else the default.

    A file wins over a variable of the same place. ``warn`` gets one sentence when the file can be
    read by other users. Raises SettingsError for an unusable file or an empty user; its text never
    holds the password.
    """
    name = environment.get(USER_VARIABLE) or user or DEFAULT_USER
    if not name.strip():
        raise SettingsError(
            "the ProActive user is empty", remedy=f"set {USER_VARIABLE}, for example to admin"
        )
    path = environment.get(PASSWORD_FILE_VARIABLE)
    if not path and PASSWORD_VARIABLE in environment:
        return Credentials(name, environment[PASSWORD_VARIABLE])
    path = path or password_file
    if path:
        return Credentials(name, _read_password(Path(path).expanduser(), warn))
    return Credentials(name, DEFAULT_PASSWORD)


def _read_password(path: Path, warn: Callable[[str], None]) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_BYTES + 1)
        password = data.decode().rstrip("\r\n")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _unusable(path, reason) from error
    except UnicodeDecodeError:
        # Not chained: the original error holds the bytes, which are the password.
        raise _unusable(path, "it is not UTF-8 text") from None
    if len(data) > _MAX_BYTES or "\n" in password:
        raise _unusable(path, "it holds more than one line")
    if not password:
        raise _unusable(path, "it is empty")
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        warn(f"{path} can be read by other users; run `chmod 600 {path}`")
    return password


def _unusable(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"the password file {path} cannot be used: {reason}",
        remedy=f"write the password as its only line, or unset {PASSWORD_FILE_VARIABLE}",
    )
