"""Label selectors, as GET /v2/apps?label= takes them: ``a``, ``a==b``, ``a in (b, c)``, …"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pamesos.local.definitions.refusal import message

Selector = Callable[[Mapping[str, Any]], bool]

_TERM = r"((?:\\.|[-A-Za-z0-9_.])+)"
_IN = re.compile(rf"\s*{_TERM}\s*(in|notin)\s*\(\s*(?:{_TERM}(?:\s*,\s*{_TERM})*)?\s*\)")
_EQUAL = re.compile(rf"\s*{_TERM}\s*(==|!=)\s*{_TERM}")
_PRESENT = re.compile(rf"\s*{_TERM}")
_COMMA = re.compile(r"\s*,")
_WORD = re.compile(_TERM)


def parse(text: str) -> Selector:
    """Return a test of an app's labels; raises Refusal 422 for what is no selector."""
    tests, at = [], 0
    while True:
        found = _one(text, at)
        if found is None:
            raise _unreadable(text)
        test, at = found
        tests.append(test)
        comma = _COMMA.match(text, at)
        if comma is None:
            break
        at = comma.end()
    if text[at:].strip():
        raise _unreadable(text)
    return lambda app: all(test(app) for test in tests)


def _unreadable(text: str) -> Exception:
    return message(422, f"Can not parse label selector {text}. Reason: end of input expected")


def _one(text: str, at: int) -> tuple[Selector, int] | None:
    if match := _IN.match(text, at):
        words = match[0][match[0].index("(") :]
        values = {_plain(word) for word in _WORD.findall(words)}
        return _among(_plain(match[1]), values, match[2] == "in"), match.end()
    if match := _EQUAL.match(text, at):
        return _among(_plain(match[1]), {_plain(match[3])}, match[2] == "=="), match.end()
    if match := _PRESENT.match(text, at):
        key = _plain(match[1])
        return (lambda app: key in app["labels"]), match.end()
    return None


def _among(key: str, values: set[str], wanted: bool) -> Selector:
    def test(app: Mapping[str, Any]) -> bool:
        labels = app["labels"]
        return key in labels and (labels[key] in values) == wanted

    return test


def _plain(term: str) -> str:
    return re.sub(r"\\(.)", r"\1", term)
