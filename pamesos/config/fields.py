"""The kinds of values a description has, each of which says what it expected.

No message quotes a value that came from a variable, and none quotes a string that may be a
password: a fault must be fit for any log.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from marshmallow import RAISE, Schema, ValidationError, fields

from pamesos.config.tree import Interpolated, kind_of

#: Stand-ins for marshmallow's texts; ``faults`` replaces them by what it knows of the field.
MISSING = "<missing>"
UNKNOWN = "<unknown>"
_NULL = "null means nothing here; remove the key"
_SCHEMA_MESSAGES: dict[str, str] = {"unknown": UNKNOWN, "type": "expected an object, {…}"}
_MESSAGES: dict[str, Any] = {
    "required": MISSING,
    "null": _NULL,
    "type": "expected an object, {…}",
    "invalid": "expected a list, […]",
}

_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?) ?(?P<unit>[A-Za-z]*)\Z")
_UNITS_MIB = {"MiB": 1.0, "GiB": 1024.0, "TiB": 1024.0 * 1024.0}
_INTENDED = {"k": "MiB", "m": "MiB", "g": "GiB", "t": "TiB"}
#: One path segment of a Marathon id (recordings/marathon-schemas, pathType) and none of the words
#: that it reserves (recordings/marathon-fuzz).
SEGMENT = r"(?!(?:restart|tasks|versions)$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


class StrictSchema(Schema):
    """A typing mistake must fail here: Marathon takes unknown fields silently (fact 6)."""

    class Meta:
        unknown = RAISE

    error_messages = _SCHEMA_MESSAGES


def near_miss(word: str, choices: Iterable[str]) -> str:
    """Return ``; did you mean X?`` for a choice that is close, else an empty text."""
    by_folded = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[close[0]]}?" if close else ""


def quoted(value: Any) -> str:
    """Return the value for a message; what came from a variable is not shown."""
    return "this value" if isinstance(value, Interpolated) else f'"{value}"'


class Strict(fields.Field[Any]):
    """Says what it expects and what kind of value it got."""

    expected = "another value"
    default_error_messages = _MESSAGES

    def refuse(self, value: Any) -> ValidationError:
        return ValidationError(f"expected {self.expected}, got {kind_of(value)}")


class Text(Strict):
    """A string; with ``pattern`` one of that form, ``form`` saying it in words."""

    expected = "a string"

    def __init__(self, *, pattern: str | None = None, form: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.pattern = pattern
        self.form = form
        self.is_secret = False

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.refuse(value)
        if self.pattern is not None and re.fullmatch(self.pattern, value) is None:
            got = "" if self.is_secret else f", got {quoted(value)}"
            raise ValidationError(f"expected {self.form}{got}{self.suggest(value)}")
        return str(value)

    def suggest(self, value: str) -> str:
        return ""


class Name(Text):
    """One path segment of a Marathon id, so that apps are called as in the file."""

    def __init__(self, **options: Any) -> None:
        form = (
            "lower-case letters, digits and inner hyphens (at most 63, "
            "not restart, tasks, versions)"
        )
        super().__init__(pattern=SEGMENT, form=form, **options)

    def suggest(self, value: str) -> str:
        proposal = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:63].strip("-")
        if value in ("restart", "tasks", "versions"):
            return f'; "{value}-1" would do'
        return f'; "{proposal}" would do' if proposal and "${" not in value else ""


class Password(Text):
    """A string whose value no message shows. Printable ASCII: it goes into .properties files."""

    def __init__(self, **options: Any) -> None:
        super().__init__(pattern=r"[ -~]+", form="printable ASCII characters", **options)
        self.is_secret = True


class Choice(Strict):
    """One of a few words."""

    def __init__(self, choices: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self.choices = tuple(choices)
        self.expected = f"one of {', '.join(self.choices)}"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise self.refuse(value)
        if value not in self.choices:
            got = f"got {quoted(value)}{near_miss(value, self.choices)}"
            raise ValidationError(f"expected {self.expected}, {got}")
        return str(value)


class Flag(Strict):
    """true or false, and nothing that looks like it."""

    expected = "true or false"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise self.refuse(value)
        return value


class Number(Strict):
    """A number from ``least`` on; ``whole`` without a fraction. A variable may spell it."""

    def __init__(
        self, *, least: float, most: float | None = None, whole: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.least, self.most, self.whole = least, most, whole
        limit = f"from {least} to {most}" if most is not None else f"of at least {least}"
        self.expected = f"a {'whole ' if whole else ''}number {limit}"

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float | int:
        number = _spelt_number(value)
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise self.refuse(value)
        if self.whole and number != int(number):
            raise ValidationError(f"expected {self.expected}, got a fraction")
        if number < self.least or (self.most is not None and number > self.most):
            raise ValidationError(f"expected {self.expected}, got {number}")
        return int(number) if self.whole else number


class Size(Strict):
    """Memory or disk: ``"4GiB"``, ``"512MiB"`` or a number of MiB; the value is whole MiB."""

    expected = 'a size such as "4GiB", "512MiB" or 512 (MiB)'

    def __init__(self, *, least: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.least = least

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        mib = self._in_mib(_spelt_number(value))
        if mib < self.least:
            raise ValidationError(f"expected at least {self.least} MiB, got {mib:g} MiB")
        if mib != int(mib):
            raise ValidationError(f"expected whole MiB, got {mib:g} MiB")
        return int(mib)

    def _in_mib(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self.refuse(value)
        if not isinstance(value, str):
            if value < 0 or value != value or value in (float("inf"),):
                raise ValidationError(f"expected {self.expected}, got {value}")
            return float(value)
        match = _SIZE.match(value)
        if match is None:
            raise ValidationError(f"expected {self.expected}, got {quoted(value)}")
        unit = match["unit"]
        if unit not in _UNITS_MIB:
            intended = _INTENDED.get(unit[:1].lower())
            write = f'; write "{match["number"]}{intended}"' if intended and unit else ""
            raise ValidationError(f"expected {self.expected}, got {quoted(value)}{write}")
        return float(match["number"]) * _UNITS_MIB[unit]


class Object(fields.Nested):
    """A nested object with its own schema; faults inside it have its path."""

    default_error_messages = _MESSAGES


class Many(fields.List[Any]):
    """A list of one kind of value."""

    default_error_messages = _MESSAGES


class TextMap(Strict):
    """An object from names to strings, as ``env`` and ``labels`` are."""

    expected = 'an object of strings, {"NAME": "value"}'

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise self.refuse(value)
        wrong = {
            key: [f"expected a string, got {kind_of(text)}; put it in quotes"]
            for key, text in value.items()
            if not isinstance(text, str)
        }
        if wrong:
            raise ValidationError(wrong)
        return {str(key): str(text) for key, text in value.items()}


def _spelt_number(value: Any) -> Any:
    """Return the number that an interpolated text spells, any other value as it is."""
    if isinstance(value, Interpolated):
        for kind in (int, float):
            try:
                return kind(value)
            except ValueError:
                continue
    return value
