"""Whether a port can be had on this machine, found out by binding it."""

from __future__ import annotations

import socket

_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def is_free(port: int, protocol: str) -> bool:
    """Tell whether every protocol of ``tcp``, ``udp`` or ``tcp,udp`` can be bound right now.

    All addresses are tried at once, as a server would. A port below 1024 that this user may not
    bind counts as taken.
    """
    return all(_can_bind(port, _KINDS[kind]) for kind in protocol.split(",") if kind in _KINDS)


def _can_bind(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            # What a server sets: connections of a task that ended must not block its successor.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
