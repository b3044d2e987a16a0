"""Label selectors choose apps, or are refused."""

from __future__ import annotations

import pytest

from pamesos.local.definitions import selectors
from pamesos.local.definitions.refusal import Refusal


@pytest.mark.parametrize(
    ("selector", "chosen"),
    [
        pytest.param("a", True, id="present"),
        pytest.param("z", False, id="absent"),
        pytest.param("a==1", True, id="equal"),
        pytest.param("a == 2", False, id="not equal"),
        pytest.param("a != 2", True, id="other value"),
        pytest.param("z != 2", False, id="other value of an absent label"),
        pytest.param("a in (1, 2)", True, id="among"),
        pytest.param("a notin (1, 2)", False, id="not among"),
        pytest.param("a,b in (x)", True, id="two that hold"),
        pytest.param("a,z", False, id="two of which one holds"),
        pytest.param(r"c\/d", True, id="escaped"),
    ],
)
def test_a_selector_chooses_by_labels(selector: str, chosen: bool) -> None:
    app = {"labels": {"a": "1", "b": "x", "c/d": "y"}}
    assert selectors.parse(selector)(app) is chosen


@pytest.mark.parametrize("text", ["a==", "(((", "a in (b", "a b"])
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(Refusal) as caught:
        selectors.parse(text)
    assert caught.value.body == {
        "message": f"Can not parse label selector {text}. Reason: end of input expected"
    }
