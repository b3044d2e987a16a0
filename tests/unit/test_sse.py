"""The event stream's parser understands any legal stream, cut anywhere."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pamesos.clients.sse import SseParser
from tests.contract.recorded_server import recorded_events

STREAM = (
    b"event: a\r\ndata: {}\r\n\r\n\r\n: a comment\r\nevent: b\r\ndata: one\r\ndata: two\r\n\r\n\r\n"
)
EVENTS = [("a", b"{}"), ("b", b"one\ntwo")]


def parse(*chunks: bytes) -> list[tuple[str, bytes]]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_events_are_the_same_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in itertools.pairwise(edges)]

    assert parse(*chunks) == EVENTS


@pytest.mark.parametrize(("end"), [pytest.param(b"\n", id="LF"), pytest.param(b"\r", id="CR")])
def test_other_line_ends_are_understood(end: bytes) -> None:
    assert parse(STREAM.replace(b"\r\n", end)) == EVENTS


def test_a_heartbeat_is_no_event() -> None:
    assert parse(b"\r\n\r\n\r\n") == []


def test_an_event_without_its_empty_line_is_not_given_out() -> None:
    assert parse(b"event: a\r\ndata: {}\r\n") == []


def test_a_large_event_is_whole() -> None:
    data = b"x" * 10_000_000

    assert parse(b"event: a\r\ndata: ", data[:7], data[7:], b"\r\n\r\n") == [("a", data)]


def test_an_event_over_the_limit_is_dropped_and_counted_and_the_next_one_is_read() -> None:
    parser = SseParser(max_bytes=100)
    chunks = [b"event: big\r\ndata: ", b"x" * 90, b"x" * 90, b"\r\ndata: more\r\n\r\n", STREAM]

    events = [event for chunk in chunks for event in parser.feed(chunk)]

    assert events == EVENTS
    assert parser.dropped == 1


def test_a_recorded_stream_is_read_whole() -> None:
    content = recorded_events("stack/01-deploy.sse")

    events = parse(content)

    assert len(events) == content.count(b"\r\nevent: ")
    assert events[0][0] == "event_stream_attached"
