"""Replays recording 06: nine readers of the event stream, and what each of them was told.

Events are compared as a whole, not in their order: that differs from run to run in the real one
too, where two instances are concerned. The order of what is said of one instance has tests of its
own. Pods are left out, with all events of their deployments.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import re
from collections.abc import Iterable
from typing import Any

from tests.conftest import wait_for
from tests.local.api import Stream
from tests.local.conformance.compare import masked
from tests.local.conformance.recording import RECORDINGS, Exchange, Recording
from tests.local.conformance.replay import Outcome, Player

NAME = "marathon/06-events"
_FILE = re.compile(r"06-events-[a-z-]+\.sse")
_RECONNECTED = "06-events-reconnect.sse"
_LEFT_EARLY = "06-events-filter-one.sse"
_POD = "/e/p"
_PATIENCE = 2.0

Events = collections.Counter[str]


def play(url: str, recording: Recording) -> list[Outcome]:
    """Play the recording; each stream is judged by the exchange that opened it."""
    player, streams, outcomes = Player(url), dict[str, tuple[Exchange, Stream]](), []
    try:
        for exchange in recording.exchanges:
            if exchange.is_order:
                player.order(exchange)
            elif file := _FILE.search(str(exchange.answer)):
                streams[file[0]] = (exchange, _open(url, exchange))
            else:
                if exchange.method == "DELETE" and exchange.target.startswith("/v2/groups"):
                    _reconnect(url, streams)
                outcomes.append(player.play_lively(exchange))
        outcomes += [_judged(name, *opened) for name, opened in streams.items()]
    finally:
        for _, stream in streams.values():
            stream.close()
    return outcomes


def _open(url: str, exchange: Exchange) -> Stream:
    return Stream(url, exchange.target.removeprefix("/v2/events"), _accept(exchange))


def _accept(exchange: Exchange) -> str:
    return "application/json" if exchange.status == 405 else "text/event-stream"


def _reconnect(url: str, streams: dict[str, tuple[Exchange, Stream]]) -> None:
    """Leave one stream and come back, as the recording did just before its last deployment."""
    first, stream = streams[_LEFT_EARLY]
    stream.close()
    again = dataclasses.replace(first, line=0)
    streams[_RECONNECTED] = (again, _open(url, again))


def _judged(name: str, exchange: Exchange, stream: Stream) -> Outcome:
    lines = (RECORDINGS / "marathon" / name).read_text("utf-8").splitlines()
    told = _events(line.partition("data: ")[2] for line in lines if "| data: " in line)
    status = stream.raw.split(b" ", 2)[1].decode()
    if status != str(exchange.status):
        return Outcome(exchange, f"status: expected {exchange.status}, got {status}")
    try:
        wait_for(lambda: _heard(stream) == told, _PATIENCE)
    except AssertionError:
        return Outcome(exchange, f"{name}: {_difference(told, _heard(stream))}")
    return Outcome(exchange, None)


def _heard(stream: Stream) -> Events:
    blocks = stream.body.decode().split("\r\n")
    return _events(line.removeprefix("data: ") for line in blocks if line.startswith("data: "))


def _events(texts: Iterable[str]) -> Events:
    events = [json.loads(text) for text in texts]
    events = [event for event in events if not event["eventType"].startswith("pod_")]
    versions = {_version(event) for event in events if _POD in json.dumps(event)} - {None}
    rest = (e for e in events if _POD not in json.dumps(e) and _version(e) not in versions)
    return collections.Counter(json.dumps(masked(event, lively=True)) for event in rest)


def _version(event: dict[str, Any]) -> Any:
    """Return the version of the tree that an event is about, None if it is about something else."""
    if not event["eventType"].startswith(("deployment_", "group_change")):
        return None
    return event.get("plan", event).get("version")


def _difference(told: Events, heard: Events) -> str:
    missing, extra = told - heard, heard - told
    shown = [f"{n} x missing {text[:300]}" for text, n in missing.items()]
    shown += [f"{n} x not expected {text[:300]}" for text, n in extra.items()]
    return "; ".join(shown[:4])
