"""Which id or time of this run stands for which of the transcript."""

from __future__ import annotations

import re
from typing import Any

_NAME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
    r"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|\bagent-\d\b|\b127\.0\.1\.\d\b"
)
#: Tasks are placed anew with every app: of agents the last that was learned counts.
_AGENT = re.compile(r"agent-\d|127\.0\.1\.\d")


class Names:
    """Learns from pairs of answers and translates later requests."""

    def __init__(self) -> None:
        self._ours: dict[str, str] = {}

    def learn(self, recorded: Any, ours: Any) -> None:
        """Note what stands for what, where two answers have the same shape."""
        if isinstance(recorded, dict) and isinstance(ours, dict):
            for key in recorded.keys() & ours.keys():
                self.learn(recorded[key], ours[key])
        elif isinstance(recorded, list) and isinstance(ours, list):
            if len(recorded) == len(ours) and not all(isinstance(each, str) for each in ours):
                recorded, ours = _in_order(recorded), _in_order(ours)
                for one, other in zip(recorded, ours, strict=True):
                    self.learn(one, other)
        elif isinstance(recorded, str) and isinstance(ours, str):
            found, mine = _NAME.findall(recorded), _NAME.findall(ours)
            if len(found) == len(mine):
                for one, other in zip(found, mine, strict=True):
                    if _AGENT.fullmatch(one):
                        self._ours[one] = other
                    else:
                        self._ours.setdefault(one, other)

    def translate(self, text: str) -> str:
        """Return a text of the transcript with the names of this run."""
        return _NAME.sub(lambda match: self._ours.get(match[0], match[0]), text)


def _in_order(items: list[Any]) -> list[Any]:
    """Return tasks in an order that does not depend on chance; other things as they are."""
    if not all(isinstance(item, dict) and "appId" in item and "state" in item for item in items):
        return items
    return sorted(items, key=lambda task: [task.get(key, "") for key in _TASK_ORDER])


_TASK_ORDER = ("appId", "state", "version", "stagedAt", "id")
