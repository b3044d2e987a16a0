"""What calls of the API meet by order of the control API: delays, failures, no leader."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from pamesos.local.definitions.refusal import message


@dataclasses.dataclass(slots=True)
class Rule:
    """Calls whose path begins so are answered late, or with ``status`` and never served.

    ``left`` is for how many calls still; None: for all.
    """

    path: str
    method: str | None
    left: int | None
    status: int | None
    body: str
    delay_s: float


class Weather:
    """All rules, first come first served, and until when there is no leader."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []
        self._gap = (0.0, 0.0)

    def order(self, order: Mapping[str, Any]) -> None:
        """Add a rule, or with ``clear`` forget all. Raises Refusal 422."""
        if order.get("clear"):
            self._rules.clear()
            return
        try:
            self._rules.append(_rule(order))
        except (TypeError, ValueError, LookupError) as error:
            raise message(422, f"a rule for calls cannot be read: {error}") from error

    def lose_leader(self, gap_s: float) -> None:
        """Have no leader for so long."""
        self._gap = (time.monotonic(), time.monotonic() + gap_s)

    def gap_status(self) -> int | None:
        """Return what calls are answered while there is no leader, None if there is one.

        500 while the old one still thinks it leads, then 502 (recordings/stack/08).
        """
        begin, end = self._gap
        moment = time.monotonic()
        if moment >= end:
            return None
        return 500 if moment < begin + (end - begin) / 2 else 502

    def take(self, method: str, path: str) -> Rule | None:
        """Return the rule that a call falls under, and count it."""
        for rule in self._rules:
            if rule.method in (None, method) and path.startswith(rule.path):
                if rule.left is not None:
                    rule.left -= 1
                    if rule.left <= 0:
                        self._rules.remove(rule)
                return rule
        return None

    def shown(self) -> list[dict[str, Any]]:
        """Return the rules for ``GET /control``."""
        return [dataclasses.asdict(rule) for rule in self._rules]


def _rule(order: Mapping[str, Any]) -> Rule:
    times, status = order.get("times"), order.get("status")
    method = order.get("method")
    return Rule(
        path=str(order["path"]),
        method=None if method is None else str(method).upper(),
        left=None if times is None else int(times),
        status=None if status is None else int(status),
        body=str(order.get("body", "")),
        delay_s=float(order.get("delayMs", 0)) / 1000,
    )
