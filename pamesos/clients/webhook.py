"""Tell a web address what happened: from a thread, with a bounded queue, so that nobody waits.

The address is a secret (whoever has a Slack webhook's may write there): only its host is shown.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from pamesos.clients.failures import explain_exception
from pamesos.clients.http import jittered_waits, new_session
from pamesos.errors import SettingsError

if TYPE_CHECKING:
    import requests

log = structlog.get_logger()

#: More messages than this at once are dropped and counted: old news helps nobody.
QUEUE_SIZE = 200
TIMEOUT_S = 10.0
#: One message is tried for about a minute all in all.
TRIES = 6
FIRST_WAIT_S = 1.0
MAX_WAIT_S = 30.0
#: Forms of the body.
GENERIC, SLACK = "generic", "slack"
FORMS = (GENERIC, SLACK)


@dataclass(frozen=True)
class Message:
    """One sentence, and the same as facts (JSON values)."""

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def body(self, form: str) -> dict[str, Any]:
        """Return the JSON object to send: all facts, or what Slack and its likes understand."""
        if form == SLACK:
            return {"text": _slack_text(self.text)}
        return {"source": "pamesos", "text": self.text, **self.facts}


@dataclass(frozen=True)
class Target:
    """Where to send, and in which form."""

    url: str = field(repr=False)
    form: str = GENERIC

    def __post_init__(self) -> None:
        """Raises SettingsError; its text does not hold the address."""
        parts = _split(self.url)
        if parts is None or self.form not in FORMS:
            raise SettingsError(
                "the webhook's address cannot be used: it is no http or https URL"
                if parts is None
                else f"there is no webhook form {self.form!r}",
                remedy=f"write the whole URL as the only line, with a form of {', '.join(FORMS)}",
            )

    @property
    def host(self) -> str:
        """The part that may be shown."""
        return _split(self.url) or ""


class Webhook:
    """Sends messages one after the other between :meth:`start` and :meth:`stop`."""

    def __init__(self, target: Target, *, first_wait_s: float = FIRST_WAIT_S) -> None:
        self._target = target
        self._first_wait_s = first_wait_s
        self._queue: queue.Queue[Message | None] = queue.Queue(QUEUE_SIZE)
        self._counts: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """End; what is queued gets one more try each while the time lasts."""
        self._stop.set()
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(timeout_s)

    def post(self, message: Message) -> bool:
        """Queue a message and return at once; False if the queue is full and it was dropped."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self._counts["dropped"] += 1
            return False
        return True

    def counts(self) -> dict[str, int]:
        """Return how many messages were ``sent``, ``failed`` and ``dropped``."""
        return {word: self._counts[word] for word in ("sent", "failed", "dropped")}

    # -- in the thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        with new_session() as session:
            while (message := self._queue.get()) is not None:
                problem = self._deliver(session, message)
                self._counts["failed" if problem else "sent"] += 1
                if problem:
                    log.warning("webhook.failed", host=self._target.host, reason=problem)

    def _deliver(self, session: requests.Session, message: Message) -> str:
        """Return why the message could not be delivered; empty if it was."""
        waits = jittered_waits(self._first_wait_s, MAX_WAIT_S)
        for left in reversed(range(TRIES)):
            problem, final = self._send(session, message)
            if not problem or final or left == 0 or self._stop.is_set():
                return problem
            self._stop.wait(next(waits))
        return problem

    def _send(self, session: requests.Session, message: Message) -> tuple[str, bool]:
        """Return a problem and whether it is final: another try would end the same."""
        import requests

        try:
            response = session.post(
                self._target.url,
                json=message.body(self._target.form),
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            if not isinstance(error, requests.exceptions.RequestException):
                return "the request could not be sent", True
            return explain_exception(error, TIMEOUT_S).detail, False
        if response.status_code < 300:
            return "", True
        passing = response.status_code in {408, 425, 429} or response.status_code >= 500
        return f"HTTP {response.status_code}", not passing


def _split(url: str) -> str | None:
    """Return the host of a web address; None if it is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    return host if parts.scheme in {"http", "https"} and host else None


def _slack_text(text: str) -> str:
    for plain, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(plain, escaped)
    return text
