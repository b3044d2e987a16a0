"""go-marathon, the Go client of others, against the embedded Marathon (clients/go/main.go)."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.local.api import Api

SOURCE = Path(__file__).parent / "clients" / "go"
#: A first build compiles Go's own library too.
BUILD_S = 280


def _go(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["go", *arguments],
        cwd=SOURCE,
        env={**os.environ, "GOFLAGS": "-buildvcs=false"},
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Return the program, built; skip where there is no Go, or its modules cannot be had."""
    if shutil.which("go") is None:
        pytest.skip("needs Go: there is no go command")
    fetched = _go("mod", "download", "github.com/gambol99/go-marathon")
    if fetched.returncode != 0:
        pytest.skip(f"needs go-marathon: {fetched.stderr.strip()[-300:]}")
    built = _go("build", "-o", str(tmp_path / "client"), ".")
    assert built.returncode == 0, built.stderr
    return tmp_path / "client"


@pytest.mark.timeout(2 * BUILD_S)
def test_go_marathon_finds_nothing_wrong(program: Path, api: Api) -> None:
    answer = subprocess.run(
        [program, api.url], capture_output=True, text=True, timeout=200, check=False
    )
    assert (answer.returncode, answer.stderr) == (0, "")
    assert api.deployments() == []
