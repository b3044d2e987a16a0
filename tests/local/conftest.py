"""Fixtures of the tests of the embedded Marathon."""

from __future__ import annotations

import pytest

from tests.conftest import LocalMarathon
from tests.local.api import Api


@pytest.fixture
def api(local_marathon: LocalMarathon) -> Api:
    """Return a client of a fresh embedded Marathon."""
    return Api(local_marathon.url)
