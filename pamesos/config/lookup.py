"""Ways into the plain data of a description that may still be wrong anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pamesos.config.tree import KeyPath

#: Databases that the cluster has an app for.
RUN_HERE = ("postgresql", "mariadb", "mysql")


def get(data: Any, *path: str | int) -> Any:
    """Return what is at this path, or None."""
    for key in path:
        if isinstance(data, Mapping):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return None
    return data


def sources(data: Any) -> list[Any]:
    found = get(data, "nodeSources")
    return found if isinstance(found, list) else []


def apps(data: Any) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    """Yield what becomes an app, with its path."""
    if get(data, "database", "kind") in RUN_HERE:
        yield ("database",), data["database"]
    if isinstance(get(data, "scheduler"), Mapping):
        yield ("scheduler",), data["scheduler"]
    for at, source in enumerate(sources(data)):
        if isinstance(source, Mapping):
            yield ("nodeSources", at), source


def has_container_network(data: Any) -> bool:
    return isinstance(get(data, "network"), Mapping)
