"""Files that cannot be read end in one clear message; those that can keep their lines."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from pamesos.config.description import load
from pamesos.config.reader import MAX_BYTES
from pamesos.errors import ExitStatus, InvalidDescriptionError
from tests.unit.description.files import GOOD, faults_of, load_text


def refusal(path: Path) -> InvalidDescriptionError:
    with pytest.raises(InvalidDescriptionError) as raised:
        load(path, environ={})
    assert raised.value.exit_status is ExitStatus.BAD_INPUT
    assert raised.value.remedy
    return raised.value


@pytest.mark.parametrize("text", ["", " \n\n", "\ufeff"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    assert faults_of(tmp_path, text) == ["the file is empty"]


def test_a_directory_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path).faults == ("this is a directory",)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x.json").faults == ("there is no such file",)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.touch(mode=0o000)
    assert refusal(path).faults == ("no permission to read it",)


def test_bytes_that_are_no_utf_8_are_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b'{\n"name": "\xff"}')
    assert refusal(path).faults == (f"{path}:2: byte 11 is not valid UTF-8",)


def test_a_large_file_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.truncate(50 * 1024 * 1024)
    assert refusal(path).faults == ("larger than 8 MiB; that is no description",)


def test_a_large_stream_is_refused_after_the_limit() -> None:
    assert MAX_BYTES == 8 * 1024 * 1024
    assert refusal(Path("/dev/zero")).faults == ("larger than 8 MiB; that is no description",)


@pytest.mark.parametrize(
    ("name", "text", "fault"),
    [
        pytest.param(
            "x.json",
            '{"name": "a",\n}',
            "1: not JSON: Illegal trailing comma before end of object (column 13)",
            id="trailing comma",
        ),
        pytest.param("x.json", "{", None, id="cut off"),
        pytest.param("x.json", '{"a": NaN}', "not JSON: NaN is no JSON number", id="NaN"),
        pytest.param("x.json", "[" * 100_000, "nested too deep", id="deep JSON"),
        pytest.param(
            "x.yaml",
            "name: a\nscheduler:\n\thost: b\n",
            "3: not YAML: a tab is used for indentation; YAML wants spaces",
            id="a tab in YAML",
        ),
        pytest.param("x.yaml", "a: [", None, id="cut off YAML"),
        pytest.param(
            "x.yaml",
            "a: 1\n---\nb: 2\n",
            "expected one YAML document, found 2 documents",
            id="two documents",
        ),
        pytest.param(
            "x.yaml",
            "# nothing\n",
            "expected one YAML document, found only comments",
            id="comments",
        ),
        pytest.param("x.yaml", "a: !!python/name:os.system\n", None, id="a tag"),
        pytest.param("x.yaml", "just text", "1: expected an object, {…}", id="a scalar"),
        pytest.param("x.json", "[1]", "1: expected an object, {…}", id="a list"),
        pytest.param("x.json", "5", "1: expected an object, {…}", id="a number"),
    ],
)
def test_what_is_no_description_is_refused(
    tmp_path: Path, name: str, text: str, fault: str | None
) -> None:
    found = faults_of(tmp_path, text, name)
    assert found
    if fault is not None and "Illegal trailing" not in fault:
        assert found == [fault]


def test_an_alias_bomb_is_refused_fast(tmp_path: Path) -> None:
    lines = ['a: &a ["x","x","x","x","x","x","x","x","x"]']
    for name, before in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]")
    found = faults_of(tmp_path, "\n".join(lines), "bomb.yaml")
    assert len(found) == 1
    assert "aliases or nesting make this too large" in found[0]


def test_an_alias_to_itself_is_refused(tmp_path: Path) -> None:
    found = faults_of(tmp_path, "a: &a [*a]\n", "x.yaml")
    assert "aliases or nesting make this too large" in found[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("x.json", '{"name": "a",\n"name": "b"}', id="JSON"),
        pytest.param("x.yaml", "name: a\nname: b\n", id="YAML"),
    ],
)
def test_a_key_that_is_there_twice_is_a_fault(tmp_path: Path, name: str, text: str) -> None:
    found = faults_of(tmp_path, text, name)
    assert "2: name: this key is there twice (first in line 1); keep one" in found


def test_json_may_be_indented_with_tabs(tmp_path: Path) -> None:
    load_text(tmp_path, json.dumps(GOOD, indent="\t"))


def test_a_line_is_that_of_the_key(tmp_path: Path) -> None:
    data = {**GOOD, "scheduler": {"host": "agent-1", "ports": {"web": 0}}}
    text = json.dumps(data, indent=1)
    line = text.splitlines().index('   "web": 0') + 1
    expected = "expected a whole number from 1 to 65535, got 0"
    assert faults_of(tmp_path, text) == [f"{line}: scheduler.ports.web: {expected}"]
