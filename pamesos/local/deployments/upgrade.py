"""How many instances may end and begin while an app is replaced, and which end first. Pure."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from pamesos.local.instances.model import Instance


@dataclasses.dataclass(frozen=True, slots=True)
class Strategy:
    """``kill_now``: old instances to end before anything else; ``capacity``: most at one time."""

    kill_now: int
    capacity: int


def strategy(app: Mapping[str, Any], running: int) -> Strategy:
    """Return how to replace ``running`` instances, as ``upgradeStrategy`` has it.

    Where that would allow no move at all (all must stay healthy and none may be added), Marathon
    takes one more instance for the time being.
    """
    count = int(app["instances"])
    upgrade = app["upgradeStrategy"]
    healthy = math.ceil(count * float(upgrade["minimumHealthCapacity"]))
    capacity = int(count * (1 + float(upgrade["maximumOverCapacity"])))
    kill_now = max(0, running - healthy)
    if healthy == capacity and capacity <= running:
        capacity += 1
    return Strategy(kill_now, capacity)


def kill_order(instances: Iterable[Instance], selection: str) -> list[Instance]:
    """Return instances in the order in which they are ended: what does not run first."""
    youngest_first = selection != "OLDEST_FIRST"
    by_age = sorted(instances, key=_age, reverse=youngest_first)
    return sorted(by_age, key=_weight)


def _age(instance: Instance) -> str:
    return instance.task.staged_at if instance.task is not None else instance.since


def _weight(instance: Instance) -> int:
    if not instance.is_active:
        return 0
    return 2 if instance.is_running else 1
