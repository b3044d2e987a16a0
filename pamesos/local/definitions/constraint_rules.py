"""What a placement constraint of an app may say."""

from __future__ import annotations

import re
import warnings

_LITERAL = re.compile(r"[a-zA-Z0-9_/.-]*")
_OPERATORS = ("UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS")


def constraint_error(constraint: list[str]) -> str | None:
    """Return what is wrong with one constraint: field, operator and perhaps a value."""
    if not 2 <= len(constraint) <= 3:
        return "Each constraint must have either 2 or 3 fields"
    field, operator = constraint[0], constraint[1].upper()
    if not field:
        return "illegal constraint specification"
    if operator not in _OPERATORS:
        return (
            "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, "
            "UNLIKE or IS"
        )
    return _value_error(operator, constraint[2] if len(constraint) > 2 else None)


def _value_error(operator: str, value: str | None) -> str | None:
    if operator == "UNIQUE" and value is not None:
        return "UNIQUE does not accept a value"
    if operator == "GROUP_BY" and value is not None and not _is_integer(value):
        return "GROUP BY must define an integer value or else no value at all"
    if operator == "MAX_PER" and (value is None or not _is_integer(value)):
        return "MAX_PER requires an integer value"
    if operator in ("LIKE", "UNLIKE"):
        return _pattern_error(value)
    if operator == "IS" and not _LITERAL.fullmatch(value or ""):
        return (
            "IS only supports Mesos text and float values (see "
            "http://mesos.apache.org/documentation/latest/attributes-resources/)"
        )
    return None


def _pattern_error(value: str | None) -> str | None:
    if value is None:
        return "LIKE and UNLIKE require a non-empty, regular expression value"
    return None if is_pattern(value) else "is not a valid regular expression"


#: What Java's expressions may say and Python's may not: character classes by property, and names
#: of groups without the P.
_JAVA_ONLY = ((re.compile(r"\\[pP](\{\w+\}|\w)"), "."), (re.compile(r"\(\?<(?=[A-Za-z])"), "(?P<"))


def is_pattern(text: str) -> bool:
    """Tell whether a text is a regular expression for the real one, which asks Java."""
    for java, python in _JAVA_ONLY:
        text = java.sub(python, text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _is_integer(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?\d+", text)) and -(2**31) <= int(text) < 2**31
