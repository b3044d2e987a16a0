"""Which kind of crash loop an app is in, with the evidence: a loop must end in a verdict.

The kinds follow Singularity's (facts/peers-and-pains.md). The first one that fits is named, from
the one that says most about the cause to the one that says least.
"""

from __future__ import annotations

import enum
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from pamesos.core import names
from pamesos.core.memory import Failure
from pamesos.core.observed import AppView

#: A task that ended so soon never did its work; a JVM alone needs some of it.
START = timedelta(seconds=30)
#: So much of the evidence must agree: one stray failure does not hide a pattern.
_MOST = 0.8

_EXIT = re.compile(r"exited with status (?P<status>\d+)")
_SIGNAL = re.compile(r"terminated with signal (?P<signal>\w+)")
#: The messages of the Mesos memory limiter, of Docker and of the JVM.
_MEMORY = re.compile(r"memory limit|out of memory|outofmemory|oom[- ]?kill|oomkilled", re.I)

#: Exit statuses of the node's launcher, as the shell sees them (facts/proactive.md 3).
_NODE_EXITS = {
    1: "the JVM or its command failed; the task's output says why",
    44: "it cannot join the RM",
    45: "it cannot join the RM",
    46: "it cannot join the RM",
    47: "it cannot join the RM: address, network or node source",
    48: "bad option on its command line",
    50: "all its nodes were removed from the RM",
    51: "its data spaces cannot be used",
    100: "it cannot reach the RM any more",
    101: "the RM is gone and did not come back",
    200: "its credentials cannot be read",
    201: "its credentials cannot be decoded",
    202: "its credentials are not in the environment",
}
#: Those that say that the node never was one.
_NODE_NEVER_JOINED = frozenset({44, 45, 46, 47, 48, 51, 200, 201, 202})
#: Of the server (facts/proactive.md 2).
_SERVER_EXITS = {
    2: "it cannot reach its Resource Manager",
    4: "bad number on its command line",
    5: "it cannot reach its database, or a bad number on its command line",
}
_ANY_EXITS = {126: "the command cannot be run", 127: "the command was not found"}


class Kind(enum.Enum):
    """Values are the words that an operator reads."""

    OUT_OF_MEMORY = "out of memory"
    ONE_AGENT = "on one agent"
    AT_START = "at start"
    ONE_INSTANCE = "one instance"
    ALL_INSTANCES = "all instances"
    SLOW = "slow"


@dataclass(frozen=True)
class CrashLoop:
    """``evidence`` is what was counted, in words."""

    kind: Kind
    evidence: str

    def __str__(self) -> str:
        return f"crash loop, {self.kind.value}: {self.evidence}"


@dataclass(frozen=True)
class BadHost:
    """An agent on which an app fails while it runs on others."""

    host: str
    failures: int
    running_elsewhere: int


def classify(failures: Sequence[Failure], app: AppView, window: timedelta) -> CrashLoop:
    """Return the kind of the loop; ``failures`` are those within the window, at least one."""
    kind, what = _kind(failures, app)
    minutes = window.total_seconds() / 60
    parts = [f"{len(failures)} failures within {minutes:g} min", what, _exits(failures, app)]
    last = next((failure.message for failure in reversed(failures) if failure.message), "")
    parts.append(f"last: {last}" if last else "no message")
    return CrashLoop(kind, "; ".join(part for part in parts if part))


def bad_hosts(failures: Sequence[Failure], app: AppView, least: int) -> tuple[BadHost, ...]:
    """Return the one agent that is to blame for an app's failures, if there is one.

    It must have ``least`` failures, nearly all there are, and the app must run on another agent at
    this moment: else nothing shows that the fault is the agent's and not the app's.
    """
    where = Counter(failure.host for failure in failures if failure.host)
    if not where:
        return ()
    host, count = where.most_common(1)[0]
    elsewhere = sum(task.host not in (None, host) for task in app.running_tasks())
    if count < least or count < _MOST * len(failures) or not elsewhere:
        return ()
    return (BadHost(host, count, elsewhere),)


def _kind(failures: Sequence[Failure], app: AppView) -> tuple[Kind, str]:
    total = len(failures)
    memory = sum(bool(_MEMORY.search(failure.message)) for failure in failures)
    if _is_most(memory, total):
        return Kind.OUT_OF_MEMORY, f"{memory} of them for want of memory: raise resources.mem"
    for bad in bad_hosts(failures, app, least=2):
        return Kind.ONE_AGENT, f"{bad.failures} of them on {bad.host}; it runs on other agents"
    soon = sum(_ended_at_start(failure, app) for failure in failures)
    if _is_most(soon, total):
        return Kind.AT_START, f"{soon} of them before it did any work"
    if app.instances > 1:
        instances = {failure.instance for failure in failures}
        if len(instances) == 1:
            return Kind.ONE_INSTANCE, f"always the same of {app.instances} instances"
        if len(instances) >= app.instances:
            return Kind.ALL_INSTANCES, f"each of its {app.instances} instances failed"
    return Kind.SLOW, "each ran for a while first"


def _is_most(part: int, whole: int) -> bool:
    return part > 0 and part >= _MOST * whole


def _ended_at_start(failure: Failure, app: AppView) -> bool:
    if failure.ran is not None and failure.ran <= START:
        return True
    is_node = app.labels.get(names.LABEL_TIER) == names.TIER_NODES
    return is_node and exit_status(failure.message) in _NODE_NEVER_JOINED


def _exits(failures: Iterable[Failure], app: AppView) -> str:
    ends = Counter(_end(failure.message, app) for failure in failures)
    ends.pop("", None)
    return ", ".join(f"{count} × {end}" for end, count in ends.most_common(3))


def _end(message: str, app: AppView) -> str:
    status = exit_status(message)
    if status is None:
        signal = _SIGNAL.search(message)
        return f"signal {signal['signal']}" if signal else ""
    meaning = explain_exit(status, app)
    return f"exit {status} ({meaning})" if meaning else f"exit {status}"


def exit_status(message: str) -> int | None:
    """Return the status in ``Command exited with status 47``; None if it names none."""
    match = _EXIT.search(message)
    return int(match["status"]) if match else None


def explain_exit(status: int, app: AppView) -> str:
    """Return what an exit status of this app means; empty if nobody knows."""
    tiers = {names.TIER_NODES: _NODE_EXITS, names.TIER_SCHEDULER: _SERVER_EXITS}
    known = tiers.get(app.labels.get(names.LABEL_TIER, ""), {})
    return known.get(status) or _ANY_EXITS.get(status) or _by_signal(status)


def _by_signal(status: int) -> str:
    words = {130: "interrupted", 137: "killed hard, often for want of memory", 143: "told to end"}
    return words.get(status, "")
