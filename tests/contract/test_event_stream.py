"""The event stream on a real socket: standbys, tokens, silence, closing, large events."""

from __future__ import annotations

import dataclasses
import queue
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pamesos.clients.events import Connected, Disconnected, Event, EventStream, Item
from pamesos.core.connection import Connection
from tests.contract.recorded_server import RecordedServer, recorded_events, serving

PATIENCE_S = 10.0


@pytest.fixture
def leader() -> Iterator[RecordedServer]:
    with serving() as server:
        yield server


@pytest.fixture
def standby() -> Iterator[RecordedServer]:
    with serving() as server:
        yield server


class Listener:
    """Collects what a stream hands out."""

    def __init__(self) -> None:
        self.items: queue.Queue[Item] = queue.Queue()

    def next_of(self, kind: type[Item]) -> Any:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            item = self.items.get(timeout=max(0.01, deadline - time.monotonic()))
            if isinstance(item, kind):
                return item


def stream_of(server: RecordedServer, listener: Listener, **changes: Any) -> EventStream:
    silence_s = changes.pop("silence_s", 25.0)
    types = changes.pop("event_types", ())
    connection = dataclasses.replace(Connection(urls=(server.url,)), **changes)
    return EventStream(
        connection, on_item=listener.items.put, silence_s=silence_s, event_types=types
    )


def redirect_to(standby: RecordedServer, target: str) -> None:
    """A standby: the stream is a 302, all else is proxied (facts/stack.md, 8)."""
    standby.on("GET", "/v2/events", status=302, headers={"Location": f"{target}/v2/events"})


def test_events_come_with_their_type_and_the_app_they_name(leader: RecordedServer) -> None:
    leader.stream(recorded_events("stack/01-deploy.sse"))
    listener = Listener()

    with stream_of(leader, listener):
        connected = listener.next_of(Connected)
        events = [listener.next_of(Event) for _ in range(12)]

    assert connected == Connected(leader.url, first=True)
    assert events[0].type == "event_stream_attached"
    assert events[0].app_id is None
    assert {event.app_id for event in events} == {
        None,
        "/pa/database",
        "/pa/scheduler",
        "/pa/nodes",
    }


def test_an_event_is_handed_out_at_once(leader: RecordedServer) -> None:
    stream = leader.stream()
    listener = Listener()
    with stream_of(leader, listener):
        listener.next_of(Connected)
        sent_at = time.monotonic()
        stream.send("status_update_event", {"appId": "/x"})

        listener.next_of(Event)

    assert time.monotonic() - sent_at < 0.5


def test_only_the_wanted_types_are_asked_for(leader: RecordedServer) -> None:
    leader.stream()
    listener = Listener()

    with stream_of(leader, listener, event_types=("a_event", "b_event")):
        listener.next_of(Connected)

    assert leader.requests[0].query == (("event_type", "a_event"), ("event_type", "b_event"))
    assert leader.requests[0].headers["Accept"] == "text/event-stream"


def test_a_closed_stream_is_opened_again_and_says_that_events_were_lost(
    leader: RecordedServer,
) -> None:
    leader.stream()
    leader.on("GET", "/v2/events", status=502, times=1)
    first = leader.stream(times=1)
    listener = Listener()
    with stream_of(leader, listener):
        assert listener.next_of(Connected).first is True
        first.close()

        assert "closed" in listener.next_of(Disconnected).reason
        assert "502" in listener.next_of(Disconnected).reason
        assert listener.next_of(Connected).first is False


def test_a_silent_stream_is_given_up(leader: RecordedServer) -> None:
    leader.stream()
    listener = Listener()

    with stream_of(leader, listener, silence_s=0.2):
        listener.next_of(Connected)
        assert "nothing came" in listener.next_of(Disconnected).reason
        assert listener.next_of(Connected).first is False


def test_stopping_does_not_wait_for_the_next_event(leader: RecordedServer) -> None:
    leader.stream()
    listener = Listener()
    stream = stream_of(leader, listener).start()
    listener.next_of(Connected)
    started = time.monotonic()

    stream.stop()

    assert time.monotonic() - started < 1


def test_iterating_ends_when_the_stream_is_stopped(leader: RecordedServer) -> None:
    leader.stream(recorded_events("stack/08-leader-killed-sse-on-8081.sse"))
    stream = EventStream(Connection(urls=(leader.url,))).start()
    seen = []
    for item in stream:
        seen.append(item)
        stream.stop()

    assert isinstance(seen[0], Connected)


def test_the_token_follows_a_standby_to_the_leader_that_marathon_names(
    leader: RecordedServer, standby: RecordedServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    leader.stream()
    redirect_to(standby, leader.url)
    standby.on("GET", "/v2/leader", body={"leader": leader.host})
    listener = Listener()

    with stream_of(standby, listener, token_file=str(token)):
        assert listener.next_of(Connected).url == leader.url

    assert leader.requests[0].headers["Authorization"] == "Bearer s3cret"


def test_the_token_goes_to_no_host_that_marathon_does_not_name(
    leader: RecordedServer, standby: RecordedServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret")
    leader.stream()
    redirect_to(standby, leader.url)
    standby.on("GET", "/v2/leader", body={"leader": "10.0.0.1:8080"})
    listener = Listener()

    with stream_of(standby, listener, token_file=str(token)):
        reason = listener.next_of(Disconnected).reason

    assert "does not name leader" in reason
    assert "s3cret" not in reason
    assert leader.requests == []


def test_a_standby_is_followed_without_credentials_at_once(
    leader: RecordedServer, standby: RecordedServer
) -> None:
    leader.stream()
    redirect_to(standby, leader.url)
    listener = Listener()

    with stream_of(standby, listener, event_types=("x",)):
        assert listener.next_of(Connected).url == leader.url

    assert standby.sent("GET", "/v2/leader") == []
    assert leader.requests[0].query == (("event_type", "x"),)


def test_a_login_page_is_not_followed(leader: RecordedServer, standby: RecordedServer) -> None:
    standby.on("GET", "/v2/events", status=302, headers={"Location": f"{leader.url}/login"})
    listener = Listener()

    with stream_of(standby, listener):
        assert "redirects" in listener.next_of(Disconnected).reason

    assert leader.requests == []


def test_a_token_is_read_again_when_the_stream_is_opened_again(
    leader: RecordedServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    leader.stream(when=lambda request: request.headers["Authorization"] == "Bearer renewed")
    leader.on("GET", "/v2/events", status=401, times=1)
    listener = Listener()
    with stream_of(leader, listener, token_file=str(token)):
        assert "401" in listener.next_of(Disconnected).reason
        token.write_text("renewed")

        listener.next_of(Connected)


def test_a_web_page_is_no_event_stream(leader: RecordedServer) -> None:
    leader.on("GET", "/v2/events", body=b"<html>", headers={"Content-Type": "text/html"})
    listener = Listener()

    with stream_of(leader, listener):
        assert "something else than events" in listener.next_of(Disconnected).reason


def test_a_ten_megabyte_event_is_read(leader: RecordedServer) -> None:
    stream = leader.stream()
    listener = Listener()
    with stream_of(leader, listener):
        listener.next_of(Connected)
        stream.send("deployment_info", {"plan": "x" * 10_000_000})
        stream.send("status_update_event", {"appId": "/x"})

        assert len(listener.next_of(Event).data["plan"]) == 10_000_000
        assert listener.next_of(Event).app_id == "/x"
