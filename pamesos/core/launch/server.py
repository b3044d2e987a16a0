"""The command of the scheduler tier: one ProActive server with Resource Manager and REST.

Everything the server writes goes to the volumes or the sandbox, by properties that its
settings.ini files and PASchedulerProperties / PAResourceManagerProperties name, so that the
installation stays as it was delivered and may serve several clusters.
"""

from __future__ import annotations

import ipaddress

from pamesos.core.addresses import Addresses, SqlAddress
from pamesos.core.launch import authentication, jvm, network, protocol
from pamesos.core.launch.shell import assign, enter_sandbox, quote, script
from pamesos.core.model import Database, Description, Engine, Resources, Volume

#: Verified combinations (facts/proactive.md 2, "databases"): driver, JDBC scheme, dialect.
_DRIVERS: dict[Engine, tuple[str, str, str]] = {
    "postgresql": (
        "org.postgresql.Driver",
        "postgresql",
        "org.hibernate.dialect.PostgreSQL94Dialect",
    ),
    "mariadb": ("org.mariadb.jdbc.Driver", "mariadb", "org.hibernate.dialect.MariaDB103Dialect"),
    "mysql": ("com.mysql.cj.jdbc.Driver", "mysql", "org.hibernate.dialect.MySQL5InnoDBDialect"),
}
#: From any directory to /, if it is not deeper than this; ".." of / is /.
_TO_ROOT = "/".join([".."] * 12)
_SPACES = ("input", "output", "global", "user")


def launch(description: Description, addresses: Addresses, resources: Resources) -> str:
    """Return the command; the last line is the server itself."""
    scheduler, proactive = description.scheduler, description.proactive
    heap = jvm.heap_mib(resources, 0.6, least=256)
    return script(
        enter_sandbox(scheduler.image),
        network.ports(description.network, protocol.scheduler_ports(description)),
        network.wait_for_name(description.network, addresses.scheduler.host),
        _directory("data", scheduler.data),
        _directory("logs", scheduler.logs),
        'mkdir -p "$data" "$logs"',
        _database_files(description, addresses.database),
        jvm.log_files(proactive, "server"),
        authentication.launch(description),
        protocol.keystore_file(description, "server"),
        jvm.options(proactive, heap, scheduler.java_options),
        _command(description, addresses),
    )


def _command(description: Description, addresses: Addresses) -> str:
    host = addresses.scheduler.host
    arguments = [
        "-ln 0 --no-discovery",
        f"-Dproactive.hostname={quote(host)} -Dproactive.useIPaddress={_by_ip(host)}"
        " -Dproactive.net.nolocal=false",
        '-Dweb.http.port="$PORT_WEB"',
        *protocol.server_arguments(description),
        *protocol.keystore_arguments(description),
        # Without it a stopped server kills all its nodes first (facts/proactive.md 3).
        "-Dpa.rm.preserve.nodes.on.shutdown=true",
        "-Dproactive.runtime.ping=false",
        *_own_files(addresses.database is not None),
        '"$@"',
    ]
    executable = jvm.executable(description.proactive, "server")
    return " \\\n  ".join([executable, *arguments])


def _own_files(has_database: bool) -> list[str]:
    files = [
        f'-Dpa.scheduler.dataspace.default{space}.localpath="$data/default{space}"'
        for space in _SPACES
    ]
    files += [
        '-Dpa.hsqldb.location="$data/db"',
        # These two names are appended to the home whatever they are, hence relative to it.
        f'-Dpa.rm.jmx.rrd.name="{_TO_ROOT}$data/rm_statistics.rrd"',
        f'-Dpa.scheduler.jmx.rrd.name="{_TO_ROOT}$data/scheduler_statistics.rrd"',
        '-Dpa.scheduler.job.logs.location="$logs/jobs/"',
    ]
    if has_database:
        files += [
            f'-Dpa.{part}.db.hibernate.configuration="$PWD/{part}.properties"'
            for part in ("rm", "scheduler")
        ]
    return files


def _database_files(description: Description, address: SqlAddress | None) -> str:
    """Write rm.properties and scheduler.properties, mode 0600, then forget the password.

    The distribution's own file comes first for its pool settings; of a key that is there twice
    java.util.Properties takes the last.
    """
    database = description.database
    if address is None or database.engine is None:
        return ""
    driver, scheme, dialect = _DRIVERS[database.engine]
    host = f"[{address.host}]" if ":" in address.host else address.host
    delivered = (
        ""
        if description.proactive.is_stand_in
        else '    cat "$PROACTIVE_HOME/config/$1/database.properties" 2>/dev/null && echo\n'
    )
    return (
        "password=$(printf '%s' \"$PAMESOS_DATABASE_PASSWORD\" | sed 's/\\\\/\\\\\\\\/g')\n"
        "database_file() {\n"
        "  {\n"
        f"{delivered}"
        "    cat <<END\n"
        f"hibernate.connection.driver_class={driver}\n"
        f"hibernate.connection.url=jdbc:{scheme}://{host}:{address.port}/$2\n"
        "hibernate.connection.username=$PAMESOS_DATABASE_USER\n"
        "hibernate.connection.password=$password\n"
        f"hibernate.dialect={dialect}\n"
        "hibernate.hbm2ddl.auto=update\n"
        "END\n"
        '  } >"$PWD/$1.properties"\n'
        "}\n"
        "mask=$(umask)\n"
        "umask 077\n"
        f"{_file_calls(database)}"
        'umask "$mask"\n'
        "unset PAMESOS_DATABASE_USER PAMESOS_DATABASE_PASSWORD password"
    )


def _file_calls(database: Database) -> str:
    return (
        f"database_file rm {quote(database.rm_name)}\n"
        f"database_file scheduler {quote(database.scheduler_name)}\n"
    )


def _directory(name: str, volume: Volume | None) -> str:
    if volume is None:
        return f'{name}="$PWD/{name}"'
    return assign(name, volume.container_path or volume.host_path)


def _by_ip(host: str) -> str:
    """Return the value of proactive.useIPaddress; the reason is at ``shell.use_ip_address``."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "false"
    return "true"
