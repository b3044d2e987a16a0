"""Readers turn parsed JSON into typed values and note what is wrong, each fault with its path.

They mirror the readers that the real Marathon generates from its RAML, oddities included
(facts/marathon.md 3 and 6): a record whose fields are all optional accepts any JSON as an empty
record; ``null`` for an optional field counts as left out; scalars inside lists have a type but no
range; fields nobody knows are skipped.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

Faults = list[tuple[str, str]]


class Missing:
    """The type of :data:`MISSING`: no value, as opposed to a value that is ``None``."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class Reader(Protocol):
    """Anything that reads one JSON value; returns MISSING after noting a fault."""

    def read(self, value: Any, path: str, faults: Faults) -> Any: ...


def _refuse(faults: Faults, path: str, *errors: str) -> Missing:
    faults.extend((path, error) for error in errors)
    return MISSING


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A string; ``pattern`` has to match as a whole."""

    min_length: int = 0
    max_length: int | None = None
    pattern: re.Pattern[str] | None = None

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if not isinstance(value, str):
            return _refuse(faults, path, "error.expected.jsstring")
        errors = []
        if len(value) < self.min_length:
            errors.append("error.minLength")
        if self.max_length is not None and len(value) > self.max_length:
            errors.append("error.maxLength")
        if self.pattern is not None and not self.pattern.fullmatch(value):
            errors.append("error.pattern")
        return _refuse(faults, path, *errors) if errors else value


def _range_error(value: float, minimum: float | None, maximum: float | None) -> str | None:
    if minimum is not None and value < minimum:
        return "error.min"
    if maximum is not None and value > maximum:
        return "error.max"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclasses.dataclass(frozen=True, slots=True)
class Whole:
    """An integer of 32 or 64 bits; ``5.0`` counts as 5."""

    minimum: int | None = None
    maximum: int | None = None
    bits: int = 32

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if not _is_number(value):
            return _refuse(faults, path, "error.expected.jsnumber")
        limit = 1 << (self.bits - 1)
        if value != value // 1 or not -limit <= value < limit:
            return _refuse(
                faults, path, "error.expected.int" if self.bits == 32 else "error.expected.long"
            )
        error = _range_error(value, self.minimum, self.maximum)
        return _refuse(faults, path, error) if error else int(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Real:
    """A floating point number."""

    minimum: float | None = None
    maximum: float | None = None

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if not _is_number(value) or not math.isfinite(value):
            return _refuse(faults, path, "error.expected.jsnumber")
        error = _range_error(value, self.minimum, self.maximum)
        return _refuse(faults, path, error) if error else float(value)


@dataclasses.dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if not isinstance(value, bool):
            return _refuse(faults, path, "error.expected.jsboolean")
        return value


@dataclasses.dataclass(frozen=True, slots=True)
class Choice:
    """One of some words, in any case."""

    words: tuple[str, ...]

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if isinstance(value, str):
            for word in self.words:
                if word.lower() == value.lower():
                    return word
        return _refuse(faults, path, "error.unknown.enum.literal")


_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:\d\d)?(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE
)


def is_moment(text: str) -> bool:
    """Tell whether a text is an ISO date and time with an offset."""
    match = _MOMENT.fullmatch(text)
    if match is None:
        return False
    try:
        datetime.datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3] or ''}")
    except ValueError:
        return False
    return True


@dataclasses.dataclass(frozen=True, slots=True)
class Moment:
    """A date and time, kept as the text that it was."""

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if isinstance(value, str):
            if is_moment(value):
                return value
            return _refuse(faults, path, "error.expected.date.isoformat")
        return _refuse(faults, path, "error.expected.date")


@dataclasses.dataclass(frozen=True, slots=True)
class ListOf:
    """A list; ``unique`` drops what comes twice, as a set does."""

    item: Reader
    unique: bool = False
    min_items: int = 0

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if not isinstance(value, list):
            return _refuse(faults, path, "error.expected.jsarray")
        before = len(faults)
        items = [self.item.read(each, f"{path}({i})", faults) for i, each in enumerate(value)]
        if len(faults) > before:
            return MISSING
        if len(items) < self.min_items:
            return _refuse(faults, path, "error.minLength")
        return distinct(items) if self.unique else items


def distinct(items: list[Any]) -> list[Any]:
    """Return the items without repetitions, in their order."""
    kept: list[Any] = []
    seen: set[str] = set()
    for item in items:
        key = json.dumps(item, sort_keys=True)
        if key not in seen:
            seen.add(key)
            kept.append(item)
    return kept


@dataclasses.dataclass(frozen=True, slots=True)
class MapOf:
    """An object with any keys."""

    item: Reader

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if not isinstance(value, dict):
            return _refuse(faults, path, "error.expected.jsobject")
        before = len(faults)
        items = {key: self.item.read(each, f"{path}/{key}", faults) for key, each in value.items()}
        return MISSING if len(faults) > before else items


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """A member of a record. Without ``default`` an optional field that is left out stays out."""

    reader: Reader
    required: bool = False
    default: Any = MISSING


@dataclasses.dataclass(frozen=True, slots=True)
class Record:
    """An object with known fields.

    ``strict`` records insist on being an object; the others look each field up and so only
    complain about required fields.
    """

    fields: Mapping[str, Field]
    strict: bool = False

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        if self.strict and not isinstance(value, dict):
            return _refuse(faults, path, "error.expected.jsobject")
        before = len(faults)
        found: dict[str, Any] = {}
        for name, field in self.fields.items():
            read = self._field(name, field, value, path, faults)
            if read is not MISSING:
                found[name] = read
        return MISSING if len(faults) > before else found

    def _field(self, name: str, field: Field, value: Any, path: str, faults: Faults) -> Any:
        given = value.get(name, MISSING) if isinstance(value, dict) else MISSING
        if given is MISSING or (given is None and not field.required):
            if field.required:
                return _refuse(faults, f"{path}/{name}", self._undefined(name, value))
            return field.default
        return field.reader.read(given, f"{path}/{name}", faults)

    def _undefined(self, name: str, value: Any) -> str:
        if self.strict:
            return "error.path.missing"
        shown = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        if isinstance(value, dict):
            return f"'{name}' is undefined on object: {shown}"
        return f"{shown} is not an object"

    def without_defaults(self) -> Record:
        """Return the record as an update reads it: nothing is required, nothing filled in."""
        return Record({name: Field(field.reader) for name, field in self.fields.items()})


@dataclasses.dataclass(frozen=True, slots=True)
class OneOf:
    """The first reader that reads it; if none does, the faults of the last one."""

    readers: tuple[Reader, ...]

    def read(self, value: Any, path: str, faults: Faults) -> Any:
        noted: Faults = []
        for reader in self.readers:
            noted = []
            read = reader.read(value, path, noted)
            if not noted:
                return read
        faults.extend(noted)
        return MISSING
