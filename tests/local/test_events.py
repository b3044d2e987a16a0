"""The event stream, byte for byte."""

from __future__ import annotations

import json
import re

import pytest

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Stream, app, stream


def test_the_stream_starts_with_the_headers_of_the_recordings(api: Api) -> None:
    with stream(api.url) as events:
        head = events.raw.partition(b"\r\n\r\n")[0].decode().lower()
    assert head.startswith("http/1.1 200")
    assert "content-type: text/event-stream;charset=utf-8" in head
    assert "cache-control: no-cache, no-store, must-revalidate" in head
    assert f"x-marathon-leader: {api.url}" in head


def test_an_event_is_two_lines_that_end_in_crlf_and_has_no_id(api: Api) -> None:
    with stream(api.url) as events:
        events.wait("event_stream_attached")
        body = events.body.decode()
    assert re.fullmatch(
        r'event: event_stream_attached\r\ndata: {"remoteAddress":"127\.0\.0\.1",'
        r'"eventType":"event_stream_attached","timestamp":"[0-9T:.-]+Z"}\r\n\r\n',
        body,
    )


def test_a_bare_line_is_the_heartbeat_of_every_ten_seconds(api: Api) -> None:
    with stream(api.url, "?event_type=nothing") as events:
        assert events.body == b""
        assert wait_for(lambda: events.body, 12, "a heartbeat") == b"\r\n"


def test_only_the_types_that_were_asked_for_are_sent(api: Api) -> None:
    query = "?event_type=deployment_info&event_type=deployment_success"
    with stream(api.url, query) as events, stream(api.url, "?event_type=nope") as nothing:
        api.deploy(app("a"))
        events.wait("deployment_success")
        assert set(events.types()) == {"deployment_info", "deployment_success"}
        assert nothing.body == b""


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        pytest.param("application/json", 405, id="json"),
        pytest.param("*/*", 405, id="anything"),
        pytest.param("text/event-stream", 200, id="a stream"),
    ],
)
def test_only_who_accepts_a_stream_gets_one(api: Api, accept: str, status: int) -> None:
    reader = Stream(api.url, accept=accept)
    reader.close()
    assert reader.raw.startswith(f"HTTP/1.1 {status}".encode())
    if status == 405:
        assert reader.body == b""
        assert b"content-length: 0" in reader.raw.lower()


def test_others_hear_that_a_reader_came_and_left(api: Api) -> None:
    with stream(api.url) as events:
        second = Stream(api.url)
        wait_for(lambda: len(events.events("event_stream_attached")) == 2)
        second.close()
        events.wait("event_stream_detached", remoteAddress="127.0.0.1")


def test_a_status_update_has_the_members_of_the_recordings_in_their_order(api: Api) -> None:
    with stream(api.url) as events:
        api.deploy(app("a"))
        update = events.wait("status_update_event", taskStatus="TASK_RUNNING")
        changed = events.wait("instance_changed_event", condition="Running")
    assert list(update) == [
        "slaveId",
        "taskId",
        "taskStatus",
        "message",
        "appId",
        "host",
        "ipAddresses",
        "ports",
        "version",
        "eventType",
        "timestamp",
    ]
    assert list(changed) == [
        "instanceId",
        "condition",
        "runSpecId",
        "agentId",
        "host",
        "runSpecVersion",
        "timestamp",
        "eventType",
    ]


def test_a_request_to_an_app_is_told_with_the_group_it_is_in(api: Api) -> None:
    api.deploy(app("a"))
    with stream(api.url) as events:
        api.call("PUT", "/v2/apps//t/a", {"instances": 2})
        posted = events.wait("api_post_event", uri="/v2/apps//t/a")
        events.wait("group_change_success", groupId="/t")
        api.settle()
    assert posted["appDefinition"]["instances"] == 2
    assert json.dumps(posted["appDefinition"]["mem"]) == "32"


def test_the_streams_end_when_the_engine_stops(local_marathon: LocalMarathon) -> None:
    reader = Stream(local_marathon.url)
    assert local_marathon.stop() == 0
    wait_for(lambda: not reader._thread.is_alive(), what="the end of the stream")
    reader.close()
