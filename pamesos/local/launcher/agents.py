"""An agent: a host that offers resources. Its own value; what is used of it comes from tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

PortRange = tuple[int, int]

#: What the control API can make of an agent.
UP, UNREACHABLE, GONE, LOST = "up", "unreachable", "gone", "lost"


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


class Fleet:
    """All agents there are, and which of them offer anything just now."""

    def __init__(self, agents: Sequence[Agent]) -> None:
        self.agents = tuple(agents)
        #: Nobody offers anything, as a Mesos master without resources to spare.
        self.is_paused = False
        self._states: dict[str, str] = {}

    def offering(self) -> tuple[Agent, ...]:
        """Return the agents that offer what they have left."""
        if self.is_paused:
            return ()
        return tuple(agent for agent in self.agents if self.state(agent.id) == UP)

    def get(self, agent_id: str) -> Agent | None:
        """Return an agent by its id."""
        return next((agent for agent in self.agents if agent.id == agent_id), None)

    def state(self, agent_id: str) -> str:
        """Return ``up``, ``unreachable``, ``gone`` or ``lost``."""
        return self._states.get(agent_id, UP)

    def set_state(self, agent_id: str, state: str) -> None:
        """Note what became of an agent."""
        self._states[agent_id] = state
