"""Which group the request that is being answered changes; the events of the change name it."""

from __future__ import annotations

from contextvars import ContextVar

#: The parent of what is changed (facts/marathon.md 25).
CHANGED_GROUP: ContextVar[str] = ContextVar("changed_group", default="/")


def group_changed_by(path: str) -> str:
    """Return the parent of the app or group that a request path names, the root for others."""
    for prefix in ("/v2/apps/", "/v2/groups/"):
        if path.startswith(prefix):
            name = path.removeprefix(prefix).strip("/").removesuffix("/restart")
            return "/" + name.rpartition("/")[0]
    return "/"
