"""Plays transcripts again, on a server that may be anywhere."""

from __future__ import annotations

import dataclasses
import functools
import http.client
import json
import time
from typing import Any
from urllib.parse import quote, urlsplit

from tests.local.conformance.compare import difference, masked, masked_headers
from tests.local.conformance.names import Names
from tests.local.conformance.recording import Cleared, Exchange, Recording

_READS = ("GET", "HEAD", "OPTIONS", "TRACE")
_PATIENCE = 20.0
_REPEATS = 3.0
_SHORT = 0.3


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """An exchange played again; ``reason`` says how the answers differ, None if they are equal."""

    exchange: Exchange
    reason: str | None
    played: bool = True


class Player:
    """Sends requests byte for byte: neither paths nor bodies are tidied on the way."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.created: str | None = None
        self.names = Names()
        #: Whether the transcript last saw a deployment under way.
        self.is_held = False
        #: Agent of the transcript -> ours that was told the same.
        self.agents: dict[str, str] = {}
        #: When something last changed, and how long after that the transcript is by now.
        self.changed_at, self.since_s = time.monotonic(), 0.0

    def send(
        self, method: str, target: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[int, dict[str, str], Any]:
        """Return status, headers and body (JSON where it is JSON) of the answer."""
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        try:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
            return response.status, dict(response.getheaders()), _parsed(text)
        finally:
            connection.close()

    def play(self, recording: Recording) -> list[Outcome]:
        """Play a transcript from its first exchange to its last."""
        outcomes = []
        for exchange in recording.exchanges:
            if exchange.is_order:
                self.order(exchange)
                continue
            if recording.lively:
                outcome = self.play_lively(exchange)
            else:
                outcome = Outcome(exchange, self.play_one(exchange, recording))
            outcomes.append(outcome)
        return outcomes

    def play_one(self, exchange: Exchange, recording: Recording) -> str | None:
        """Play an exchange of a transcript in which nothing runs; return how it differs."""
        if not recording.settled:
            self.tidy(exchange)
        answer = self.answer(exchange)
        if recording.settled and exchange.method not in _READS:
            self.settle()
        return judge(exchange, *answer, timing=not recording.settled)

    def play_lively(self, exchange: Exchange) -> Outcome:
        """Play an exchange of a transcript in which tasks come and go.

        The transcripts polled until something was reached, so a read is repeated until it shows
        that. What it caught half-way may be over by then: such a one counts as not played.
        """
        if exchange.cleared is Cleared.EVERYTHING:
            self.delete("/v2/groups")
        is_read = exchange.method in _READS
        if not is_read:
            time.sleep(min(exchange.gap_s, _SHORT))
            self.is_settled_within(_SHORT if self.is_held else _REPEATS)
        self.since_s += exchange.gap_s
        deadline = time.monotonic()
        if is_read:
            soon = deadline + _seconds_for(exchange)
            # What takes its time after a change is not over earlier here.
            in_time = self.changed_at + self.since_s + (0 if is_passing(exchange) else _REPEATS)
            deadline = min(max(soon, in_time), deadline + _PATIENCE)
        while True:
            reason = judge(exchange, *self.answer(exchange), lively=True)
            if reason is None or time.monotonic() >= deadline:
                break
            time.sleep(0.02)
        if not is_read:
            self.changed_at, self.since_s = time.monotonic(), 0.0
        else:
            self.is_held = exchange.target == "/v2/deployments" and bool(exchange.answer)
        if reason is not None and is_read and is_passing(exchange):
            return Outcome(exchange, reason, played=False)
        return Outcome(exchange, reason)

    def order(self, exchange: Exchange) -> None:
        """Give our agents the order that the simulated ones were given.

        It is given again until it meets as many tasks as then: ours may not run yet.
        """
        order = json.loads(self.names.translate((exchange.body or b"").decode()))
        recorded = str(json.loads(exchange.body or b"").get("id"))
        if exchange.target == "/control/agent" and order["op"] == "up":
            order["id"] = self.agents.get(recorded, order["id"])
        elif exchange.target == "/control/agent":
            order["id"] = self.agent_with_a_task(order["id"])
            self.agents[recorded] = order["id"]
        body = json.dumps(order).encode()
        self.changed_at, self.since_s = time.monotonic(), 0.0
        deadline = time.monotonic() + exchange.gap_s + _REPEATS
        while True:
            status, _, answer = self.send("POST", exchange.target, exchange.headers, body)
            if status == 200 and _how_many(answer["result"]) == _how_many(exchange.answer):
                return
            if status not in (200, 404):
                raise RuntimeError(f"line {exchange.line}: {exchange.target} {body!r}: {answer}")
            if time.monotonic() >= deadline:
                return
            time.sleep(0.02)

    def agent_with_a_task(self, wanted: str) -> str:
        """Return an agent on which something runs: a task is placed there by chance."""
        answer = self.send("GET", "/v2/tasks", {}, None)[2]
        found = {task["slaveId"] for task in answer["tasks"] if task["state"] == "TASK_RUNNING"}
        return wanted if wanted in found or not found else min(found)

    def answer(self, exchange: Exchange) -> tuple[int, dict[str, str], Any]:
        """Send a recorded request with the ids and times of this run; learn those of the answer."""
        body = exchange.body
        if body is not None:
            body = self.names.translate(body.decode("latin-1")).encode("latin-1")
        target = self.names.translate(exchange.target)
        answer = self.send(exchange.method, target, exchange.headers, body)
        if answer[0] == exchange.status:
            self.names.learn(exchange.answer, answer[2])
        return answer

    def tidy(self, exchange: Exchange) -> None:
        """Delete what the transcript's author deleted without recording it.

        The transcripts mark a general cleaning and the end of a round trip; besides, a POST that
        is not told that its id is taken can only come after a deletion.
        """
        if exchange.cleared is Cleared.EVERYTHING:
            self.delete("/v2/groups")
        elif exchange.cleared is Cleared.THE_APP and self.created:
            self.delete(f"/v2/apps/{self.created}")
        path = exchange.target.partition("?")[0]
        if exchange.method != "POST" or path not in ("/v2/apps", "/v2/groups"):
            return
        sent = _parsed((exchange.body or b"").decode("latin-1"))
        name = sent.get("id") if isinstance(sent, dict) else None
        if not isinstance(name, str) or not name.strip("/."):
            return
        if exchange.status == 201 or (path == "/v2/groups" and exchange.status != 409):
            self.delete(f"{path}/{quote(name)}")
        if exchange.status == 201 and path == "/v2/apps":
            self.created = name

    def delete(self, target: str) -> None:
        """Delete an app or group if it is there, and wait until it is gone."""
        if self.send("DELETE", f"{target}?force=true", {}, None)[0] == 200:
            self.settle()

    def settle(self) -> None:
        """Wait until no deployment runs; raises TimeoutError if one does not end."""
        if not self.is_settled_within(_PATIENCE):
            raise TimeoutError("a deployment does not end")

    def is_settled_within(self, seconds: float) -> bool:
        """Wait until no deployment runs, but not for ever: some transcripts have one that hangs."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.send("GET", "/v2/deployments", {}, None)[2] == []:
                return True
            time.sleep(0.01)
        return False


def _how_many(result: str | list[str]) -> int | str:
    """Return how many tasks an order met, what it says if it does not say that."""
    if isinstance(result, str) and result.startswith("["):
        result = list(json.loads(result))
    return len(result) if isinstance(result, list) else result


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _seconds_for(exchange: Exchange) -> float:
    """Return how long to wait for what a read showed; a deployment may wait for a health check."""
    is_end = exchange.target == "/v2/deployments" and exchange.answer == []
    if is_passing(exchange):
        return min(exchange.gap_s, 1.0) + 0.2
    return max(_PATIENCE if is_end else _REPEATS, exchange.gap_s + _REPEATS)


def is_passing(exchange: Exchange) -> bool:
    """Tell whether a read caught something half-way that nobody can be made to wait for."""
    path, answer = exchange.target.partition("?")[0], exchange.answer
    if path == "/v2/deployments":
        return bool(answer)
    if path == "/v2/queue":
        return bool(answer["queue"])
    app = answer.get("app", {}) if isinstance(answer, dict) else {}
    if app.get("deployments") or app.get("tasksStaged"):
        return True
    tasks = answer.get("tasks", []) if isinstance(answer, dict) else []
    states = {task["state"] for task in [*tasks, *app.get("tasks", [])]}
    return bool(states - {"TASK_RUNNING", "TASK_UNREACHABLE"})


def judge(
    exchange: Exchange,
    status: int,
    headers: dict[str, str],
    answer: Any,
    *,
    timing: bool = False,
    lively: bool = False,
) -> str | None:
    """Return how an answer differs from the recorded one, None if it does not.

    With ``timing`` what depends on how fast tasks start is left out; ``lively`` answers name the
    agents and sockets of the recorded machine, which are masked.
    """
    if status != exchange.status:
        shown = json.dumps(answer)[:300]
        return f"status: expected {exchange.status}, got {status} {shown}"
    if timing and exchange.target == "/v2/deployments" and not (answer and exchange.answer):
        return None  # a poll: whether it sees a deployment depends on how fast that one is
    expected = exchange.answer
    if isinstance(expected, str):
        expected = _parsed(expected) if expected else expected
    mask = functools.partial(masked, timing=timing, lively=lively)
    found = difference(mask(expected), mask(answer))
    if found:
        return found
    told, heard = masked_headers(exchange.answer_headers), masked_headers(headers)
    return difference(told, {name: heard.get(name) for name in told}, "headers")
