"""What counts as a URI: the syntax that Java's ``URI`` accepts, which the real Marathon asks."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_ILLEGAL = re.compile(r"[\x00-\x20\"<>\\^`{|}\x7f]")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_valid(uri: str) -> bool:
    """Tell whether a text has the syntax of a URI; what it points to does not matter."""
    if _ILLEGAL.search(uri) or _BAD_ESCAPE.search(uri):
        return False
    head = re.split(r"[/?#]", uri, maxsplit=1)[0]
    scheme, colon, _ = head.partition(":")
    if not colon:
        return "[" not in uri and "]" not in uri
    return bool(_SCHEME.fullmatch(scheme)) and len(uri) > len(scheme) + 1
