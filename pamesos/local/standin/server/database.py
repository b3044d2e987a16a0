"""Which database the server was told to use: hibernate properties become a SQLAlchemy URL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from pamesos.local.standin.options import Properties

SCHEDULER_KEY = "pa.scheduler.db.hibernate.configuration"
RM_KEY = "pa.rm.db.hibernate.configuration"
_JDBC = re.compile(
    r"^jdbc:(?P<kind>postgresql|mariadb|mysql)://(?P<host>\[[^]]+\]|[^:/?]+)(?::(?P<port>\d+))?"
    r"/(?P<database>[^?;]+)"
)
_DRIVERS: Mapping[str, tuple[str, int, dict[str, Any]]] = {
    "postgresql": ("postgresql+pg8000", 5432, {"timeout": 10}),
    "mariadb": ("mysql+pymysql", 3306, {"connect_timeout": 10, "read_timeout": 10}),
    "mysql": ("mysql+pymysql", 3306, {"connect_timeout": 10, "read_timeout": 10}),
}


class DatabaseConfigurationError(Exception):
    """The properties name no database that the stand-in can use."""


@dataclass(frozen=True)
class DatabaseAddress:
    """Where to connect; times in seconds. The URL hides its password when it is printed."""

    url: URL
    arguments: Mapping[str, Any] = field(default_factory=dict)


def find_databases(properties: Properties) -> tuple[DatabaseAddress, ...]:
    """Return the database for the state, then any other one that was named.

    The scheduler's comes first; the Resource Manager's may be the same one.
    """
    found: list[DatabaseAddress] = []
    for key in (SCHEDULER_KEY, RM_KEY):
        path = properties.text(key)
        if path:
            address = parse_hibernate(_read_properties(Path(path)), _embedded(properties))
            if address not in found:
                found.append(address)
    return tuple(found) or (_embedded(properties),)


def parse_hibernate(values: Mapping[str, str], embedded: DatabaseAddress) -> DatabaseAddress:
    """Turn ``hibernate.connection.*`` into an address; HSQLDB or nothing means the embedded one."""
    jdbc = values.get("hibernate.connection.url", "")
    if not jdbc or jdbc.startswith(("jdbc:hsqldb", "jdbc:h2")):
        return embedded
    match = _JDBC.match(jdbc)
    if match is None:
        raise DatabaseConfigurationError(f"hibernate.connection.url {jdbc.split('?')[0]}")
    driver, port, arguments = _DRIVERS[match["kind"]]
    url = URL.create(
        driver,
        username=values.get("hibernate.connection.username"),
        password=values.get("hibernate.connection.password"),
        host=match["host"].strip("[]"),
        port=int(match["port"] or port),
        database=match["database"],
    )
    return DatabaseAddress(url, arguments)


def _embedded(properties: Properties) -> DatabaseAddress:
    location = properties.text("pa.hsqldb.location")
    home = properties.text("pa.scheduler.home")
    folder = Path(location) if location else Path(home or ".") / "data" / "db"
    return DatabaseAddress(URL.create("sqlite", database=str(folder / "stand-in.sqlite")))


def _read_properties(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatabaseConfigurationError(f"{path}: {type(error).__name__}") from error
    values = {}
    for line in lines:
        text = line.strip()
        if text and text[0] not in "#!":
            key, _, value = (
                text.replace(":", "=", 1).partition("=") if _colon(text) else (text.partition("="))
            )
            values[key.strip()] = re.sub(r"\\(.)", r"\1", value.strip())
    return values


def _colon(text: str) -> bool:
    """Whether the line separates key and value with ``:``, as Java allows."""
    colon, equals = text.find(":"), text.find("=")
    return colon >= 0 and (equals < 0 or colon < equals)
