"""What went wrong between here and a server, in words for an operator; nothing is sent from here.

A failure says whether trying again may help, and whether the request may have been carried out
although no answer came. Texts hold addresses without credentials and never a body.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    import requests

#: Answers of a gateway, or of a Marathon that is overloaded or starting.
GATEWAY_STATUSES = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Failure:
    """No usable answer: why, what to do, and what may be concluded."""

    detail: str
    remedy: str | None = None
    #: Trying again later may succeed.
    passing: bool = True
    #: The request may have reached the server.
    sent: bool = True


def without_credentials(url: str) -> str:
    """Return the URL without user and password, so that it may be printed."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what is under it: requests wraps urllib3, which wraps OSError."""
    pending, seen = [error], set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        below = [current.__cause__, current.__context__, getattr(current, "reason", None)]
        below += [arg for arg in current.args if isinstance(arg, BaseException)]
        pending += [item for item in below if isinstance(item, BaseException)]


def explain_exception(error: BaseException, timeout_s: float) -> Failure:
    """Name what a ``requests`` exception means."""
    import requests

    causes = list(_causes(error))
    if isinstance(error, requests.exceptions.SSLError):
        return _explain_tls(causes)
    if isinstance(error, requests.exceptions.ProxyError):
        return Failure(
            "the HTTP proxy of this environment did not let the request through",
            remedy="set NO_PROXY for this host, or correct HTTP_PROXY and HTTPS_PROXY",
            sent=False,
        )
    unsent = _explain_unsent(error, causes)
    if unsent is not None:
        return Failure(unsent, sent=False)
    return _explain_sent(error, timeout_s)


def _explain_sent(error: BaseException, timeout_s: float) -> Failure:
    """Name what went wrong after the request may have arrived."""
    import requests

    if isinstance(error, requests.exceptions.Timeout):
        return Failure(f"no answer within {timeout_s:g} s")
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return Failure("the answer broke off before its end")
    if isinstance(error, OSError):
        return Failure("the connection was closed before an answer came")
    return Failure(f"the request failed ({type(error).__name__})", passing=False)


def _explain_unsent(error: BaseException, causes: list[BaseException]) -> str | None:
    """Return why no connection was made, so that nothing can have been sent."""
    import requests

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return "no connection within the timeout"
    for cause in causes:
        if isinstance(cause, socket.gaierror):
            return "its host name cannot be resolved"
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused, nothing listens there"
        if isinstance(cause, OSError) and cause.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}:
            return "no route to its host"
    return None


def _explain_tls(causes: list[BaseException]) -> Failure:
    text = " ".join(str(cause) for cause in causes)
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        return Failure(
            "it does not speak TLS on this port",
            remedy="use http:// in the Marathon URL, or the port that serves https",
            passing=False,
            sent=False,
        )
    reasons = [str(getattr(cause, "verify_message", "")) for cause in causes]
    reason = next((reason for reason in reasons if reason), "TLS could not be set up")
    return Failure(
        f"its TLS certificate was not accepted: {reason}",
        remedy="give the certificate authority with --ca-bundle or PAMESOS_MARATHON_CA_BUNDLE, "
        "and a client certificate with --client-cert if the server asks for one",
        passing=False,
        sent=False,
    )


def is_html(response: requests.Response) -> bool:
    """Whether a proxy, a login page or a web server answered instead of an API."""
    content_type = response.headers.get("Content-Type", "").lower()
    return "html" in content_type or response.content[:64].lstrip().startswith((b"<!", b"<html"))


def explain_response(response: requests.Response) -> Failure | None:
    """Return why an answer is no answer of the API; None if it is one (refusals included).

    500 and 502 with an empty body are a leader gap (facts/stack.md, 8). A 500 with a message is
    Marathon's own refusal (facts/marathon.md, 1).
    """
    status = response.status_code
    if 300 <= status < 400:
        return _explain_redirect(response)
    if status in {401, 403}:
        return None
    if status in GATEWAY_STATUSES:
        return Failure(f"HTTP {status}, {_gateway_words(status)}")
    if status == 500 and not response.content.strip():
        return Failure("HTTP 500 without a text, as when no leader is elected")
    if is_html(response):
        return Failure(
            f"HTTP {status} with a web page instead of JSON; a proxy or another server answers",
            remedy="give the address of Marathon itself (--marathon, PAMESOS_MARATHON_URL), "
            "or let the proxy pass /v2 and /ping through",
            passing=False,
            sent=False,  # Marathon answers no API call with a page: it never got this one
        )
    return None


def _gateway_words(status: int) -> str:
    if status == 429:
        return "too many requests"
    return "no leader is elected, or a proxy does not reach Marathon"


def _explain_redirect(response: requests.Response) -> Failure:
    location = without_credentials(response.headers.get("Location", "")).partition("?")[0]
    here, there = urlsplit(response.url or ""), urlsplit(location)
    if there.scheme == "https" and here.scheme == "http" and there.path == here.path:
        return Failure(
            "it redirects to https",
            remedy=f"use https://{there.netloc} as the Marathon URL",
            passing=False,
            sent=False,
        )
    return Failure(
        f"HTTP {response.status_code}, it redirects to {location or 'nowhere'}; "
        "that is a login page or another server, not Marathon's API",
        remedy="give the address of Marathon itself, or credentials the proxy accepts "
        "(--user with --password-file, or --token-file)",
        passing=False,
        sent=False,
    )
