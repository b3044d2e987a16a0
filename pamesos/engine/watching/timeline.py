"""What the watcher did, in the order of time: lines of the journal as values to show."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

Line = Mapping[str, Any]
#: What a deed was about, the most exact first.
_SUBJECTS = ("task_id", "url", "workflow_task", "host", "app_id")


class Lines(Protocol):
    """Where a journal keeps its lines."""

    def append(self, line: Line) -> None: ...

    def read(self) -> Iterable[Line]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Deed:
    """One thing that was done (``action``) or found (``notice``), with its reason.

    ``outcome`` None: it is under way, or a crash cut it off. A notice has none.
    """

    id: str
    at: datetime
    group_id: str
    action: str
    subject: str
    reason: str
    outcome: str | None = None
    kind: str = "action"


class TellingLines:
    """Passes lines on to a journal's place, then to whoever listens."""

    def __init__(
        self,
        lines: Lines,
        on_line: Callable[[Line], None],
        on_read: Callable[[list[Line]], None],
    ) -> None:
        self._lines = lines
        self._on_line = on_line
        self._on_read = on_read

    def append(self, line: Line) -> None:
        """Raises what the journal's place raises; then nobody hears of the line."""
        self._lines.append(line)
        self._on_line(line)

    def read(self) -> Iterable[Line]:
        """Raises what the journal's place raises."""
        lines = list(self._lines.read())
        self._on_read(lines)
        return lines

    def close(self) -> None:
        self._lines.close()


def replay(lines: Iterable[Line], kept: int) -> dict[str, list[Deed]]:
    """Return the last deeds of each cluster, oldest first; what has no outcome was cut off."""
    deeds: dict[str, deque[Deed]] = {}
    under_way: dict[str, str] = {}
    for line in lines:
        if line.get("phase") == "intent" and (deed := deed_of(line)):
            deeds.setdefault(deed.group_id, deque(maxlen=kept)).append(deed)
            under_way[deed.id] = deed.group_id
        elif line.get("phase") == "outcome":
            group_id = under_way.pop(str(line.get("id")), "")
            if group_id:
                _conclude(deeds[group_id], line)
    return {
        group_id: [replace(deed, outcome=deed.outcome or "cut off by a crash") for deed in some]
        for group_id, some in deeds.items()
    }


def deed_of(line: Line) -> Deed | None:
    """Return the deed that an intent tells of; None if the line is not whole."""
    try:
        at, action = datetime.fromisoformat(str(line["at"])), str(line["action"])
    except (KeyError, ValueError):
        return None
    group_id = str(line.get("cluster") or _group_of(str(line.get("app_id", ""))))
    if not group_id or at.tzinfo is None:
        return None
    subject = next((str(line[name]) for name in _SUBJECTS if line.get(name)), "")
    return Deed(str(line.get("id")), at, group_id, action, subject, str(line.get("reason", "")))


def _group_of(app_id: str) -> str:
    return app_id.rpartition("/")[0]


def _conclude(deeds: deque[Deed], line: Line) -> None:
    for index in range(len(deeds) - 1, -1, -1):  # an outcome follows soon after its intent
        if deeds[index].id == line["id"]:
            deeds[index] = replace(deeds[index], outcome=str(line.get("outcome", "")))
            return
