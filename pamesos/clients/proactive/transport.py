"""One place that sends a request to ProActive, and names every failure.

What may be repeated is decided by what is known: a request that never left may be sent again, a
read may be sent again after any failure, anything else is sent once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pamesos.errors import ProActiveRefusedError, ProActiveUnavailableError

if TYPE_CHECKING:
    import requests

T = TypeVar("T")

#: A proxy's, or Jetty's while /rest is not deployed (facts/proactive.md 2).
_UNAVAILABLE = frozenset({429, 502, 503, 504})
_MAX_TRIES = 8
_MAX_WAIT_S = 5.0
_MAX_TEXT = 300


@dataclass(frozen=True)
class Timeouts:
    """Seconds. ``database_s`` is for calls that hang while the server's database is away."""

    connect_s: float = 5.0
    read_s: float = 30.0
    database_s: float = 5.0


@dataclass(frozen=True)
class Request:
    """One call; ``label`` names it in errors, so that no variable's value gets there."""

    method: str
    path: str
    form: tuple[tuple[str, str], ...] | None = None
    body: Callable[[], Any] | None = None
    headers: Mapping[str, str] | None = None
    read_timeout_s: float | None = None
    label: str | None = None
    #: Whether it may be repeated after it may have arrived.
    repeatable: bool = False


@dataclass(frozen=True)
class Reply:
    """A reply below 400."""

    status: int
    text: str

    def json(self, url: str) -> Any:
        """Return the parsed body; a body that is not JSON means that something else answered."""
        try:
            return json.loads(self.text)
        except ValueError:
            raise ProActiveUnavailableError(
                url, "the reply is not JSON; is a proxy in between?"
            ) from None


class NotConnectedError(Exception):
    """The session is unknown (HTTP 401): it expired, or the server restarted."""


class NotSentError(ProActiveUnavailableError):
    """No connection could be made, so nothing was sent: repeating is safe for every call."""


def send(
    session: requests.Session, url: str, request: Request, timeouts: Timeouts, sid: str | None
) -> Reply:
    """Send one request, once. Raises ProActiveError, or NotConnectedError for a lost session."""
    import requests as http

    headers = dict(request.headers or {})
    if sid is not None:
        headers["sessionid"] = sid
    read_s = request.read_timeout_s or timeouts.read_s
    try:
        response = session.request(
            request.method,
            url + request.path,
            data=list(request.form) if request.form is not None else _body(request),
            headers=headers,
            timeout=(min(timeouts.connect_s, read_s), read_s),
            allow_redirects=False,  # a redirect would carry the session id to another host
        )
    except (http.ConnectionError, http.exceptions.InvalidURL) as error:
        raise _unavailable(url, error) from error
    except http.Timeout as error:
        raise ProActiveUnavailableError(url, f"no answer within {read_s:g} s") from error
    except http.RequestException as error:
        raise ProActiveUnavailableError(url, type(error).__name__) from error
    finally:
        # A kept connection may be closed by the server just when it is used again: then nobody
        # knows whether the request arrived.
        session.close()
    return _judge(url, request, response)


def _body(request: Request) -> Any:
    return request.body() if request.body is not None else None


def _unavailable(url: str, error: Exception) -> ProActiveUnavailableError:
    import requests as http
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    reason = getattr(error.args[0], "reason", None) if error.args else None
    if isinstance(reason, NewConnectionError):  # a kind of ConnectTimeoutError, so first
        return NotSentError(url, "connection refused or host unknown")
    if isinstance(error, http.ConnectTimeout) or isinstance(reason, ConnectTimeoutError):
        return NotSentError(url, "no connection within the time-out")
    if isinstance(error, http.exceptions.InvalidURL):
        return ProActiveUnavailableError(url, "this is no valid address")
    return ProActiveUnavailableError(url, "the connection broke")


def _judge(url: str, request: Request, response: requests.Response) -> Reply:
    status = response.status_code
    if status < 300:
        response.encoding = "utf-8"  # octet-stream replies name no charset
        return Reply(status, response.text)
    if status < 400:
        target = response.headers.get("Location", "another address")
        raise ProActiveUnavailableError(url, f"it redirects to {target}; use that address")
    if status in _UNAVAILABLE:
        raise ProActiveUnavailableError(url, f"HTTP {status}")
    if status == 401:
        raise NotConnectedError
    detail = _error_message(response)
    if detail is None:
        raise ProActiveUnavailableError(
            url, f"HTTP {status} that is not ProActive's; is this the address of its /rest?"
        )
    what = request.label or f"{request.method} {request.path}"
    raise ProActiveRefusedError(url, status, f"{what}: {detail}")


def _error_message(response: requests.Response) -> str | None:
    """Return the message of ProActive's error object, None if the body is none."""
    try:
        body = json.loads(response.text)
    except ValueError:
        return None
    if not isinstance(body, dict) or "httpErrorCode" not in body:
        return None
    # "org.ow2….JobValidationException: At [tag:job] …": people want what follows the class.
    message = str(body.get("errorMessage") or body.get("exceptionClass") or "no message")
    head, _, tail = message.partition(": ")
    if tail and head.endswith("Exception") and " " not in head:
        message = f"{head.rsplit('.', 1)[-1]}: {tail}"
    return message if len(message) <= _MAX_TEXT else message[:_MAX_TEXT] + "…"


def retrying(call: Callable[[], T], *, repeatable: bool, budget_s: float) -> T:
    """Run ``call``, again while it may be repeated; bounded in tries, wait and total time."""
    if budget_s <= 0:
        return call()
    import backoff

    def final(error: Exception) -> bool:
        return not (repeatable or isinstance(error, NotSentError))

    # No logging: details["args"] of backoff would hold the request, with the password in it.
    decorate = backoff.on_exception(
        backoff.expo,
        ProActiveUnavailableError,
        max_tries=_MAX_TRIES,
        max_value=_MAX_WAIT_S,
        max_time=budget_s,
        factor=0.2,
        giveup=final,
        logger=None,
    )
    return decorate(call)()
