"""The command of a PostgreSQL that runs on the agent itself, from whatever binaries are there.

The script is a resource beside this module, so that it can be read, checked and run as a shell
script; the launch command is a few assignments followed by it.
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
    listen = address.host if is_loopback(address.host) else "*"
    settings = (
        assign("volume", database.volume.host_path),
        assign("listen", listen),
        assign("rm_database", database.rm_name),
        assign("scheduler_database", database.scheduler_name),
        assign("shared_buffers", f"{max(16, resources.mem_mib // 4)}MB"),
    )
    return script("\n".join(settings), _body())


def check(database: Database, address: SqlAddress) -> str:
    """Return the command line that asks the database whether it takes connections.

    It needs nothing of the task's environment, which Mesos may not give to checks: the launcher
    leaves a link to the binaries it chose in the volume.
    """
    assert database.volume is not None, "the schema asks for a volume"
    host = address.host if is_loopback(address.host) else "127.0.0.1"
    tool = quote(f"{database.volume.host_path}/bin/pg_isready")
    role = f"-U {database.credentials.user} " if database.credentials else ""
    return f"{tool} -q -t 2 -h {host} -p {address.port} {role}-d {database.rm_name}"


@cache
def _body() -> str:
    # A constant of the package: the same bytes at every call.
    text = (package_files.files(__package__) / "postgresql.sh").read_text(encoding="utf-8")
    return text.split("# --- launch ---\n", 1)[1]
