"""What a simulated task does: a script of a few figures, from the app or from the control API.

The members are those that the simulated Mesos of the recordings was told (``startMs``, ``hang``…),
so that a transcript's control lines mean the same here.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pamesos.local.instances.model import CONDITIONS

#: Label or environment variable of an app with its script, as ``startMs=50 after=TASK_FAILED``.
VARIABLE = "PAMESOS_SIMULATE"


class UnknownBehaviourError(Exception):
    """A script says something that no simulated task can do; the text says what."""


@dataclasses.dataclass(frozen=True, slots=True)
class Behaviour:
    """Times in milliseconds. Without any the task runs at once, and until it is killed.

    ``hang`` is the last state it reaches (``STAGING``: it never starts). ``instead`` is the state
    it ends in without ever running, ``after`` the one it ends in ``after_ms`` after it ran.
    ``health`` None: nothing is known. ``deaf``: it hears no SIGTERM.
    """

    start_ms: float = 0
    run_ms: float = 0
    kill_ms: float = 0
    hang: str | None = None
    instead: str | None = None
    after: str | None = None
    after_ms: float = 0
    message: str | None = None
    health: bool | None = True
    http_code: int = 200
    http_body: str = ""
    deaf: bool = False


def read(members: Mapping[str, Any], base: Behaviour | None = None) -> Behaviour:
    """Return ``base`` with these members of JSON or text. Raises UnknownBehaviourError."""
    changes: dict[str, Any] = {}
    for name, value in members.items():
        if name == "http":
            continue  # told the recorded simulator to open a socket; here all answer
        if name not in _READERS:
            known = ", ".join(sorted(_READERS))
            raise UnknownBehaviourError(f"no behaviour is called {name!r}; known are {known}")
        field, reader = _READERS[name]
        try:
            changes[field] = reader(value)
        except (ValueError, TypeError):
            raise UnknownBehaviourError(f"{name} cannot be {value!r}") from None
    return dataclasses.replace(base or Behaviour(), **changes)


def of_app(app: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an app says of the behaviour of its tasks, nothing if that cannot be read."""
    text = (app.get("env") or {}).get(VARIABLE) or (app.get("labels") or {}).get(VARIABLE)
    if not isinstance(text, str):
        return {}
    try:
        members = _members(text)
        read(members)
    except (ValueError, UnknownBehaviourError):
        return {}
    return members


def _members(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("{"):
        return dict(json.loads(text))
    pairs = (pair.partition("=") for pair in text.split())
    return {name: value for name, _, value in pairs}


def is_true(value: Any) -> bool:
    """Return a flag of JSON or text. Raises ValueError."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "1"):
        return True
    if str(value).lower() in ("false", "0"):
        return False
    raise ValueError(value)


def _health(value: Any) -> bool | None:
    return None if value is None or value == "none" else is_true(value)


def _milliseconds(value: Any) -> float:
    number = float(value)
    if not 0 <= number < 1e12:
        raise ValueError(value)
    return number


def _state(value: Any) -> str:
    state = str(value) if str(value).startswith("TASK_") else f"TASK_{value}"
    if state not in CONDITIONS:
        raise ValueError(value)
    return state


_READERS: Mapping[str, tuple[str, Any]] = {
    "startMs": ("start_ms", _milliseconds),
    "runMs": ("run_ms", _milliseconds),
    "killMs": ("kill_ms", _milliseconds),
    "hang": ("hang", _state),
    "instead": ("instead", _state),
    "after": ("after", _state),
    "afterMs": ("after_ms", _milliseconds),
    "message": ("message", str),
    "health": ("health", _health),
    "healthy": ("health", _health),
    "httpCode": ("http_code", int),
    "httpBody": ("http_body", str),
    "deaf": ("deaf", is_true),
}
