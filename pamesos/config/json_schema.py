"""The marshmallow schema as JSON Schema (draft 2020-12), for the completion of editors.

It is made from the same fields that check the file, so it cannot fall behind. It is a little more
lenient: rules between fields are checked by ``pamesos validate`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields

from pamesos.config.fields import Choice, Flag, Number, Size, Text, TextMap
from pamesos.config.schema import DescriptionSchema
from pamesos.config.schema_common import Constraint, NetworkField, VolumeField

#: Where a number stands, a variable may.
_VARIABLE = {"type": "string", "pattern": r"\$\{"}


def description_schema() -> dict[str, Any]:
    """Return the JSON Schema of a description."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pamesos description of a ProActive cluster",
        **_object(DescriptionSchema()),
    }


def _object(schema: Schema) -> dict[str, Any]:
    members = {field.data_key or name: _member(field) for name, field in schema.fields.items()}
    required = [field.data_key or name for name, field in schema.fields.items() if field.required]
    body: dict[str, Any] = {
        "type": "object",
        "properties": dict(sorted(members.items())),
        "additionalProperties": False,
    }
    return body | ({"required": sorted(required)} if required else {})


def _member(field: fields.Field[Any]) -> dict[str, Any]:
    description = field.metadata.get("description")
    body = _type(field)
    return body | ({"description": description} if description else {})


def _type(field: fields.Field[Any]) -> dict[str, Any]:
    if isinstance(field, fields.Nested):
        return _object(field.schema)
    if isinstance(field, fields.List):
        return {"type": "array", "items": _member(field.inner)}
    for kind, render in _RENDERERS:
        if isinstance(field, kind):
            return render(field)
    raise AssertionError(f"no JSON Schema for {type(field).__name__}")


def _text(field: Any) -> dict[str, Any]:
    if field.pattern is None:
        return {"type": "string"}
    # (?s) is Python's; ECMA 262 has no such flag inside a pattern.
    pattern = field.pattern.removeprefix("(?s)")
    return {"type": "string", "anyOf": [{"pattern": f"^(?:{pattern})$"}, {"pattern": r"\$\{"}]}


def _choice(field: Any) -> dict[str, Any]:
    return {"anyOf": [{"enum": list(field.choices)}, _VARIABLE]}


def _number(field: Any) -> dict[str, Any]:
    number: dict[str, Any] = {"type": "integer" if field.whole else "number"}
    number["minimum"] = field.least
    if field.most is not None:
        number["maximum"] = field.most
    return {"anyOf": [number, _VARIABLE]}


def _size(field: Any) -> dict[str, Any]:
    text = {"type": "string", "pattern": r"^\d+(\.\d+)? ?(MiB|GiB|TiB)$|\$\{"}
    return {"anyOf": [{"type": "number", "minimum": field.least}, text]}


def _volume(field: Any) -> dict[str, Any]:
    return {"anyOf": [{"type": "string", "pattern": r"^/|\$\{"}, _object(field.schema)]}


def _network(_: Any) -> dict[str, Any]:
    container = {
        "type": "object",
        "properties": {"container": {"type": "string"}},
        "required": ["container"],
        "additionalProperties": False,
    }
    return {"anyOf": [{"enum": ["host", "bridge"]}, container, _VARIABLE]}


def _constraint(_: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 3}


def _text_map(_: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"type": "string"}}


def _flag(_: Any) -> dict[str, Any]:
    return {"type": "boolean"}


_RENDERERS: list[tuple[type, Callable[[Any], dict[str, Any]]]] = [
    (Text, _text),
    (Choice, _choice),
    (Number, _number),
    (Size, _size),
    (Flag, _flag),
    (TextMap, _text_map),
    (VolumeField, _volume),
    (NetworkField, _network),
    (Constraint, _constraint),
]
