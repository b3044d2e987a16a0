"""Ids of apps and groups: making them absolute, and what is wrong with them."""

from __future__ import annotations

import re

SEGMENT = (
    r"^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])"
    r"|(\.|\.\.)$"
)
_SEGMENT = re.compile(
    r"(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|(\.|\.\.)"
)
RESERVED = ("restart", "tasks", "versions", ".", "..")


def segments(path: str) -> list[str]:
    """Return the parts of a path without empty ones: ``/a//b/`` has two."""
    return [part for part in path.split("/") if part]


def absolute(path: str, base: str = "/") -> str:
    """Return the path from the root; ``..`` goes up, never above the root."""
    parts = segments(path) if path.startswith("/") else [*segments(base), *segments(path)]
    kept: list[str] = []
    for part in parts:
        if part == "..":
            kept[-1:] = []
        elif part != ".":
            kept.append(part)
    return "/" + "/".join(kept)


def faults(path: str) -> list[str]:
    """Return what is wrong with a path wherever it stands (recordings 01, ids)."""
    parts = segments(path)
    found = []
    if not all(_SEGMENT.fullmatch(part) for part in parts):
        found.append(f"must fully match regular expression '{SEGMENT}'")
    if parts and parts[-1] in RESERVED:
        found.append(
            f"must not end with any of the following reserved keywords: {', '.join(RESERVED)}"
        )
    return found


def top_level(path: str) -> str:
    """Return the first part of an absolute path: ``a`` for ``/a/b``; empty for the root."""
    return next(iter(segments(path)), "")
