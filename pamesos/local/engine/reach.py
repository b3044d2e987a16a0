"""Now and then looks at unreachable instances, as ``unreachableStrategy`` says.

The real Marathon does so only when it reconciles its tasks with Mesos (facts/stack.md 6).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pamesos.local.instances import model
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.instances.model import Instance
from pamesos.local.times import from_iso


def look_again(lifecycle: Lifecycle, now: datetime) -> None:
    """Replace, and later forget, what was out of reach for as long as its app allows."""
    for instance in [i for i in lifecycle.tracker.all() if i.is_unreachable]:
        strategy = instance.app.get("unreachableStrategy")
        away_s = (now - from_iso(instance.since)).total_seconds()
        if isinstance(strategy, Mapping):
            _look_at(lifecycle, instance, strategy, away_s)


def _look_at(
    lifecycle: Lifecycle, instance: Instance, strategy: Mapping[str, float], away_s: float
) -> None:
    is_wanted = instance.goal == model.GOAL_RUNNING
    if instance.is_wanted and away_s >= strategy["inactiveAfterSeconds"]:
        lifecycle.replace_unreachable(instance)
    elif not instance.is_wanted and is_wanted and away_s >= strategy["expungeAfterSeconds"]:
        lifecycle.expunge(instance)
