"""What cannot be read is refused with the path and the code of the recordings."""

from __future__ import annotations

from typing import Any

import pytest

from pamesos.local.definitions import jsontext, normal
from pamesos.local.definitions.fields import APP_UPDATE, GROUP_UPDATE
from pamesos.local.definitions.refusal import Refusal

_WHERE = '[Source: (byte[])"{"; line: 1, column: 1]'
_TOKENS = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def refusal_of(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        jsontext.parse(body)
    return caught.value


@pytest.mark.parametrize(
    ("body", "details"),
    [
        pytest.param(
            b"{",
            f"Unexpected end-of-input: expected close marker for Object (start marker at {_WHERE})",
            id="end inside an object",
        ),
        pytest.param(
            b'{"id": }', "Unexpected character ('}' (code 125)): expected a value", id="no value"
        ),
        pytest.param(
            b'{"a":1,}',
            "Unexpected character ('}' (code 125)): was expecting double-quote to start field name",
            id="comma at the end",
        ),
        pytest.param(
            b"not json", f"Unrecognized token 'not': was expecting {_TOKENS}", id="a word"
        ),
        pytest.param(
            b"{} trailing", f"Unrecognized token 'trailing': was expecting {_TOKENS}", id="trailing"
        ),
        pytest.param(b"\xff\xfe{", "Invalid UTF-8 start byte 0xfe", id="UTF-16 mark"),
        pytest.param(b'{"a":"\xff"}', "Invalid UTF-8 start byte 0xff", id="bad byte in a string"),
        pytest.param(b'{"a":"\xc3("}', "Invalid UTF-8 middle byte 0x28", id="cut character"),
        pytest.param(
            b"NaN", f"Unrecognized token 'NaN': was expecting {_TOKENS}", id="not a number"
        ),
        pytest.param(b"[" * 100_000, "Too deeply nested", id="100,000 brackets"),
    ],
)
def test_a_body_that_is_no_json_is_refused_with_the_first_fault(body: bytes, details: str) -> None:
    refused = refusal_of(body)
    assert refused.status == 400
    assert refused.body == {"message": "Invalid JSON", "details": details}


def test_an_empty_body_is_refused_in_its_own_words() -> None:
    refused = refusal_of(b"")
    assert refused.body == {
        "message": "Please specify data in JSON format",
        "details": "No content to map due to end-of-input\n"
        ' at [Source: (byte[])""; line: 1, column: 0]',
    }


@pytest.mark.parametrize(
    ("body", "value"),
    [
        pytest.param(rb'"\ud83d\ude00"', "\U0001f600", id="a whole character"),
        pytest.param(rb'"a\ud83d"', "a?", id="half a character"),
    ],
)
def test_what_is_read_can_be_written_again(body: bytes, value: str) -> None:
    assert jsontext.parse(body) == value


def faults_of(reader: Any, value: Any) -> dict[str, list[str]]:
    with pytest.raises(Refusal) as caught:
        normal.read(reader, value)
    body = caught.value.body
    assert isinstance(body, dict)
    assert body["message"] == "Invalid JSON"
    return {fault["path"]: fault["errors"] for fault in body["details"]}


@pytest.mark.parametrize(
    ("update", "path", "error"),
    [
        pytest.param({"instances": "3"}, "/instances", "error.expected.jsnumber", id="text"),
        pytest.param({"instances": True}, "/instances", "error.expected.jsnumber", id="boolean"),
        pytest.param({"instances": 1.5}, "/instances", "error.expected.int", id="fraction"),
        pytest.param({"instances": 3e9}, "/instances", "error.expected.int", id="over 32 bits"),
        pytest.param({"instances": -1}, "/instances", "error.min", id="negative"),
        pytest.param({"cpus": 1e999}, "/cpus", "error.expected.jsnumber", id="beyond numbers"),
        pytest.param({"cmd": ""}, "/cmd", "error.minLength", id="empty command"),
        pytest.param({"id": "/A"}, "/id", "error.pattern", id="capital in an id"),
        pytest.param({"id": "."}, "/id", "error.pattern", id="a dot as id"),
        pytest.param({"labels": {"a": 1}}, "/labels/a", "error.expected.jsstring", id="label"),
        pytest.param({"env": {"A": None}}, "/env/A", "error.expected.jsobject", id="env null"),
        pytest.param({"env": {"A": {}}}, "/env/A/secret", "error.path.missing", id="env object"),
        pytest.param({"ports": "x"}, "/ports", "error.expected.jsarray", id="no list"),
        pytest.param(
            {"killSelection": "x"}, "/killSelection", "error.unknown.enum.literal", id="no choice"
        ),
        pytest.param({"version": "x"}, "/version", "error.expected.date.isoformat", id="no time"),
        pytest.param(
            {"version": "2026-02-31T00:00:00Z"},
            "/version",
            "error.expected.date.isoformat",
            id="no such day",
        ),
        pytest.param(
            {"portDefinitions": [{"port": 1}, {"port": 70000}]},
            "/portDefinitions(1)/port",
            "error.max",
            id="second of a list",
        ),
        pytest.param(
            {"fetch": [{}]}, "/fetch(0)/uri", "'uri' is undefined on object: {}", id="left out"
        ),
        pytest.param(
            {"secrets": {"s": "x"}}, "/secrets/s/source", '"x" is not an object', id="no object"
        ),
        pytest.param(
            {"container": {"volumes": [{"containerPath": "/a"}]}},
            "/container/volumes(0)/hostPath",
            '\'hostPath\' is undefined on object: {"containerPath":"/a"}',
            id="no kind of volume",
        ),
    ],
)
def test_a_wrong_type_or_range_is_refused_at_its_path(
    update: dict[str, Any], path: str, error: str
) -> None:
    assert faults_of(APP_UPDATE, update)[path] == [error]


@pytest.mark.parametrize(
    "value", [pytest.param(v, id=repr(v)) for v in ([], [1], None, "str", 5, {"unknown": 1})]
)
def test_a_group_update_takes_any_json_as_an_empty_update(value: Any) -> None:
    assert normal.read(GROUP_UPDATE, value) == {}


def test_all_faults_are_reported_at_once() -> None:
    found = faults_of(APP_UPDATE, {"cpus": -1, "mem": "x", "user": 5})
    assert found == {
        "/cpus": ["error.min"],
        "/mem": ["error.expected.jsnumber"],
        "/user": ["error.expected.jsstring"],
    }
