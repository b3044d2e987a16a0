"""What a health check knows of an instance, and what its next result makes of it. Pure.

It is kept over relaunches: right after one the old results are still shown, and an instance that
was alive and is alive again makes no event (facts/stack.md 2).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pamesos.local.times import from_iso


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """Times are ISO texts; ``alive`` is what the last result that counted said."""

    alive: bool = False
    consecutive_failures: int = 0
    first_success: str | None = None
    last_success: str | None = None
    last_failure: str | None = None
    last_failure_cause: str | None = None

    def succeeded(self, at: str) -> Health:
        """Return this after a success."""
        first = self.first_success or at
        return dataclasses.replace(
            self, alive=True, consecutive_failures=0, first_success=first, last_success=at
        )

    def failed(self, at: str, cause: str) -> Health:
        """Return this after a failure that counts."""
        return dataclasses.replace(
            self,
            alive=False,
            consecutive_failures=self.consecutive_failures + 1,
            last_failure=at,
            last_failure_cause=cause,
        )

    def as_json(self, instance_id: str) -> dict[str, Any]:
        """Return an entry of ``healthCheckResults``."""
        shown = {
            "alive": self.alive,
            "consecutiveFailures": self.consecutive_failures,
            "firstSuccess": self.first_success,
            "instanceId": f"instance [{instance_id}]",
            "lastSuccess": self.last_success,
            "lastFailure": self.last_failure,
            "lastFailureCause": self.last_failure_cause,
        }
        return {key: value for key, value in shown.items() if value is not None}


def is_ignored(check: Mapping[str, Any], started_at: str, was_green: bool, now: datetime) -> bool:
    """Tell whether a failure does not count: the task may still be starting.

    ``was_green``: the check succeeded since this task was started.
    """
    grace = timedelta(seconds=check["gracePeriodSeconds"])
    return not was_green and now < from_iso(started_at) + grace


def is_fatal(check: Mapping[str, Any], before: Health) -> bool:
    """Tell whether one more failure makes Marathon kill the task.

    It looks at the failures before this one: with 3 allowed, the fourth kills (recordings 04).
    """
    allowed = int(check["maxConsecutiveFailures"])
    return 0 < allowed <= before.consecutive_failures
