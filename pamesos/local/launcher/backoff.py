"""How long an app's next launch is held back after failures. Pure.

The n-th failure in a row holds it ``backoffSeconds * backoffFactor ** (n - 1)``, at most
``maxLaunchDelaySeconds``; after as long without a failure it is forgotten (facts/stack.md 7).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class Delay:
    """``length_s`` is how long the hold was when it began, ``until`` when it ends."""

    length_s: float
    until: datetime


def after_failure(delay: Delay | None, app: Mapping[str, Any], now: datetime) -> Delay:
    """Return the delay after one more failure of a task of this app."""
    longest = float(app["maxLaunchDelaySeconds"])
    if delay is None or is_forgotten(delay, app, now):
        length = float(app["backoffSeconds"])
    else:
        length = delay.length_s * float(app["backoffFactor"])
    length = min(length, longest)
    return Delay(length, now + timedelta(seconds=length))


def again(delay: Delay | None, app: Mapping[str, Any], now: datetime) -> Delay:
    """Return the delay after a lost task: as long as the one before (recordings/marathon/04)."""
    if delay is None or is_forgotten(delay, app, now):
        return after_failure(None, app, now)
    return Delay(delay.length_s, now + timedelta(seconds=delay.length_s))


def is_forgotten(delay: Delay, app: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether the app was calm long enough."""
    return now > delay.until + timedelta(seconds=float(app["maxLaunchDelaySeconds"]))


def seconds_left(delay: Delay | None, now: datetime) -> float:
    """Return how long launches are still held back, 0 if they are not."""
    return 0.0 if delay is None else max(0.0, (delay.until - now).total_seconds())
