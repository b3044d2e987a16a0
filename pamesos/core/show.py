"""How a group is shown to people: in one line, and without its secrets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pamesos.core import names
from pamesos.core.model import Submission

MASK = "******"


def masked(group: dict[str, Any], secrets: frozenset[str]) -> dict[str, Any]:
    """Return a copy in which every env value that is a secret is ``******``.

    Only values of variables whose name says so: a user may well be called as its password is.
    """
    copy = dict(group)
    if isinstance(group.get("env"), dict):
        copy["env"] = {
            key: MASK if value in secrets and is_secret_name(key) else value
            for key, value in group["env"].items()
        }
    for key in ("apps", "groups"):
        if key in group:
            copy[key] = [masked(member, secrets) for member in group[key]]
    return copy


def is_secret_name(name: str) -> bool:
    """Return whether a variable of this name holds a secret."""
    upper = name.upper()
    return any(word in upper for word in ("PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL"))


def all_apps(group: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from group.get("apps") or ()
    for member in group.get("groups") or ():
        yield from all_apps(member)


def summarize(submission: Submission) -> str:
    """Return ``quickstart: database …, scheduler, 1 node source, …; group /quickstart, 3 apps``."""
    apps = list(all_apps(submission.group))
    described = submission.description
    parts = [f"database {described.database.kind}", "scheduler"] if described else []
    sources = _tier(apps, names.TIER_NODES)
    if sources:
        parts += [_count(len(sources), "node source"), _nodes(sources)]
    if not parts:
        parts.append("a Marathon group")
    place = f"group {submission.group_id}, {_count(len(apps), 'app')}"
    return f"{submission.name}: {', '.join(parts)}; {place}"


def _tier(apps: list[dict[str, Any]], tier: str) -> list[dict[str, Any]]:
    return [app for app in apps if (app.get("labels") or {}).get(names.LABEL_TIER) == tier]


def _nodes(sources: list[dict[str, Any]]) -> str:
    """Return ``3 nodes x 2 workers``, or ``5 nodes, 9 workers`` where the sources differ."""
    shapes = [(app["instances"], int(app["labels"][names.LABEL_WORKERS])) for app in sources]
    nodes = sum(count for count, _ in shapes)
    workers = {workers for _, workers in shapes}
    if len(workers) == 1:
        return f"{_count(nodes, 'node')} x {_count(workers.pop(), 'worker')}"
    total = sum(count * each for count, each in shapes)
    return f"{_count(nodes, 'node')}, {_count(total, 'worker')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
