"""The command of a MariaDB that runs on the agent itself, from Debian's packages.

As with PostgreSQL the script is a resource beside this module, and the launch command is a few
assignments followed by it.
"""

from __future__ import annotations

from functools import cache
from importlib import resources as package_files

from pamesos.core.addresses import SqlAddress
from pamesos.core.launch.shell import assign, quote, script
from pamesos.core.model import Database, Resources, is_loopback


def launch(database: Database, address: SqlAddress, resources: Resources) -> str:
    """Return the command. It takes the password from ``PAMESOS_DATABASE_PASSWORD``."""
    assert database.volume is not None, "the schema asks for a volume"
    host = address.host if is_loopback(address.host) else "127.0.0.1"
    settings = (
        assign("volume", database.volume.host_path),
        assign("listen", address.host if is_loopback(address.host) else "*"),
        assign("check_host", host),
        assign("rm_database", database.rm_name),
        assign("scheduler_database", database.scheduler_name),
        assign("buffer_pool", f"{max(16, resources.mem_mib // 4)}M"),
    )
    return script("\n".join(settings), _body())


def check(database: Database) -> str:
    """Return the command line that logs in as the server does, and asks for nothing.

    It needs nothing of the task's environment, which Mesos may not give to checks: the launcher
    leaves a link to the tool, and the login in a private file.
    """
    assert database.volume is not None, "the schema asks for a volume"
    volume = database.volume.host_path
    tool, login = quote(f"{volume}/mariadb"), quote(f"{volume}/client.cnf")
    return f"{tool} --defaults-file={login} -e 'select 1' {database.rm_name} >/dev/null"


@cache
def _body() -> str:
    # A constant of the package: the same bytes at every call.
    text = (package_files.files(__package__) / "mariadb.sh").read_text(encoding="utf-8")
    return text.split("# --- launch ---\n", 1)[1]
