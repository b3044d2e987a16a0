"""An agent: a host that offers resources. Its own value; what is used of it comes from tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

PortRange = tuple[int, int]


@dataclasses.dataclass(frozen=True, slots=True)
class Agent:
    """``mem`` and ``disk`` in MiB. ``ports`` are offered, ``dynamic`` is where port 0 is picked.

    Port 0 is not picked from all that is offered, so that it neither takes a port that an app
    later asks for by number nor one that the kernel hands out to clients.
    """

    id: str
    hostname: str
    ip: str
    cpus: float
    mem: float
    disk: float
    gpus: int = 0
    ports: tuple[PortRange, ...] = ((1, 65535),)
    dynamic: PortRange = (31000, 32000)
    attributes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    region: str | None = None
    zone: str | None = None

    def offers_port(self, port: int) -> bool:
        """Tell whether a port lies in what this agent offers."""
        return any(first <= port <= last for first, last in self.ports)

    def field(self, name: str) -> str | None:
        """Return what a constraint's field is on this agent; None if it has no such attribute."""
        if name in ("hostname", "@hostname"):
            return self.hostname
        if name == "@region":
            return self.region
        if name == "@zone":
            return self.zone
        return self.attributes.get(name)
