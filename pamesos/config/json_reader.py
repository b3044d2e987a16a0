"""JSON to a tree with lines. ``json`` itself judges the syntax; this only adds the places.

PyYAML cannot do it: it refuses JSON that is indented with tabs and reads ``1e5`` as a string.
"""

from __future__ import annotations

import bisect
import json
import re

from pamesos.config.tree import Fault, KeyPath, Node, Place
from pamesos.errors import InvalidDescriptionError

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def parse_json(text: str, start: Place) -> tuple[Node, list[Fault]]:
    """Return the tree and a fault for each key that is there twice."""
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidDescriptionError(
            start.source,
            [f"{start.source}:{error.lineno}: not JSON: {error.msg} (column {error.colno})"],
        ) from error
    except ValueError as error:
        raise InvalidDescriptionError(start.source, [f"not JSON: {error}"]) from error
    except RecursionError as error:
        raise InvalidDescriptionError(start.source, ["nested too deep"]) from error
    scanner = _Scanner(text, start)
    try:
        node, _ = scanner.value(_SPACE.match(text).end(), ())  # type: ignore[union-attr]
    except RecursionError as error:
        raise InvalidDescriptionError(start.source, ["nested too deep"]) from error
    return node, scanner.faults


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


class _Scanner:
    """Walks text that is known to be JSON and notes the line of every value."""

    def __init__(self, text: str, start: Place) -> None:
        self.text = text
        self.start = start
        self.faults: list[Fault] = []
        self._line_ends = [match.start() for match in re.finditer("\n", text)]

    def value(self, at: int, path: KeyPath, place: Place | None = None) -> tuple[Node, int]:
        """Return the value that starts at this offset, and the offset after it."""
        place = place or self._place(at)
        opening = self.text[at]
        if opening == "{":
            return self._mapping(at, path, place)
        if opening == "[":
            return self._list(at, path, place)
        scalar, end = _DECODER.raw_decode(self.text, at)
        return Node(scalar, place), end

    def _mapping(self, at: int, path: KeyPath, place: Place) -> tuple[Node, int]:
        members: dict[str, Node] = {}
        at = self._skip(at + 1)
        while self.text[at] != "}":
            key_place = self._place(at)
            key, at = _DECODER.raw_decode(self.text, at)
            at = self._skip(self._skip(at) + 1)
            node, at = self.value(at, (*path, key), key_place)
            if key in members:
                first = members[key].place.line
                text = f"this key is there twice (first in line {first}); keep one"
                self.faults.append(Fault((*path, key), text, key_place))
            members.setdefault(key, node)
            at = self._after(at)
        return Node(members, place), at + 1

    def _list(self, at: int, path: KeyPath, place: Place) -> tuple[Node, int]:
        items: list[Node] = []
        at = self._skip(at + 1)
        while self.text[at] != "]":
            node, at = self.value(at, (*path, len(items)))
            items.append(node)
            at = self._after(at)
        return Node(items, place), at + 1

    def _after(self, at: int) -> int:
        at = self._skip(at)
        return self._skip(at + 1) if self.text[at] == "," else at

    def _skip(self, at: int) -> int:
        match = _SPACE.match(self.text, at)
        assert match is not None, "the pattern matches the empty string"
        return match.end()

    def _place(self, at: int) -> Place:
        line = bisect.bisect_left(self._line_ends, at) + 1
        return Place(self.start.source, line, self.start.directory)
