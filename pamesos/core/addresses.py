"""Where the tiers find one another.

Computed from the description for now: hosts are pinned and ports fixed. The one seam for a later
step that fills in the address of the running task: whoever builds ``Addresses`` decides, and no
other module asks the description for a host.
"""

from __future__ import annotations

from dataclasses import dataclass

from pamesos.core.model import Database, Description

DEFAULT_SQL_PORTS = {"postgresql": 5432, "mariadb": 3306, "mysql": 3306}


@dataclass(frozen=True)
class SqlAddress:
    host: str
    port: int


@dataclass(frozen=True)
class SchedulerAddress:
    host: str
    web_port: int
    pnp_port: int
    pamr_port: int = 33647
    #: Where the web port is published if that is not the host: the agent behind a container network
    web_host: str | None = None

    @property
    def in_url(self) -> str:
        return _in_url(self.host)

    @property
    def rest_url(self) -> str:
        return f"http://{_in_url(self.web_host or self.host)}:{self.web_port}/rest"


@dataclass(frozen=True)
class Addresses:
    """``database`` is None where the database is embedded in the server."""

    scheduler: SchedulerAddress
    database: SqlAddress | None = None


def pinned_addresses(description: Description) -> Addresses:
    """Return the addresses that the description itself fixes."""
    scheduler = description.scheduler
    return Addresses(
        SchedulerAddress(
            scheduler.host,
            scheduler.web_port,
            scheduler.pnp_port,
            scheduler.pamr_port,
            scheduler.agent,
        ),
        _sql_address(description.database),
    )


def _sql_address(database: Database) -> SqlAddress | None:
    if database.engine is None or database.host is None:
        return None
    return SqlAddress(database.host, database.port or DEFAULT_SQL_PORTS[database.engine])


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
