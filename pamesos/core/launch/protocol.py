"""How server and nodes talk: PNP, PNP over TLS, or through the router that the server embeds.

What each needs is measured for pnp and pamr (facts/proactive.md 2, "what each protocol needs") and
read in ProActive's PNPSslConfig for pnps: without a key store each process makes a certificate of
its own, which ciphers; with one they can also authenticate one another.
"""

from __future__ import annotations

from pamesos.core.addresses import Addresses, SchedulerAddress
from pamesos.core.launch import network
from pamesos.core.launch.shell import PROPERTY_VALUE, quote
from pamesos.core.model import Description, Keystore, Protocol

KEYSTORE_PASSWORD = "PAMESOS_KEYSTORE_PASSWORD"  # noqa: S105 - the name of a variable
_PID_FILE = "node.pid"


def environment(description: Description) -> dict[str, str]:
    keystore = description.keystore
    if keystore is None or keystore.password is None:
        return {}
    return {KEYSTORE_PASSWORD: keystore.password.reveal()}


def scheduler_ports(description: Description) -> tuple[tuple[str, int], ...]:
    """Return the named ports of the server, in the order that PORT0… has."""
    scheduler = description.scheduler
    ports = (("web", scheduler.web_port), ("pnp", scheduler.pnp_port))
    return (*ports, ("pamr", scheduler.pamr_port)) if description.protocol == "pamr" else ports


def node_ports(description: Description) -> tuple[tuple[str, int], ...]:
    """A node behind the router listens on nothing that anybody calls; port 0 is any."""
    if description.protocol == "pamr":
        return ()
    return (("pnp", network.NODE_PORT if description.network.mode == "container" else 0),)


def server_arguments(description: Description) -> list[str]:
    protocol = description.protocol
    if protocol == "pnps":
        return ['-Dproactive.communication.protocol=pnps -Dproactive.pnps.port="$PORT_PNP"']
    arguments = ['-Dproactive.pnp.port="$PORT_PNP"']
    if protocol == "pamr":
        # A server with pamr alone did not work; the router starts where its address is local.
        arguments += [
            "-Dproactive.communication.protocol=pnp"
            " -Dproactive.communication.additional_protocols=pamr",
            '-Dproactive.pamr.router.address=localhost -Dproactive.pamr.router.port="$PORT_PAMR"',
        ]
    return arguments


def node_arguments(description: Description, addresses: Addresses) -> list[str]:
    scheduler, protocol = addresses.scheduler, description.protocol
    if protocol == "pnps":
        return ['-Dproactive.communication.protocol=pnps -Dproactive.pnps.port="$PORT_PNP"']
    if protocol == "pamr":
        return [
            "-Dproactive.communication.protocol=pamr",
            f"-Dproactive.pamr.router.address={quote(scheduler.host)}"
            f" -Dproactive.pamr.router.port={scheduler.pamr_port}",
        ]
    return ['-Dproactive.pnp.port="$PORT_PNP"']


def rm_url(protocol: Protocol, scheduler: SchedulerAddress) -> str:
    """Return what nodes join; 0 is the server's reserved agent id at the router."""
    if protocol == "pamr":
        return "pamr://0"
    return f"{protocol}://{scheduler.in_url}:{scheduler.pnp_port}"


def keystore_file(description: Description, part: str) -> str:
    """Return lines that write network.ini, mode 0600, with the key store and its password.

    The delivered ``config/network`` file comes first; of a key that is there twice the last wins.
    """
    keystore = description.keystore
    if keystore is None:
        return ""
    delivered = "" if description.proactive.is_stand_in else _delivered(part)
    authenticate = "true" if keystore.authenticate else "false"
    path = quote(keystore.path)
    return (
        f"[ -r {path} ] || {{ echo {path}': the key store cannot be read on this agent' >&2;"
        " exit 1; }\n"
        f"{_password(keystore)}"
        "mask=$(umask)\n"
        "umask 077\n"
        "{\n"
        f"{delivered}"
        f"  printf 'proactive.pnps.keystore=%s\\n' {path}\n"
        f"  printf 'proactive.pnps.authenticate=%s\\n' {authenticate}\n"
        "  printf 'proactive.pnps.keystore.password=%s\\n' \\\n"
        f'    "$(printf \'%s\' "$password" | {PROPERTY_VALUE})"\n'
        '} >"$PWD/network.ini"\n'
        'umask "$mask"\n'
        f"unset password {KEYSTORE_PASSWORD}"
    )


def keystore_arguments(description: Description) -> list[str]:
    return ['-Dproactive.configuration="$PWD/network.ini"'] if description.keystore else []


def keystore_paths(description: Description) -> tuple[str, ...]:
    """Return the files of the agent that server and nodes read."""
    keystore = description.keystore
    if keystore is None:
        return ()
    return (keystore.path, *((keystore.password_file,) if keystore.password_file else ()))


def _delivered(part: str) -> str:
    return f'  cat "$PROACTIVE_HOME/config/network/{part}.ini" 2>/dev/null && echo\n'


def _password(keystore: Keystore) -> str:
    if keystore.password_file is None:
        return f'password="${KEYSTORE_PASSWORD}"\n'
    path = quote(keystore.password_file)
    return (
        f'password=\nIFS= read -r password <{path} || [ -n "$password" ] ||\n'
        f"  {{ echo {path}': the password file of the key store is empty or cannot be read' >&2;"
        " exit 1; }\n"
    )


def node_pid_file(protocol: Protocol) -> str:
    """Return the line that leaves the process id for :func:`router_check`."""
    return f'echo "$$" >"$PWD/{_PID_FILE}"' if protocol == "pamr" else ""


def router_check(scheduler: SchedulerAddress) -> str:
    """Return the check of a node that listens on nothing: it has a connection to the router.

    It looks for an established connection to the router's port among the sockets of the node's
    process, or of a child that its start script has. As with a check by TCP, a JVM that hangs
    keeps its connection; that is for the Resource Manager to notice. Mesos may give checks no
    other environment than MESOS_SANDBOX, so nothing else is used.
    """
    inodes = (  # of the connections of a process that are established (01) to this port
        f"s/^ *[0-9]*: [^ ]* [^ ]*:{scheduler.pamr_port:04X} 01"
        r" [^ ]* [^ ]* [^ ]* *[^ ]* *[^ ]* \([0-9]*\) .*/\1/p"
    )
    return (
        f'node=$(cat "${{MESOS_SANDBOX:-.}}/{_PID_FILE}" 2>/dev/null || cat {_PID_FILE}) && '
        'for process in "$node" $(cat "/proc/$node/task/"*/children 2>/dev/null); do '
        f"for socket in $(sed -n '{inodes}'"
        ' "/proc/$process/net/tcp" "/proc/$process/net/tcp6" 2>/dev/null); do '
        'ls -l "/proc/$process/fd" | grep -q "socket:\\[$socket\\]" && exit 0; '
        "done; done; exit 1"
    )
