"""A file that already is a Marathon group: checked here, sent as it is.

Marathon takes unknown fields silently, keeps one of two apps with the same id, accepts
dependencies on apps that do not exist and names no app in its own messages (facts/marathon.md 4,
6, 7, 8). So the faults are found before anything is sent. Nothing is interpolated: ``${PORT0}`` in
a ``cmd`` is the shell's.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pamesos.config.faults import placed
from pamesos.config.fields import near_miss
from pamesos.config.marathon_fields import APP_FIELDS, GROUP_FIELDS, field_faults
from pamesos.config.marathon_rules import RESERVED, rule_faults
from pamesos.config.tree import Fault, KeyPath, Node, plain
from pamesos.core.model import Submission
from pamesos.core.show import all_apps, is_secret_name
from pamesos.errors import InvalidDescriptionError

_SEGMENT = re.compile(r"(?:[a-z0-9]|[a-z0-9][a-z0-9-]*[a-z0-9])(?:\.[a-z0-9-]+)*\Z")
_ID_FORM = "lower-case letters, digits, inner hyphens and dots between slashes"


@dataclass
class _Found:
    """Ids by their path in the file, and the dependencies between them."""

    faults: list[Fault]
    ids: dict[str, KeyPath] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    #: (the app or group that depends, where it says so, what it says, the absolute id)
    dependencies: list[tuple[str, KeyPath, str, str]] = field(default_factory=list)


def load_group(root: Node, faults: list[Fault], source: str) -> Submission:
    """Return the group unchanged; raises InvalidDescriptionError with all that is wrong."""
    body: Any = plain(root)
    found = _Found(list(faults))
    group_id = body.get("id")
    if not isinstance(group_id, str) or not group_id.strip("/"):
        text = 'is missing: the id of the group, e.g. "/small"'
        found.faults.append(Fault(("id",), text))
        raise InvalidDescriptionError(source, map(str, placed(found.faults, root)))
    group_id = "/" + group_id.strip("/")
    _walk_group(body, (), group_id, found)
    found.faults += _dependency_faults(found)
    if found.faults:
        raise InvalidDescriptionError(source, map(str, placed(found.faults, root)))
    return Submission(
        name=group_id.rsplit("/", 1)[-1],
        group_id=group_id,
        group=body,
        source=source,
        secrets=_secrets(body),
    )


def _secrets(body: dict[str, Any]) -> frozenset[str]:
    return frozenset(
        value
        for app in all_apps(body)
        for name, value in (app.get("env") or {}).items()
        if isinstance(value, str) and value and is_secret_name(name)
    )


def _walk_group(group: Any, path: KeyPath, group_id: str, found: _Found) -> None:
    found.groups.add(group_id)
    found.faults += field_faults(group, path, GROUP_FIELDS)
    found.faults += _id_faults(group_id, (*path, "id"))
    _note_dependencies(group, path, group_id, group_id, found)
    for at, app in enumerate(_members(group, "apps")):
        _walk_app(app, (*path, "apps", at), group_id, found)
    for at, member in enumerate(_members(group, "groups")):
        member_path = (*path, "groups", at)
        member_id = _member_id(member, member_path, group_id, found)
        if member_id is not None:
            _walk_group(member, member_path, member_id, found)


def _walk_app(app: Any, path: KeyPath, group_id: str, found: _Found) -> None:
    app_id = _member_id(app, path, group_id, found)
    if app_id is None:
        return
    found.faults += field_faults(app, path, APP_FIELDS)
    found.faults += _id_faults(app_id, (*path, "id"))
    if app_id in found.ids:
        text = f"{app_id} is there twice; Marathon would keep one of them and not say so"
        found.faults.append(Fault((*path, "id"), text))
    found.ids.setdefault(app_id, path)
    found.faults += rule_faults(app, path)
    _note_dependencies(app, path, app_id, group_id, found)


def _member_id(member: Any, path: KeyPath, group_id: str, found: _Found) -> str | None:
    if not isinstance(member, dict):
        found.faults.append(Fault(path, "expected an object, {…}"))
        return None
    own = member.get("id")
    if not isinstance(own, str) or not own.strip("/"):
        found.faults.append(Fault((*path, "id"), "is missing: an id"))
        return None
    absolute = own if own.startswith("/") else f"{group_id}/{own}"
    absolute = absolute.rstrip("/")
    if not absolute.startswith(f"{group_id}/"):
        text = f"{absolute} is not inside its group {group_id}"
        found.faults.append(Fault((*path, "id"), text))
        return None
    return absolute


def _members(group: Any, key: str) -> list[Any]:
    members = group.get(key) if isinstance(group, dict) else None
    return members if isinstance(members, list) else []


def _id_faults(absolute: str, path: KeyPath) -> Iterator[Fault]:
    for segment in absolute.strip("/").split("/"):
        if _SEGMENT.match(segment) is None:
            yield Fault(path, f'"{segment}" is refused by Marathon: expected {_ID_FORM}')
    if absolute.rsplit("/", 1)[-1] in RESERVED:
        yield Fault(path, f"Marathon reserves {', '.join(RESERVED)} as last part of an id")


def _note_dependencies(
    member: Any, path: KeyPath, own_id: str, group_id: str, found: _Found
) -> None:
    for at, target in enumerate(_members(member, "dependencies")):
        where = (*path, "dependencies", at)
        if isinstance(target, str) and target.strip("/"):
            found.dependencies.append((own_id, where, target, resolve(target, group_id)))
        else:
            found.faults.append(Fault(where, "expected the id of an app or group"))


def resolve(target: str, group_id: str) -> str:
    """Return the absolute id as Marathon does: against the group, not the app (fact 8)."""
    return posixpath.normpath(posixpath.join(group_id, target))


def _dependency_faults(found: _Found) -> Iterator[Fault]:
    known = set(found.ids) | found.groups
    tops = {group.split("/")[1] for group in found.groups}
    edges: dict[str, list[tuple[KeyPath, str]]] = {}
    for own, path, target, absolute in found.dependencies:
        if absolute in known:
            edges.setdefault(own, []).append((path, absolute))
        elif not target.startswith("/"):
            text = f'"{target}" means {absolute} to Marathon, which resolves against the group'
            hint = _same_name(absolute, known)
            yield Fault(path, f"{text}, and that is not in this file; write the absolute id{hint}")
        elif absolute.split("/")[1] in tops:
            yield Fault(path, f"there is no {absolute} in this file{near_miss(absolute, known)}")
    for both in sorted(found.groups & set(found.ids)):
        yield Fault((*found.ids[both], "id"), f"{both} is the id of a group and of an app")
    yield from _cycles(edges)


def _same_name(absolute: str, known: set[str]) -> str:
    name = absolute.rsplit("/", 1)[-1]
    same = sorted(one for one in known if one.rsplit("/", 1)[-1] == name)
    return f"; did you mean {same[0]}?" if same else ""


def _cycles(edges: dict[str, list[tuple[KeyPath, str]]]) -> Iterator[Fault]:
    """Yield one fault for each dependency that closes a circle; a group stands for its members."""
    done: set[str] = set()

    def visit(own: str, trail: tuple[str, ...]) -> Iterator[Fault]:
        if own in done:
            return
        for path, target in _edges_of(own, edges):
            if target in (*trail, own):
                circle = " -> ".join([*trail, own, target][(*trail, own).index(target) :])
                yield Fault(path, f"dependencies go in a circle: {circle}")
            else:
                yield from visit(target, (*trail, own))
        done.add(own)

    for own in sorted(edges):
        yield from visit(own, ())


def _edges_of(own: str, edges: dict[str, list[tuple[KeyPath, str]]]) -> list[tuple[KeyPath, str]]:
    inside = [
        edge for member, found in edges.items() if member.startswith(f"{own}/") for edge in found
    ]
    return [*edges.get(own, []), *inside]
