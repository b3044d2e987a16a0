"""The command of a node source: one ProActive node process with W workers per task."""

from __future__ import annotations

from pamesos.core import names
from pamesos.core.addresses import Addresses
from pamesos.core.launch import jvm, network, protocol
from pamesos.core.launch.shell import enter_sandbox, quote, script, use_ip_address
from pamesos.core.model import Description, NodeSource, Resources


def launch(
    description: Description, addresses: Addresses, source: NodeSource, resources: Resources
) -> str:
    """Return the command; ``NODE_NAME`` in it is what ``names.node_name`` maps the task to."""
    proactive = description.proactive
    heap = min(512, jvm.heap_mib(resources, 0.4, least=48))
    return script(
        enter_sandbox(source.image),
        names.shell_node_name(source.name),
        network.own_address(description.network),
        network.ports(description.network, protocol.node_ports(description)),
        use_ip_address("HOST"),
        'logs="$PWD/logs"\nmkdir -p "$logs" "$PWD/scratch"',
        jvm.log_files(proactive, "node"),
        jvm.options(proactive, heap, source.java_options),
        protocol.keystore_file(description, "node"),
        protocol.node_pid_file(description.protocol),
        _command(description, addresses, source),
    )


def _command(description: Description, addresses: Addresses, source: NodeSource) -> str:
    url = protocol.rm_url(description.protocol, addresses.scheduler)
    arguments = [
        f'-r {quote(url)} -n "$NODE_NAME" -w {source.workers_per_node} -dm',
        '-Dproactive.hostname="$HOST" -Dproactive.useIPaddress="$by_ip"'
        " -Dproactive.net.nolocal=false",
        *protocol.node_arguments(description, addresses),
        *protocol.keystore_arguments(description),
        '-Dnode.dataspace.scratchdir="$PWD/scratch"',
        # Ten attempts, the default, end while a slow server is still being brought back.
        "-Dproactive.node.reconnection.attempts=100",
    ]
    return " \\\n  ".join([jvm.executable(description.proactive, "node"), *arguments])
