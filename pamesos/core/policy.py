"""How patient and how bold the watcher is with one cluster, and how the live group says so.

The description's ``watch`` becomes labels ``org.pamesos.watch.*``, so that a watcher needs no file.
A group without them, or with a label that is no number, is watched with the defaults.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from pamesos.core import names
from pamesos.core.snapshot import ClusterSnapshot, NodeTask


@dataclass(frozen=True)
class Policy:
    """The defaults are argued in docs/watch.md."""

    #: A node that the RM calls Down or Lost while its task runs is replaced after this. The RM
    #: needs about 48 s to notice a hung node (facts/stack.md): this only bridges a short gap.
    grace: timedelta = timedelta(seconds=30)
    #: A node that never registered gets longer: a JVM start on a busy agent, 63 s until a node that
    #: cannot join gives up by itself (facts/proactive.md 3).
    register_grace: timedelta = timedelta(seconds=120)
    #: So many failures of one app within the window are helped; the next one is a crash loop.
    budget: int = 5
    window: timedelta = timedelta(minutes=10)
    #: If more than this share of the nodes looks broken at once, the view is suspected instead.
    mass_share: float = 0.5
    #: … but not in clusters so small that two broken nodes are most of them.
    mass_floor: int = 3
    #: At most so many replacements a minute.
    kills_per_minute: int = 10
    #: So many failures on one agent, while the app runs on others, are the agent's fault.
    agent_failures: int = 3
    #: A drain waits this long for the workflow tasks of nodes that are to go.
    drain_deadline: timedelta = timedelta(seconds=300)

    def patience(self, node: NodeTask) -> timedelta:
        """Return how long this node may look broken."""
        return self.grace if node.declared_dead else self.register_grace


def _seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


#: Policy field -> its label, what a number means, and which of two node sources' wins: the patient.
_LABELS: dict[str, tuple[str, Callable[[float], Any], Callable[[Iterable[float]], float]]] = {
    "grace": (names.LABEL_WATCH_GRACE, _seconds, max),
    "register_grace": (names.LABEL_WATCH_REGISTER_GRACE, _seconds, max),
    "budget": (names.LABEL_WATCH_BUDGET, int, min),
    "window": (names.LABEL_WATCH_WINDOW, _seconds, max),
    "mass_share": (names.LABEL_WATCH_MASS_SHARE, float, min),
    "kills_per_minute": (names.LABEL_WATCH_KILLS_PER_MINUTE, int, min),
    "agent_failures": (names.LABEL_WATCH_AGENT_FAILURES, int, max),
    "drain_deadline": (names.LABEL_WATCH_DRAIN_DEADLINE, _seconds, max),
}


def policy_of(snapshot: ClusterSnapshot) -> Policy:
    """Return the policy that the labels of the cluster ask for.

    With a grace alone, a node that never registered gets four times that.
    """
    asked: dict[str, Any] = {}
    for name, (label, meaning, patient) in _LABELS.items():
        texts = (app.labels.get(label, "") for app in snapshot.apps)
        numbers = [number for number in map(_number, texts) if number is not None]
        if numbers:
            asked[name] = meaning(patient(numbers))
    if "grace" in asked:
        asked.setdefault("register_grace", 4 * asked["grace"])
    return replace(Policy(), **asked)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1e8 else None
