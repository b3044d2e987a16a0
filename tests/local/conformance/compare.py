"""Compares answers with what differs by nature masked: ids, times, assigned ports, some orders."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

_MASKS = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"), "<time>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"(http://)?127\.0\.0\.1:\d+"), "<here>"),
    (re.compile(r"\._app\.\d+"), "._app.<n>"),
    (re.compile(r"127\.0\.1\.\d"), "<agent>"),
    (re.compile(r".*-O\d+"), "<offer>"),
)
#: Lists whose order the real one does not keep (facts/marathon.md 4, 21; marathon-fuzz/README).
_UNORDERED = frozenset(
    {"details", "errors", "constraints", "apps", "groups", "versions", "actions"}
)
_PORTS = frozenset({"port", "servicePort", "hostPort"})
#: Headers that clients read; the rest belongs to the server.
_HEADERS = ("location", "marathon-deployment-id", "content-type")


#: What depends on how fast tasks start: the transcripts that do not wait caught it half-way.
_TIMING = frozenset(
    {
        "deployments",
        "lastTaskFailure",
        "tasks",
        "tasksStaged",
        "tasksRunning",
        "tasksHealthy",
        "tasksUnhealthy",
    }
)


#: What names the recorded agents and their sockets, or how far a task has got.
_LIVELY = frozenset(
    {
        *("host", "slaveId", "ipAddress", "ports", "region", "zone", "hostname", "agentId"),
        *("averageSeconds", "medianSeconds", "attributes", "ranges", "timeLeftSeconds", "overdue"),
    }
)


def masked(value: Any, key: str = "", *, timing: bool = False, lively: bool = False) -> Any:
    """Return a JSON value in which only what must be equal is left."""
    if isinstance(value, dict):
        value = _with_equal_times(value)
        skipped = _TIMING if timing and "versionInfo" in value else frozenset()
        if lively:
            skipped |= _LIVELY
        return {
            name: masked(member, name, timing=timing, lively=lively)
            for name, member in value.items()
            if name not in skipped
        }
    if isinstance(value, list):
        items = [masked(item, key, timing=timing, lively=lively) for item in value]
        if (timing or lively) and _are_versions(items):
            return "<times>"  # among them those of before the transcript
        if key in _UNORDERED or (lively and key in ("tasks", "*", "lastUnusedOffers")):
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        return items
    if isinstance(value, str):
        for pattern, mask in _MASKS:
            value = pattern.sub(mask, value)
        return value
    if key in _PORTS and isinstance(value, int) and value >= 10000:
        return "<port>"
    return value


def _with_equal_times(value: dict[str, Any]) -> dict[str, Any]:
    """Return an app that says of its times which of them are its version."""
    version, info = value.get("version"), value.get("versionInfo")
    if not isinstance(version, str) or not isinstance(info, dict):
        return value
    marked = {name: "<version>" if time == version else time for name, time in info.items()}
    return {**value, "versionInfo": marked}


def _are_versions(items: list[Any]) -> bool:
    return bool(items) and all(item == "<time>" for item in items)


def masked_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that clients read, masked."""
    lower = {name.lower(): value for name, value in headers.items()}
    return {name: re.sub(r";.*", "", masked(lower[name])) for name in _HEADERS if lower.get(name)}


def difference(expected: Any, actual: Any, at: str = "") -> str | None:
    """Return the first place where two masked values differ, in words; None if they are equal."""
    if expected == actual and type(expected) is type(actual):
        return None
    if isinstance(expected, dict) and isinstance(actual, dict):
        return _first(_members(expected, actual, at))
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return _first(difference(one, other, f"{at}({i})") for i, (one, other) in pairs)
    return f"{at or '/'}: expected {_short(expected)}, got {_short(actual)}"


def _members(expected: dict[str, Any], actual: dict[str, Any], at: str) -> Iterator[str | None]:
    for name in sorted(expected.keys() | actual.keys()):
        if name not in actual:
            yield f"{at}/{name}: missing, expected {_short(expected[name])}"
        elif name not in expected:
            yield f"{at}/{name}: not expected: {_short(actual[name])}"
        else:
            yield difference(expected[name], actual[name], f"{at}/{name}")


def _first(found: Iterable[str | None]) -> str | None:
    return next((each for each in found if each), None)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 160 else text[:157] + "..."
