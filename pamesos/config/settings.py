"""How pamesos itself runs: where Marathon is and who we are there.

Each value comes from a flag, else from the environment, else from the settings file, else from a
default. A password or token is only ever named by its file (or stands in a URL, from which it is
taken out before anything is printed); none is accepted on a command line of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pamesos.core.connection import DEFAULT_URL, Connection
from pamesos.errors import SettingsError

SETTINGS_VARIABLE = "PAMESOS_SETTINGS"
DEFAULT_FILE = "~/.config/pamesos/settings.yaml"
PREFIX = "PAMESOS_MARATHON_"
#: Each becomes the variable PAMESOS_MARATHON_<NAME> and a flag.
NAMES = (
    "url",
    "user",
    "password_file",
    "token_file",
    "ca_bundle",
    "client_cert",
    "client_key",
    "connect_timeout",
    "read_timeout",
)
_FILES = ("password_file", "token_file", "ca_bundle", "client_cert", "client_key")
_MAX_FILE_BYTES = 1_000_000

Layer = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What a command needs to reach Marathon and ProActive."""

    marathon: Connection
    proactive_user: str | None = None
    proactive_password_file: str | None = None


def load_settings(
    flags: Mapping[str, Any] | None = None,
    *,
    settings_file: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Settings:
    """Return the settings; ``flags`` has values by the words of ``NAMES`` (None: not given).

    Raises SettingsError, which names where the bad value came from and never the secret in it.
    """
    document = _load_file(settings_file, environ)
    layers = [
        _layer(document.get("marathon", {}), "the settings file"),
        _layer({n: environ.get(PREFIX + n.upper()) for n in NAMES}, "the environment"),
        _layer(dict(flags or {}), "the command line"),
    ]
    proactive = document.get("proactive", {})
    return Settings(
        _connection(_merge(layers)), proactive.get("user"), proactive.get("password_file")
    )


def _load_file(given: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the parsed file, paths in it made absolute; empty if the default is not there."""
    named = given or environ.get(SETTINGS_VARIABLE)
    path = Path(named or DEFAULT_FILE).expanduser()
    if named is None and not path.exists():
        return {}
    document = _parse_file(path)
    from pamesos.config.settings_schema import check

    loaded, faults = check(document if document is not None else {})
    if faults:
        raise SettingsError(
            f"the settings file {path} has faults:\n" + "\n".join(f"  {f}" for f in faults),
            remedy="correct the file; the README shows all its keys",
        )
    for section in loaded.values():
        for name in _FILES:
            if name in section:
                section[name] = str(path.parent / Path(section[name]).expanduser())
    return loaded


def _parse_file(path: Path) -> Any:
    import yaml

    try:
        with path.open("rb") as file:
            text = file.read(_MAX_FILE_BYTES + 1)
        if len(text) > _MAX_FILE_BYTES:
            raise _unreadable(path, "it is larger than 1 MB")
        return yaml.safe_load(text.decode())
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error
    except UnicodeDecodeError:
        raise _unreadable(path, "it is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark is not None else ""
        raise _unreadable(path, f"it is not YAML{where}") from None


def _unreadable(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"the settings file {path} cannot be used: {reason}",
        remedy=f"correct --settings or {SETTINGS_VARIABLE}, or the file",
    )


def _layer(values: Mapping[str, Any], origin: str) -> Layer:
    """Return what one source says; credentials in its URLs become its user and password."""
    layer: Layer = {name: value for name, value in values.items() if value}
    layer["origin"] = origin
    if "url" not in layer:
        return layer
    urls = []
    for text in _split(layer["url"]):
        url, user, password = _parse_url(text, origin)
        urls.append(url)
        if user is not None:
            layer.setdefault("user", user)
            layer["password"] = password
    if not urls:
        raise SettingsError(
            f"the Marathon URL of {origin} is empty", remedy=f"give one, such as {DEFAULT_URL}"
        )
    layer["url"] = tuple(dict.fromkeys(urls))
    return layer


def _split(value: Any) -> list[str]:
    texts = [value] if isinstance(value, str) else list(value)
    parts = (part.strip() for text in texts for part in str(text).split(","))
    return [part for part in parts if part]


def _parse_url(text: str, origin: str) -> tuple[str, str | None, str | None]:
    """Return (URL without credentials and trailing slash, user, password)."""
    shown = text.rpartition("@")[2]
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _bad_url(shown, origin, "its host or port is malformed") from None
    if parts.scheme not in {"http", "https"}:
        raise _bad_url(shown, origin, "it must begin with http:// or https://")
    if not host:
        raise _bad_url(shown, origin, "it names no host")
    if parts.query or parts.fragment:
        raise _bad_url(shown.partition("?")[0], origin, "it must end after the path")
    at = f"[{host}]" if ":" in host else host
    netloc = at if port is None else f"{at}:{port}"
    path = parts.path.rstrip("/").removesuffix("/v2")
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else ""
    return f"{parts.scheme}://{netloc}{path}", user, password


def _bad_url(shown: str, origin: str, reason: str) -> SettingsError:
    return SettingsError(
        f"the Marathon URL {shown!r} of {origin} cannot be used: {reason}",
        remedy=f"give one such as {DEFAULT_URL}, several separated by commas",
    )


def _merge(layers: list[Layer]) -> Layer:
    """Lay the sources over one another; who says how to log in hides other ways below."""
    merged: Layer = {}
    for layer in layers:
        if "token_file" in layer and "user" in layer:
            raise SettingsError(
                f"{layer['origin']} gives both a token and a user for Marathon",
                remedy="give either a token file, or a user with a password file",
            )
        if "token_file" in layer or "user" in layer:
            for name in ("token_file", "user", "password_file", "password"):
                merged.pop(name, None)
        if "password_file" in layer:
            merged.pop("password", None)
        merged.update(layer)
    return merged


def _connection(values: Layer) -> Connection:
    for name in _FILES:
        if name in values:
            values[name] = _existing(name, str(values[name]))
    user = values.get("user")
    password = _read_password(values) if user is not None else None
    if user is None and "password_file" in values:
        raise SettingsError(
            "there is a password file for Marathon, but no user",
            remedy="give --user or PAMESOS_MARATHON_USER, too",
        )
    if "client_key" in values and "client_cert" not in values:
        raise SettingsError(
            "there is a client key for Marathon, but no client certificate",
            remedy="give --client-cert or PAMESOS_MARATHON_CLIENT_CERT, too",
        )
    defaults = Connection()
    return Connection(
        urls=values.get("url") or (DEFAULT_URL,),
        user=user,
        password=password,
        token_file=values.get("token_file"),
        ca_bundle=values.get("ca_bundle"),
        client_cert=values.get("client_cert"),
        client_key=values.get("client_key"),
        connect_timeout_s=_seconds(values, "connect_timeout", defaults.connect_timeout_s),
        read_timeout_s=_seconds(values, "read_timeout", defaults.read_timeout_s),
    )


def _existing(name: str, text: str) -> str:
    path = Path(text).expanduser()
    if not path.exists():
        flag = "--" + name.replace("_", "-")
        raise SettingsError(
            f"the file {path} does not exist",
            remedy=f"correct {flag} or {PREFIX}{name.upper()}",
        )
    return str(path)


def _read_password(values: Layer) -> str:
    if "password_file" not in values:
        if "password" in values:
            return str(values["password"])
        raise SettingsError(
            "there is a user for Marathon, but no password file",
            remedy="give --password-file or PAMESOS_MARATHON_PASSWORD_FILE, too",
        )
    path = Path(values["password_file"])
    try:
        password = path.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise _bad_password(path, reason) from None
    except UnicodeDecodeError:
        raise _bad_password(path, "it is not UTF-8 text") from None
    if not password or "\n" in password:
        raise _bad_password(path, "it must hold the password as its only line")
    return password


def _bad_password(path: Path, reason: str) -> SettingsError:
    return SettingsError(
        f"the password file {path} cannot be used: {reason}",
        remedy="correct --password-file or PAMESOS_MARATHON_PASSWORD_FILE",
    )


def _seconds(values: Layer, name: str, default: float) -> float:
    given = values.get(name, default)
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise SettingsError(
            f"{given!r} is no {name.replace('_', ' ')}",
            remedy="give a number of seconds between 0 and 3600",
        )
    return seconds
