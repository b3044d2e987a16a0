"""``${VAR}``, ``-e`` and ``--set``: what wins, and what is said when it cannot be done."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError

from pamesos.config.description import load
from pamesos.config.fields import Size
from pamesos.config.interpolate import interpolate_text
from pamesos.config.merge import merge
from pamesos.config.tree import Interpolated, Node, Place, plain
from pamesos.errors import InvalidDescriptionError
from tests.unit.description.files import GOOD, changed, faults_of, load_data


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${A}", "one", id="set"),
        pytest.param("x${A}y${B}z", "xoneyz", id="several, one empty"),
        pytest.param("${A:-two}", "one", id="default not needed"),
        pytest.param("${B:-two}", "two", id="default for an empty variable"),
        pytest.param("${C:-two}", "two", id="default for an unset variable"),
        pytest.param("${C:-}", "", id="an empty default"),
        pytest.param("$${A}", "${A}", id="escaped"),
        pytest.param("$A $ $$ $1", "$A $ $$ $1", id="no reference"),
    ],
)
def test_a_reference_is_replaced(text: str, expected: str) -> None:
    assert interpolate_text(text, {"A": "one", "B": ""}) == (expected, [])


@pytest.mark.parametrize("text", ["${", "${1}", "${A-b}", "${A B}", "${}"])
def test_a_broken_reference_is_a_fault(text: str) -> None:
    _, problems = interpolate_text(text, {"A": "one"})
    assert problems == [
        "a ${ that is no ${VAR} or ${VAR:-default}; write $${ for the shell's own ${"
    ]


def test_an_unset_variable_is_named_with_its_path(tmp_path: Path) -> None:
    data = changed("database.credentials.password", "${DB_PASSWORD}")
    assert faults_of(tmp_path, json.dumps(data)) == [
        "1: database.credentials.password: the environment variable DB_PASSWORD is not set; set "
        "it, or write ${DB_PASSWORD:-default}, or $${DB_PASSWORD} if the task's shell shall read it"
    ]


def test_a_variable_may_spell_a_number(tmp_path: Path) -> None:
    data = changed("nodeSources.0.nodes", "${NODES}")
    group = load_data(tmp_path, data, environ={"NODES": "7"}).group
    assert group["apps"][-1]["instances"] == 7


@given(st.text(alphabet=st.characters(codec="utf-8")).filter(lambda text: "${" not in text))
def test_text_without_a_reference_stays_as_it_is(text: str) -> None:
    assert interpolate_text(text, {}) == (text, [])


@given(st.dictionaries(st.text(string.ascii_uppercase, min_size=1), st.text(), min_size=1))
def test_a_value_is_never_interpolated_again(environ: dict[str, str]) -> None:
    text = "".join(f"${{{name}}}" for name in environ)
    assert interpolate_text(text, environ) == ("".join(environ.values()), [])


PLACE = Place("here")
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


def tree(value: Any) -> Node:
    if isinstance(value, dict):
        return Node({key: tree(child) for key, child in value.items()}, PLACE)
    if isinstance(value, list):
        return Node([tree(child) for child in value], PLACE)
    return Node(value, PLACE)


@given(VALUES)
def test_a_file_merged_over_itself_changes_nothing(value: Any) -> None:
    assert plain(merge(tree(value), tree(value))) == value


@given(
    st.dictionaries(st.sampled_from("abc"), VALUES),
    st.dictionaries(st.sampled_from("abc"), VALUES),
)
def test_what_is_laid_over_wins_and_the_rest_stays(
    base: dict[str, Any], over: dict[str, Any]
) -> None:
    merged = plain(merge(tree(base), tree(over)))
    assert set(merged) == set(base) | set(over)
    assert plain(merge(tree(merged), tree(over))) == merged
    assert all(merged[key] == base[key] for key in set(base) - set(over))


def test_null_takes_a_key_away() -> None:
    assert plain(merge(tree({"a": 1, "b": 2}), tree({"a": None}))) == {"b": 2}


def test_node_sources_are_merged_by_name(tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text("nodeSources:\n- {name: gpu, nodes: 1}\n- {name: default, nodes: 9}\n")
    sources = load_data(tmp_path, GOOD, overrides=[over]).group["apps"][-2:]
    assert [(app["id"], app["instances"]) for app in sources] == [
        ("/small/default", 9),
        ("/small/gpu", 1),
    ]


def test_a_fault_names_the_override_it_came_from(tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    over.write_text("scheduler:\n  hots: agent-2\n")
    path = tmp_path / "small.json"
    path.write_text(json.dumps(GOOD))
    with pytest.raises(InvalidDescriptionError) as raised:
        load(path, overrides=[over], environ={})
    assert raised.value.faults == (
        f"{over}:2: scheduler.hots: there is no such field; did you mean host?",
    )


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        pytest.param("nodeSources.default.nodes=5", 5, id="by name"),
        pytest.param("nodeSources.0.nodes=5", 5, id="by position"),
        pytest.param("nodeSources[0].nodes=5", 5, id="by position in brackets"),
    ],
)
def test_set_changes_one_value(tmp_path: Path, assignment: str, expected: int) -> None:
    group = load_data(tmp_path, GOOD, sets=[assignment]).group
    assert group["apps"][-1]["instances"] == expected


def test_set_makes_what_is_not_there_and_keys_may_have_dots(tmp_path: Path) -> None:
    sets = [r"defaults.labels.org\.example\.team=blue", "defaults.env.A='1'"]
    app = load_data(tmp_path, GOOD, sets=sets).group["apps"][0]
    assert app["labels"]["org.example.team"] == "blue"
    assert app["env"]["A"] == "1"


@pytest.mark.parametrize(
    ("assignment", "fault"),
    [
        pytest.param("nodes", "expected path=value", id="no value"),
        pytest.param("=5", "expected path=value", id="no path"),
        pytest.param(
            "nodeSources.gpu.nodes=5", "nodeSources has no item gpu; it has default", id="no item"
        ),
        pytest.param(
            "nodeSources.7.nodes=5", "nodeSources has no item 7; it has default", id="no position"
        ),
        pytest.param(
            "name=[",
            "the value is not YAML; put quotes around text with special characters",
            id="not YAML",
        ),
    ],
)
def test_a_set_that_leads_nowhere_is_refused(tmp_path: Path, assignment: str, fault: str) -> None:
    with pytest.raises(InvalidDescriptionError) as raised:
        load_data(tmp_path, GOOD, sets=[assignment])
    assert raised.value.faults == (fault,)


def test_a_wrong_value_from_set_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidDescriptionError) as raised:
        load_data(tmp_path, GOOD, sets=["scheduler.ports.web=http"])
    assert raised.value.faults == (
        "--set scheduler.ports.web: scheduler.ports.web: expected a whole number from 1 to 65535, "
        "got a string",
    )


def test_a_password_file_is_read_beside_the_description(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    data = changed("database.credentials", {"user": "pa", "passwordFile": "password"})
    submission = load_data(tmp_path, data)
    assert submission.secrets == {"s3cret"}
    assert submission.group["apps"][0]["env"]["PAMESOS_DATABASE_PASSWORD"] == "s3cret"


def test_a_password_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    data = changed("database.credentials", {"user": "pa", "passwordFile": "nowhere"})
    text = "cannot read this file: No such file or directory"
    assert faults_of(tmp_path, json.dumps(data)) == [
        f"1: database.credentials.passwordFile: {text}"
    ]


def test_a_password_and_a_password_file_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    data = changed("database.credentials.passwordFile", "password")
    text = "give either password or passwordFile, not both"
    assert faults_of(tmp_path, json.dumps(data)) == [
        f"1: database.credentials.passwordFile: {text}"
    ]


@given(st.integers(min_value=0, max_value=10_000))
def test_sizes_agree_whatever_their_unit(number: int) -> None:
    size = Size()
    assert size.deserialize(f"{number}MiB") == size.deserialize(number) == number
    assert size.deserialize(f"{number}GiB") == number * 1024
    assert size.deserialize(Interpolated(f"{number} MiB")) == number


@given(st.integers(min_value=1), st.text(string.ascii_letters, min_size=1, max_size=3))
def test_every_other_unit_is_refused(number: int, unit: str) -> None:
    if unit not in ("MiB", "GiB", "TiB"):
        with pytest.raises(ValidationError):
            Size().deserialize(f"{number}{unit}")
