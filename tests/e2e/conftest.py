from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.harness import QuickCluster, quick_cluster


@pytest.fixture(scope="module")
def open_directory() -> Iterator[Path]:
    """A directory that every user can enter, which pytest's own is not.

    Started by root, the database runs as somebody else.
    """
    path = Path(tempfile.mkdtemp(prefix="pamesos-e2e-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def cluster(open_directory: Path) -> Iterator[QuickCluster]:
    """One cluster for the tests of a module; each test leaves it up."""
    with quick_cluster(open_directory) as running:
        yield running
