"""The one place that sends requests: picks the server, retries what is safe, names every failure.

Retrying is bounded in time, waits in ``Event.wait`` (so that a stop is heard at once) and never
repeats a change that may have been carried out: the caller looks instead.
"""

from __future__ import annotations

import enum
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from pamesos.clients.auth import Credentials
from pamesos.clients.failures import Failure, explain_exception, explain_response
from pamesos.core.connection import Connection
from pamesos.errors import PamesosError

if TYPE_CHECKING:
    import requests

USER_AGENT = "pamesos"
FIRST_WAIT_S = 0.1
MAX_WAIT_S = 2.0
#: A server that never answered is most likely a wrong address: say so soon.
FIRST_CONTACT_BUDGET_S = 1.0


class Retry(enum.Enum):
    """When a request may be sent again."""

    #: Reads, and changes whose repetition changes nothing.
    SAFE = "safe"
    #: Only if it surely never reached the server (connection refused, name not resolved).
    UNSENT = "unsent"


@dataclass(frozen=True)
class Reply:
    """An answer of the API, refusals included; ``body`` is parsed JSON, text, or None if empty."""

    status: int
    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One request, before it is known which server gets it."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = field(default=None, repr=False)
    retry: Retry = Retry.SAFE
    text: bool = False
    #: Strings in the JSON may hold any bytes (a log): kept as surrogates, never an error.
    any_bytes: bool = False


class Unavailable(Protocol):
    """Makes the error for "no usable answer" of the service that is talked to."""

    def __call__(
        self, url: str, detail: str, *, remedy: str | None = None, sent: bool = False
    ) -> PamesosError: ...


def jittered_waits(first_s: float = FIRST_WAIT_S, max_s: float = MAX_WAIT_S) -> Iterator[float]:
    """Yield growing waits in seconds, bounded, half of each at random, without end."""
    import backoff

    for wait_s in backoff.expo(base=2, factor=first_s, max_value=max_s):
        if wait_s is not None:  # backoff 2 sends a first None to start its generator
            yield wait_s / 2 + backoff.full_jitter(wait_s / 2)


def new_session() -> requests.Session:
    """Return a session that sends pamesos's own headers.

    Connections are not kept: Marathon closes each by itself, a proxy that does not may close one
    just as a change is sent (then nobody knows whether it arrived), and a server that writes
    headers and body apart delays every later answer by the kernel's 40 ms of delayed ACK.
    """
    import requests

    session = requests.Session()
    session.headers["User-Agent"] = USER_AGENT
    session.headers["Connection"] = "close"
    return session


def transport_options(connection: Connection) -> dict[str, Any]:
    """Return the TLS arguments of a request for this connection."""
    options: dict[str, Any] = {"allow_redirects": False}
    if connection.ca_bundle is not None:
        options["verify"] = connection.ca_bundle
    if connection.client_cert is not None:
        pair = (connection.client_cert, connection.client_key)
        options["cert"] = pair if connection.client_key is not None else connection.client_cert
    return options


class HttpClient:
    """Sends to one of several servers, staying with the one that answered last."""

    def __init__(
        self,
        connection: Connection,
        unavailable: Unavailable,
        *,
        on_wait: Callable[[str], None] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """``on_wait`` hears why a wait begins, once per wait; ``stop`` ends waiting early."""
        self.connection = connection
        self.credentials = Credentials(connection)
        self._unavailable = unavailable
        self._on_wait = on_wait
        self._stop = stop or threading.Event()
        self._session: requests.Session | None = None
        self._preferred = 0
        self._answered = False

    @property
    def url(self) -> str:
        """The server that answered last, or the first one."""
        return self.connection.urls[self._preferred]

    def request(self, call: Call) -> Reply:
        """Send and return the reply; every failure leaves as the service's own error."""
        started = time.monotonic()
        waits = jittered_waits()
        while True:
            outcome = self._try_all(call)
            if isinstance(outcome, Reply):
                return outcome
            wait_s = next(waits)
            left_s = self._budget_s(outcome) - (time.monotonic() - started)
            if not self._may_repeat(call, outcome) or left_s < wait_s or self._stop.is_set():
                raise self._unavailable(
                    self.url, outcome.detail, remedy=outcome.remedy, sent=outcome.sent
                )
            if self._on_wait is not None:
                self._on_wait(outcome.detail)
            self._stop.wait(wait_s)

    def close(self) -> None:
        """Give the connections back."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _budget_s(self, failure: Failure) -> float:
        if self._answered or failure.sent:
            return self.connection.retry_budget_s
        return min(FIRST_CONTACT_BUDGET_S, self.connection.retry_budget_s)

    @staticmethod
    def _may_repeat(call: Call, failure: Failure) -> bool:
        return failure.passing and (call.retry is Retry.SAFE or not failure.sent)

    def _try_all(self, call: Call) -> Reply | Failure:
        """Ask each server once, the last good one first, until one gives a usable answer."""
        count = len(self.connection.urls)
        failure: Failure | None = None
        for index in [(self._preferred + step) % count for step in range(count)]:
            outcome = self._try_one(self.connection.urls[index], call)
            if isinstance(outcome, Reply):
                self._preferred, self._answered = index, True
                return outcome
            if failure is None or outcome.sent:
                failure = outcome
            if not self._may_repeat(call, outcome) and outcome.sent:
                break
        assert failure is not None
        return failure

    def _try_one(self, base: str, call: Call) -> Reply | Failure:
        import requests

        try:
            response = self._send(base, call)
            if response.status_code == 401 and self.connection.token_file is not None:
                response = self._send_with_renewed_token(base, call, response)
        except (requests.exceptions.RequestException, OSError) as error:
            return explain_exception(error, self.connection.read_timeout_s)
        return explain_response(response) or _parse(response, call)

    def _send_with_renewed_token(
        self, base: str, call: Call, refused: requests.Response
    ) -> requests.Response:
        """A token may have been renewed while the request was under way: one more try then."""
        if refused.request.headers.get("Authorization") == self.credentials.header():
            return refused
        return self._send(base, call)

    def _send(self, base: str, call: Call) -> requests.Response:
        if self._session is None:
            self._session = new_session()
        data = None if call.body is None else json.dumps(call.body).encode()
        headers = {"Accept": "*/*" if call.text else "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        timeout = (self.connection.connect_timeout_s, self.connection.read_timeout_s)
        return self._session.request(
            call.method,
            base + call.path,
            params=list(call.query),
            data=data,
            headers=headers,
            auth=self.credentials.for_requests(),
            timeout=timeout,
            **transport_options(self.connection),
        )


def _parse(response: requests.Response, call: Call) -> Reply | Failure:
    headers = dict(response.headers)
    if not response.content.strip():
        return Reply(response.status_code, None, headers)
    if call.text:
        return Reply(response.status_code, response.text, headers)
    try:
        errors = "surrogateescape" if call.any_bytes else "strict"
        content = response.content.decode("utf-8", errors)
        return Reply(response.status_code, json.loads(content), headers)
    except ValueError:
        if response.status_code >= 400:  # a refusal in plain text is still a refusal
            return Reply(response.status_code, response.text[:200], headers)
        return Failure(f"its answer ({len(response.content)} bytes) is not whole JSON")
