"""Overrides: ``-e FILE`` merged over the file, then ``--set path=value``.

Objects are merged key by key, ``null`` takes a key away, lists are replaced; but the lists whose
items have names (``nodeSources``, and ``apps`` and ``groups`` of a Marathon group) are merged
item by item.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pamesos.config.tree import Node, Place
from pamesos.errors import InvalidDescriptionError

#: List -> the key that names its items.
_NAMED = {"nodeSources": "name", "users": "login", "apps": "id", "groups": "id"}
_STEP = re.compile(r"(?P<key>(?:[^.\[\]\\]|\\.)+)|\[(?P<index>\d+)\]")


def merge(base: Node, over: Node) -> Node:
    """Return ``base`` with ``over`` laid upon it; every value keeps its place."""
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    members = dict(base.value)
    for key, child in over.value.items():
        if child.value is None:
            members.pop(key, None)
        elif key in members:
            members[key] = _merge_member(key, members[key], child)
        else:
            members[key] = child
    return replace(base, value=members)


def _merge_member(key: str, base: Node, over: Node) -> Node:
    name_key = _NAMED.get(key)
    if name_key and isinstance(base.value, list) and isinstance(over.value, list):
        items = list(base.value)
        for item in over.value:
            at = _find(items, name_key, _name(item, name_key))
            if at is None:
                items.append(item)
            else:
                items[at] = merge(items[at], item)
        return replace(base, value=items)
    return merge(base, over)


def apply_set(root: Node, assignment: str) -> Node:
    """Return the tree with ``a.b=c`` applied; ``c`` is read as YAML reads it.

    Raises InvalidDescriptionError for a path that leads nowhere. It never shows the value.
    """
    path_text, equals, text = assignment.partition("=")
    source = f"--set {path_text}"
    steps = _steps(path_text)
    if not equals or not steps:
        raise InvalidDescriptionError(
            source,
            ["expected path=value"],
            remedy="for example --set nodeSources.default.nodes=5",
        )
    return _assign(root, steps, _value(text, source), Place(source), "")


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            return []
        index = match["index"]
        steps.append(int(index) if index else re.sub(r"\\(.)", r"\1", match["key"]))
        at = match.end()
        at += path[at : at + 1] == "."
    return steps


def _value(text: str, source: str) -> Any:
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        problem = "the value is not YAML; put quotes around text with special characters"
        raise InvalidDescriptionError(source, [problem]) from error
    # Dates stay the text they are: no field is a date.
    return value if isinstance(value, bool | int | float | str | dict | list | None) else text


def _assign(
    node: Node, steps: Sequence[str | int], value: Any, place: Place, list_key: str
) -> Node:
    if not steps:
        return _tree(value, place)
    step, rest = steps[0], steps[1:]
    if isinstance(node.value, list):
        items = list(node.value)
        at = _position(items, step, list_key, place)
        items[at] = _assign(items[at], rest, value, place, "")
        return replace(node, value=items)
    members = dict(node.value) if isinstance(node.value, dict) else {}
    if value is None and not rest:
        members.pop(str(step), None)
    else:
        child = members.get(str(step), Node({}, place))
        members[str(step)] = _assign(child, rest, value, place, str(step))
    return replace(node, value=members)


def _position(items: list[Node], step: str | int, list_key: str, place: Place) -> int:
    name_key = _NAMED.get(list_key, "name")
    index = int(step) if isinstance(step, int) or step.isdecimal() else None
    at = _find(items, name_key, step) if index is None else index
    if at is not None and at < len(items):
        return at
    known = [str(_name(item, name_key)) for item in items]
    raise InvalidDescriptionError(
        place.source,
        [f"{list_key} has no item {step}; it has {', '.join(known) or 'none'}"],
        remedy="name an item by its name or by its position from 0",
    )


def _find(items: list[Node], name_key: str, name: Any) -> int | None:
    for at, item in enumerate(items):
        if name is not None and _name(item, name_key) == name:
            return at
    return None


def _name(item: Node, name_key: str) -> Any:
    member = item.value.get(name_key) if isinstance(item.value, dict) else None
    return member.value if member else None


def _tree(value: Any, place: Place) -> Node:
    if isinstance(value, dict):
        return Node({str(key): _tree(child, place) for key, child in value.items()}, place)
    if isinstance(value, list):
        return Node([_tree(child, place) for child in value], place)
    return Node(value, place)
