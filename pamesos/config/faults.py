"""marshmallow's nested messages to faults: one for each thing that is wrong, with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import Schema, fields

from pamesos.config.fields import MISSING, UNKNOWN, near_miss
from pamesos.config.tree import Fault, KeyPath, Node, place_of


def flatten(messages: Any, schema: Schema | None, path: KeyPath = ()) -> Iterator[Fault]:
    """Yield a fault for each message; ``schema`` is that of the object at ``path``."""
    if not isinstance(messages, Mapping):
        yield from (Fault(path, str(message)) for message in messages)
        return
    for key, inner in messages.items():
        if key == "_schema":
            yield from flatten(inner, schema, path)
        elif inner == [UNKNOWN]:
            yield Fault((*path, key), f"there is no such field{_suggest(key, schema)}")
        elif inner == [MISSING]:
            yield Fault((*path, key), f"is missing: {_described(key, schema)}")
        else:
            yield from flatten(inner, _inner_schema(key, schema), (*path, key))


def placed(faults: list[Fault], root: Node) -> list[Fault]:
    """Return the faults with the place each one has in the tree, in the order of the file."""
    known = [
        fault if fault.place else Fault(fault.path, fault.text, place_of(root, fault.path))
        for fault in faults
    ]
    return sorted(known, key=_order)


def _order(fault: Fault) -> tuple[str, int]:
    return (fault.place.source, fault.place.line or 0) if fault.place else ("", 0)


def _suggest(key: str, schema: Schema | None) -> str:
    if schema is None:
        return ""
    known = [field.data_key or name for name, field in schema.fields.items()]
    return near_miss(key, known) or f"; known here: {', '.join(sorted(known))}"


def _described(key: str, schema: Schema | None) -> str:
    field = _field(key, schema)
    return str(field.metadata.get("description", "a value")) if field else "a value"


def _field(key: Any, schema: Schema | None) -> fields.Field[Any] | None:
    for name, field in (schema.fields if schema else {}).items():
        if key == (field.data_key or name):
            return field
    return None


def _inner_schema(key: Any, schema: Schema | None) -> Schema | None:
    """Return the schema of the member ``key``; a list hands its items' schema on."""
    if isinstance(key, int):
        return schema
    field: Any = _field(key, schema)
    if isinstance(field, fields.List):
        field = field.inner
    found = getattr(field, "schema", None)
    return found if isinstance(found, Schema) else None
