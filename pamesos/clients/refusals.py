"""What Marathon said no to, in words: status and details become an error with a remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pamesos.clients.http import Call, Reply
from pamesos.errors import (
    DeploymentLockedError,
    MarathonRefusedError,
    NotFoundError,
    PamesosError,
)

#: Codes of facts/marathon.md 3, as a person would say them.
_WORDS = {
    "error.min": "is too small",
    "error.max": "is too large",
    "error.minLength": "is too short",
    "error.maxLength": "is too long",
    "error.pattern": "has a form that Marathon does not allow",
    "error.unknown.enum.literal": "is not one of the allowed words",
    "error.path.missing": "is missing",
}
_EXPECTED = re.compile(r"^error\.expected\.(?:js)?(?P<kind>\w+)$")
_ELEMENT = re.compile(r"/(?P<list>apps|groups)\((?P<index>\d+)\)")
_CREDENTIALS_REMEDY = (
    "check the credentials: --user with --password-file, or --token-file "
    "(PAMESOS_MARATHON_USER, PAMESOS_MARATHON_PASSWORD_FILE, PAMESOS_MARATHON_TOKEN_FILE)"
)
#: Marathon 1.10 and 1.11 store nothing for a nested group and then compare it with "false".
_NESTED_REMEDY = (
    "Marathon takes a group with nested groups only once; put all apps into one group, "
    "or submit each nested group from a file of its own"
)


def refusal(call: Call, reply: Reply) -> PamesosError:
    """Return the error that a reply with status 400 or above means."""
    body = reply.body if isinstance(reply.body, dict) else {}
    if reply.status == 409 and isinstance(body.get("deployments"), list):
        ids = [str(lock["id"]) for lock in body["deployments"] if isinstance(lock, dict)]
        return DeploymentLockedError(call.method, call.path, ids)
    if reply.status in {401, 403}:
        words = "it wants credentials" if reply.status == 401 else "these credentials may not"
        return MarathonRefusedError(
            call.method, call.path, reply.status, words, remedy=_CREDENTIALS_REMEDY
        )
    message = _message(reply)
    if reply.status == 404:
        return NotFoundError(
            f"Marathon does not know it: {message}",
            remedy="`pamesos status` lists the clusters, `pamesos status NAME` their apps",
        )
    words = _with_details(message, body, call.body)
    remedy = _NESTED_REMEDY if "enforceRole cannot be modified" in words else None
    return MarathonRefusedError(call.method, call.path, reply.status, words, remedy=remedy)


def _message(reply: Reply) -> str:
    if isinstance(reply.body, dict):
        return str(reply.body.get("message") or "no reason given")
    return str(reply.body or "no reason given")


def _with_details(message: str, body: Mapping[str, Any], sent: Any) -> str:
    details = body.get("details")
    if isinstance(details, str) and details:  # unparseable JSON: details is a string (fact 2)
        return f"{message}: {details.splitlines()[0]}"
    if not isinstance(details, list) or not details:
        return message
    lines = [line for detail in details for line in _detail_lines(detail, sent)]
    return message + "".join(f"\n  {line}" for line in lines)


def _detail_lines(detail: Any, sent: Any) -> list[str]:
    if not isinstance(detail, dict):
        return [str(detail)]
    place = _place(str(detail.get("path", "")), sent)
    return [f"{place}: {_in_words(str(error))}" for error in detail.get("errors") or ()]


def _place(path: str, sent: Any) -> str:
    """Return ``/apps(1)/cpus`` as ``/apps(1)/cpus (app "scheduler")`` when the body tells."""
    if path in {"", "/"}:
        return "somewhere in it (Marathon does not say where)"
    element, name = sent, None
    for step in _ELEMENT.finditer(path):
        children = element.get(step["list"]) if isinstance(element, dict) else None
        index = int(step["index"])
        if not isinstance(children, list) or index >= len(children):
            return path
        element = children[index]
        name = element.get("id") if isinstance(element, dict) else None
    return f'{path} ("{name}")' if name else path


def _in_words(code: str) -> str:
    expected = _EXPECTED.match(code)
    if expected is not None:
        return f"a {expected['kind']} was expected"
    return _WORDS.get(code, code)
