"""Which host ports a task gets. Pure but for the test whether a port is free, which is passed in.

Host networking: the app's ``portDefinitions``, fixed ones only with ``requirePorts`` (then in
order, as they are), else any. Bridge and container networks: the ``hostPort`` of each mapping.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pamesos.local.launcher.agents import Agent

#: (port, "tcp" or "udp" or "tcp,udp") -> may it be given to a task?
IsFree = Callable[[int, str], bool]

#: A task that cannot get a free port after as many tries gets none.
_TRIES = 4000


def wanted(app: Mapping[str, Any]) -> list[tuple[int | None, str]]:
    """Return for each port the host port that it must be (0: any, None: none) and its protocol."""
    mappings = (app.get("container") or {}).get("portMappings")
    if mappings and not is_host_network(app):
        return [(m.get("hostPort"), m.get("protocol", "tcp")) for m in mappings]
    fixed = bool(app.get("requirePorts"))
    definitions = app.get("portDefinitions") or ()
    return [(d["port"] if fixed else 0, d.get("protocol", "tcp")) for d in definitions]


def is_host_network(app: Mapping[str, Any]) -> bool:
    """Tell whether the app uses the host's network."""
    return all(network.get("mode", "host") == "host" for network in app.get("networks") or ())


def pick(
    asked: Sequence[tuple[int | None, str]], agent: Agent, used: frozenset[int], is_free: IsFree
) -> tuple[int, ...] | None:
    """Return the ports for a new task, None if they cannot be had on this agent.

    ``used`` are the ports of the agent's own tasks.
    """
    taken = set(used)
    given: list[int] = []
    candidates: list[int] | None = None
    for port, protocol in asked:
        if port is None:
            continue
        if port:
            chosen = port if _may_have(port, protocol, agent, taken, is_free) else None
        else:
            candidates = candidates or _shuffled(agent)
            chosen = _next_free(candidates, protocol, agent, taken, is_free)
        if chosen is None:
            return None
        taken.add(chosen)
        given.append(chosen)
    return tuple(given)


def _may_have(port: int, protocol: str, agent: Agent, taken: set[int], is_free: IsFree) -> bool:
    return port not in taken and agent.offers_port(port) and is_free(port, protocol)


def _shuffled(agent: Agent) -> list[int]:
    first, last = agent.dynamic
    return random.sample(range(first, last + 1), last - first + 1)


def _next_free(
    candidates: list[int], protocol: str, agent: Agent, taken: set[int], is_free: IsFree
) -> int | None:
    for _ in range(min(_TRIES, len(candidates))):
        port = candidates.pop()
        if _may_have(port, protocol, agent, taken, is_free):
            return port
    return None
