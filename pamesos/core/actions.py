"""The closed set of things the watcher may do or say, each with its reason.

``KillTask``, ``ResetLaunchDelay``, ``RemoveRmNode`` and ``PreemptTask`` change the world and are
journalled before they are sent. ``Hold``, ``GiveUp``, ``BadAgent`` and ``Wait`` change nothing:
they are what an operator reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pamesos.core.jobs import RunningTask


@dataclass(frozen=True)
class KillTask:
    """Replace: kill one task without scaling, so that Marathon starts its successor."""

    app_id: str
    task_id: str
    reason: str


@dataclass(frozen=True)
class ResetLaunchDelay:
    """Forget the launch delay of an app, so that the next launch comes now."""

    app_id: str
    reason: str


@dataclass(frozen=True)
class RemoveRmNode:
    """Drop the entry of a dead node from the Resource Manager, which never does it by itself."""

    url: str
    reason: str


@dataclass(frozen=True)
class PreemptTask:
    """Take a workflow task off its node and run it again: the cure for a ghost."""

    task: RunningTask
    reason: str


@dataclass(frozen=True)
class Hold:
    """Do nothing to this cluster now: what is seen cannot be trusted, or must end first."""

    reason: str


@dataclass(frozen=True)
class GiveUp:
    """Stop helping one app: its failures need a human."""

    app_id: str
    reason: str


@dataclass(frozen=True)
class BadAgent:
    """Tell an operator to keep an agent away from an app: nothing is done by itself (ADR 8)."""

    app_id: str
    host: str
    reason: str


@dataclass(frozen=True)
class Wait:
    """Something is wrong but not yet for long enough; look again at ``until``."""

    subject: str
    until: datetime
    reason: str


Effect = KillTask | ResetLaunchDelay | RemoveRmNode | PreemptTask
Notice = Hold | GiveUp | BadAgent | Wait
Action = Effect | Notice
