"""The command of a database that comes as an official image (postgres, mariadb, mysql).

The image's own entry point makes the data directory, the first database and the role; the command
adds the second database and the port. Marathon runs ``cmd`` instead of the entry point, so the
command calls it at its end.
"""

from __future__ import annotations

from pamesos.core.addresses import SqlAddress
from pamesos.core.launch.shell import quote, script
from pamesos.core.model import Database

#: Where the official images keep their data.
DATA_PATHS = {
    "postgresql": "/var/lib/postgresql/data",
    "mariadb": "/var/lib/mysql",
    "mysql": "/var/lib/mysql",
}
_SQL_FILE = "/docker-entrypoint-initdb.d/pamesos.sql"


def launch(database: Database, ports: str = "") -> str:
    """Return the command; user and password come by environment variables, as everywhere.

    ``ports`` are lines that set PORT_SQL where the network does not.
    """
    lines = _postgresql(database) if database.kind == "postgresql" else _mysql(database)
    return script(ports, *lines)


def check(database: Database, address: SqlAddress) -> str:
    """Return a check by TCP: while the entry point still prepares the data, none is open."""
    if database.kind == "postgresql":
        role = f"-U {database.credentials.user} " if database.credentials else ""
        return f"pg_isready -q -t 2 -h 127.0.0.1 -p {address.port} {role}-d {database.rm_name}"
    ping = f"ping --silent --connect-timeout=2 -h 127.0.0.1 -P {address.port}"
    return f"if command -v mariadb-admin; then mariadb-admin {ping}; else mysqladmin {ping}; fi"


def _postgresql(database: Database) -> tuple[str, ...]:
    return (
        'export POSTGRES_USER="$PAMESOS_DATABASE_USER"',
        'export POSTGRES_PASSWORD="$PAMESOS_DATABASE_PASSWORD"',
        f"export POSTGRES_DB={quote(database.rm_name)}",
        f"echo 'create database \"{database.scheduler_name}\";' >{_SQL_FILE}",
        "unset PAMESOS_DATABASE_USER PAMESOS_DATABASE_PASSWORD",
        'exec docker-entrypoint.sh postgres -c port="$PORT_SQL" -c max_connections=200',
    )


def _mysql(database: Database) -> tuple[str, ...]:
    server = "mariadbd" if database.kind == "mariadb" else "mysqld"
    return (
        'export MYSQL_USER="$PAMESOS_DATABASE_USER" MYSQL_RANDOM_ROOT_PASSWORD=yes',
        'export MYSQL_PASSWORD="$PAMESOS_DATABASE_PASSWORD"',
        f"export MYSQL_DATABASE={quote(database.rm_name)}",
        f"cat >{_SQL_FILE} <<END\n"
        f"create database {database.scheduler_name};\n"
        f"grant all on {database.scheduler_name}.* to '$MYSQL_USER'@'%';\n"
        "END",
        "unset PAMESOS_DATABASE_USER PAMESOS_DATABASE_PASSWORD",
        f'exec docker-entrypoint.sh {server} --port="$PORT_SQL" --max-connections=200',
    )
