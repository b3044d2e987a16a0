"""Which host ports a task gets. Pure but for the test whether a port is free, which is passed in.

Host networking: the app's ``portDefinitions``, fixed ones only with ``requirePorts`` (then in
order, as they are), else any. Bridge and container networks: the ``hostPort`` of each mapping.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from pamesos.local.launcher.agents import Agent, PortRange

#: (port, "tcp" or "udp" or "tcp,udp") -> may it be given to a task?
IsFree = Callable[[int, str], bool]

#: A task that cannot get a free port after as many tries gets none.
_TRIES = 4000
#: So many are tried at random before all are gone through.
_GUESSES = 8


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


def without(ranges: Sequence[PortRange], taken: Set[int]) -> tuple[PortRange, ...]:
    """Return port ranges with these ports cut out."""
    left = []
    for first, last in ranges:
        begin = first
        for port in sorted(port for port in taken if first <= port <= last):
            if begin < port:
                left.append((begin, port - 1))
            begin = port + 1
        if begin <= last:
            left.append((begin, last))
    return tuple(left)


def pick(
    asked: Sequence[tuple[int | None, str]], agent: Agent, used: Set[int], is_free: IsFree
) -> tuple[int, ...] | None:
    """Return the ports for a new task, None if they cannot be had on this agent.

    ``used`` are the ports of the agent's own tasks.
    """
    given: list[int] = []
    for port, protocol in asked:
        if port is None:
            continue
        if port:
            candidates: Iterable[int] = (port,)
        else:
            candidates = _from_anywhere(agent)
        chosen = _first_free(candidates, protocol, agent, (used, given), is_free)
        if chosen is None:
            return None
        given.append(chosen)
    return tuple(given)


def _from_anywhere(agent: Agent) -> Iterator[int]:
    """Yield the ports that are picked from, all but ordered, without a list of them for each."""
    first, last = agent.dynamic
    some = [random.randint(first, last) for _ in range(_GUESSES)]  # noqa: S311 - no secret
    return itertools.chain(some, range(some[0], last + 1), range(first, some[0]))


def _first_free(
    candidates: Iterable[int],
    protocol: str,
    agent: Agent,
    taken: tuple[Set[int], Sequence[int]],
    is_free: IsFree,
) -> int | None:
    used, given = taken
    tries = _TRIES
    for port in candidates:
        if port in used or port in given or not agent.offers_port(port):
            continue
        if is_free(port, protocol):
            return port
        tries -= 1
        if not tries:
            break
    return None
