"""What a file holds, with the place of every value, so that a fault can name its line.

Overrides and ``--set`` work on these trees; each value keeps the place it came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: Keys and list positions from the root: ``("nodeSources", 1, "resources", "mem")``.
KeyPath = tuple[str | int, ...]


class Interpolated(str):
    """A text that came from ``${VAR}``: where a number is expected it may spell one."""

    __slots__ = ()


@dataclass(frozen=True)
class Place:
    """Where a value stands. ``directory`` is what its relative file names are relative to."""

    source: str
    line: int | None = None
    directory: Path = Path()

    def __str__(self) -> str:
        return self.source if self.line is None else f"{self.source}:{self.line}"


@dataclass(frozen=True)
class Node:
    """A mapping, a list or a scalar. ``place`` is that of the key for members of a mapping."""

    value: dict[str, Node] | list[Node] | str | int | float | bool | None
    place: Place

    def children(self) -> Iterator[tuple[str | int, Node]]:
        if isinstance(self.value, dict):
            yield from self.value.items()
        elif isinstance(self.value, list):
            yield from enumerate(self.value)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where in the tree, and what was expected there."""

    path: KeyPath
    text: str
    place: Place | None = None

    def __str__(self) -> str:
        where = [str(self.place)] if self.place else []
        where += [spell(self.path)] if self.path else []
        return ": ".join([*where, self.text])


def spell(path: KeyPath) -> str:
    """Return ``nodeSources[1].resources.mem``."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return text.lstrip(".")


def plain(node: Node) -> Any:
    """Return the tree as dicts, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def place_of(root: Node, path: KeyPath) -> Place:
    """Return the place of the value, or of the nearest ancestor that exists."""
    node = root
    for key in path:
        found = dict(node.children()).get(key)
        if found is None:
            break
        node = found
    return node.place


def kind_of(value: Any) -> str:
    """Return what a value is, in words and without the value: it may be a secret."""
    if value is None:
        return "null"
    words_of: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        ((int, float), "a number"),
        (str, "a string"),
        (list, "a list"),
        (dict, "an object"),
    )
    return next((words for types, words in words_of if isinstance(value, types)), "something else")
