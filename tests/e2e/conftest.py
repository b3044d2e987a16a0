from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.harness import QuickCluster, quick_cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QuickCluster]:
    """One cluster for the tests of a module; each test leaves it up."""
    with quick_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running
