"""Whether an agent fulfils an app's constraints, given where its instances are. Pure.

The operators of Marathon 1.11: UNIQUE, CLUSTER, GROUP_BY, LIKE, UNLIKE, MAX_PER, IS.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable, Sequence

from pamesos.local.launcher.agents import Agent

Constraint = Sequence[str]


def fulfils(
    constraints: Iterable[Constraint], agent: Agent, placed: Sequence[Agent], known: Sequence[Agent]
) -> bool:
    """Tell whether one more instance may go to this agent.

    ``placed`` has the agent of each instance that runs already, ``known`` all agents there are.
    """
    return all(_one(constraint, agent, placed, known) for constraint in constraints)


def _one(
    constraint: Constraint, agent: Agent, placed: Sequence[Agent], known: Sequence[Agent]
) -> bool:
    field, operator = constraint[0], constraint[1].upper()
    argument = constraint[2] if len(constraint) > 2 else ""
    value = agent.field(field)
    if value is None:
        # An agent without the attribute fulfils UNLIKE and nothing else.
        return operator == "UNLIKE"
    if operator == "GROUP_BY":
        return _group_by(field, argument, value, placed, known)
    taken = [other for host in placed if (other := host.field(field)) is not None]
    return _RULES[operator](value, argument, taken)


def _unique(value: str, _argument: str, taken: list[str]) -> bool:
    return value not in taken


def _cluster(value: str, argument: str, taken: list[str]) -> bool:
    if argument:
        return value == argument
    return all(value == other for other in taken)


def _like(value: str, argument: str, _taken: list[str]) -> bool:
    return re.fullmatch(argument, value) is not None


def _unlike(value: str, argument: str, _taken: list[str]) -> bool:
    return re.fullmatch(argument, value) is None


def _is(value: str, argument: str, _taken: list[str]) -> bool:
    return value == argument


def _max_per(value: str, argument: str, taken: list[str]) -> bool:
    return taken.count(value) < int(argument)


def _group_by(
    field: str, argument: str, value: str, placed: Sequence[Agent], known: Sequence[Agent]
) -> bool:
    counts = collections.Counter(host.field(field) for host in placed)
    values = {other for host in known if (other := host.field(field)) is not None}
    groups = max(int(argument), len(values)) if argument else len(values)
    fewest = min((counts[other] for other in values), default=0)
    if len(values) < groups:
        fewest = 0  # a group that no agent of now belongs to has nothing
    return counts[value] <= fewest


_RULES: dict[str, Callable[[str, str, list[str]], bool]] = {
    "UNIQUE": _unique,
    "CLUSTER": _cluster,
    "LIKE": _like,
    "UNLIKE": _unlike,
    "IS": _is,
    "MAX_PER": _max_per,
}
