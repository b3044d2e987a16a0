"""YAML to a tree with lines: plain data only, no tags, no dates, and no bombs.

Dates and times stay the text they were written as: no field of a description is a date.
"""

from __future__ import annotations

from typing import Any

import yaml

from pamesos.config.tree import Fault, KeyPath, Node, Place
from pamesos.errors import InvalidDescriptionError

#: Values after aliases are expanded. A "billion laughs" file has 10^9 in 400 bytes.
MAX_VALUES = 100_000
MAX_DEPTH = 60

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}
_KNOWN = "tag:yaml.org,2002:"


def parse_yaml(text: str, start: Place) -> tuple[Node, list[Fault]]:
    """Return the tree and a fault for each key that is there twice."""
    try:
        documents: list[Any] = list(yaml.compose_all(text, Loader=_Loader))
        if len(documents) != 1 or documents[0] is None:
            found = f"{len(documents)} documents" if len(documents) > 1 else "only comments"
            problem = f"expected one YAML document, found {found}"
            raise InvalidDescriptionError(start.source, [problem])
        builder = _Builder(start)
        return builder.build(documents[0], (), 0), builder.faults
    except yaml.YAMLError as error:
        raise InvalidDescriptionError(start.source, [_describe(error, text, start)]) from error
    except RecursionError as error:
        raise InvalidDescriptionError(start.source, ["nested too deep"]) from error


def _describe(error: yaml.YAMLError, text: str, start: Place) -> str:
    problem = getattr(error, "problem", None) or "a character YAML does not allow"
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"{start.source}: not YAML: {problem}"
    line = text.splitlines()[mark.line] if mark.line < text.count("\n") + 1 else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        problem = "a tab is used for indentation; YAML wants spaces"
    where = f"{start.source}:{mark.line + 1}"
    return f"{where}: not YAML: {problem}"


class _Builder:
    def __init__(self, start: Place) -> None:
        self.start = start
        self.faults: list[Fault] = []
        self._count = 0
        self._scalars = yaml.constructor.SafeConstructor()

    def build(self, node: yaml.Node, path: KeyPath, depth: int, place: Place | None = None) -> Node:
        place = place or self._place(node)
        self._count += 1
        if self._count > MAX_VALUES or depth > MAX_DEPTH:
            problem = f"{place}: aliases or nesting make this too large to be a description"
            raise InvalidDescriptionError(self.start.source, [problem])
        if isinstance(node, yaml.MappingNode):
            return Node(self._members(node, path, depth), place)
        if isinstance(node, yaml.SequenceNode):
            items = [
                self.build(item, (*path, index), depth + 1) for index, item in enumerate(node.value)
            ]
            return Node(items, place)
        return Node(self._scalar(node, path, place), place)

    def _members(self, node: yaml.MappingNode, path: KeyPath, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self.faults.append(Fault(path, "expected a plain key", place))
                continue
            key = str(key_node.value)
            if key_node.tag == f"{_KNOWN}merge":
                text = "merge keys are not supported; use `defaults`, or write the fields out"
                self.faults.append(Fault((*path, key), text, place))
                continue
            child = self.build(value_node, (*path, key), depth + 1, place)
            if key in members:
                first = members[key].place.line
                text = f"this key is there twice (first in line {first}); keep one"
                self.faults.append(Fault((*path, key), text, place))
            members.setdefault(key, child)
        return members

    def _scalar(self, node: yaml.Node, path: KeyPath, place: Place) -> Any:
        if not node.tag.startswith(_KNOWN):
            self.faults.append(Fault(path, "YAML tags are not supported; remove it", place))
        elif node.tag in _SCALARS:
            try:
                return self._scalars.construct_object(node)
            except (ValueError, yaml.YAMLError):
                return str(node.value)
        return str(node.value)

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.start.source, node.start_mark.line + 1, self.start.directory)
