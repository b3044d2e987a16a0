"""What a command does where the network hides the agent: a container network, by its name.

There each container has an address of its own and all ports; the variables that Mesos gives speak
of the agent (facts/stack.md 16). A tier that others look for has a name: a Docker network alias,
or the DNS name that the description gives.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from pamesos.core.launch.shell import quote
from pamesos.core.model import Network

#: Every node has an address of its own there, hence the same port.
NODE_PORT = 64738
#: Seconds until Mesos-DNS knows a task that has just started.
_PATIENCE_S = 120


def ports(network: Network, named: Iterable[tuple[str, int]]) -> str:
    """Return lines that set PORT_<NAME> to the ports inside the container."""
    if network.mode != "container":
        return ""
    return "\n".join(f"PORT_{name.upper()}={port}" for name, port in named)


def own_address(network: Network) -> str:
    """Return the line that makes HOST the container's own address."""
    return "HOST=$(hostname -i | cut -d' ' -f1)" if network.mode == "container" else ""


def wait_for_name(network: Network, host: str) -> str:
    """Return lines that wait until the host's name is known.

    A server whose ``proactive.hostname`` does not resolve hangs for ever (facts/proactive.md 2).
    """
    if network.mode != "container" or _is_address(host):
        return ""
    name = quote(host)
    return (
        "tries=0\n"
        f"until getent hosts {name} >/dev/null; do\n"
        f'  if [ "$tries" -ge {_PATIENCE_S} ]; then\n'
        f"    echo {name}': this network does not know the name' >&2\n"
        "    exit 1\n"
        "  fi\n"
        "  tries=$((tries + 1))\n"
        "  sleep 1\n"
        "done"
    )


def alias(network: Network, host: str | None) -> str | None:
    """Return the alias that Docker shall know a container by; a dotted name is another DNS's."""
    if network.mode != "container" or host is None or "." in host or _is_address(host):
        return None
    return host


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
