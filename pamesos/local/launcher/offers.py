"""Whether an agent can take one more instance of an app, and if not, for which reasons. Pure.

The reasons are tried in Marathon's order; ``/v2/queue`` counts each one up to the first that
refuses (recordings/marathon/05).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pamesos.local.launcher import ports
from pamesos.local.launcher.agents import Agent
from pamesos.local.launcher.constraints import fulfils

REASONS = (
    "UnfulfilledRole",
    "UnfulfilledConstraint",
    "NoCorrespondingReservationFound",
    "AgentMaintenance",
    "InsufficientCpus",
    "InsufficientMemory",
    "InsufficientDisk",
    "InsufficientGpus",
    "InsufficientPorts",
    "DeclinedScarceResources",
)

#: Sums of 0.1 must not miss 1.0.
_TOLERANCE = 1e-6


@dataclasses.dataclass(slots=True)
class Used:
    """What the tasks of one agent hold; a tally. ``mem`` and ``disk`` in MiB."""

    cpus: float = 0.0
    mem: float = 0.0
    disk: float = 0.0
    gpus: float = 0.0
    ports: set[int] = dataclasses.field(default_factory=set)

    def add(self, app: Mapping[str, Any], given: Sequence[int]) -> None:
        """Count one more task of an app."""
        self.cpus += app["cpus"]
        self.mem += app["mem"]
        self.disk += app["disk"]
        self.gpus += app["gpus"]
        self.ports.update(given)


@dataclasses.dataclass(frozen=True, slots=True)
class Match:
    """The ports on this agent, or the reason why it was refused."""

    agent: Agent
    ports: tuple[int, ...] = ()
    refused: str | None = None


def left_of(agent: Agent, used: Used) -> Agent:
    """Return an agent with only what its tasks leave: what it offers."""
    return dataclasses.replace(
        agent,
        cpus=round(agent.cpus - used.cpus, 6),
        mem=round(agent.mem - used.mem, 6),
        disk=round(agent.disk - used.disk, 6),
        gpus=round(agent.gpus - used.gpus),
        ports=ports.without(agent.ports, used.ports),
    )


def match(
    app: Mapping[str, Any],
    agent: Agent,
    used: Used,
    placed: Sequence[Agent],
    known: Sequence[Agent],
    is_free: ports.IsFree,
) -> Match:
    """Return whether one more instance of ``app`` fits on ``agent``."""
    if not fulfils(app.get("constraints") or (), agent, placed, known):
        return Match(agent, refused="UnfulfilledConstraint")
    short = _short_of(app, agent, used)
    if short is not None:
        return Match(agent, refused=short)
    given = ports.pick(ports.wanted(app), agent, used.ports, is_free)
    if given is None:
        return Match(agent, refused="InsufficientPorts")
    return Match(agent, given)


def _short_of(app: Mapping[str, Any], agent: Agent, used: Used) -> str | None:
    checks = (
        ("InsufficientCpus", app["cpus"], agent.cpus - used.cpus),
        ("InsufficientMemory", app["mem"], agent.mem - used.mem),
        ("InsufficientDisk", app["disk"], agent.disk - used.disk),
        ("InsufficientGpus", app["gpus"], agent.gpus - used.gpus),
    )
    return next((why for why, asked, left in checks if asked > left + _TOLERANCE), None)
