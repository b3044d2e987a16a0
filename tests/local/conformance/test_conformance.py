"""The embedded Marathon answers as the real one did, but for what is listed and argued."""

from __future__ import annotations

import pytest

from tests.local.conformance.__main__ import DEFAULT, run_all
from tests.local.conformance.table import Row


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    """Return what all recordings gave."""
    return run_all()


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in DEFAULT])
def test_every_recorded_exchange_is_answered_equally(rows: dict[str, Row], name: str) -> None:
    row = rows[name]
    unexpected = {each.exchange.line: each.reason for each in row.unexpected}
    assert unexpected == {}
    assert row.outdated == []
