"""Clusters over every protocol, with users of their own, on the embedded Marathon."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LocalMarathon
from tests.e2e.harness import PAMESOS, ROOT, free_port

PASSWORD = "love lace"
HELLO = str(ROOT / "apps" / "workflows" / "hello.xml")


@pytest.fixture
def volume() -> Iterator[Path]:
    """A directory that the database's user can enter, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="pamesos-test-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


def pamesos(marathon: LocalMarathon, *arguments: str) -> str:
    """Run a command as the described user; it must end well."""
    login = {"PAMESOS_PROACTIVE_USER": "ada", "PAMESOS_PROACTIVE_PASSWORD": PASSWORD}
    result = subprocess.run(
        [PAMESOS, *arguments],
        env={**os.environ, "PAMESOS_MARATHON_URL": marathon.url, **login},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def described(path: Path, protocol: str, database: dict[str, Any]) -> str:
    ports = {"web": free_port(), "pnp": free_port()}
    if protocol == "pamr":
        ports["pamr"] = free_port()
    description = {
        "name": "small",
        "proactive": {"home": "stand-in"},
        "protocol": protocol,
        "database": database,
        "scheduler": {
            "host": "127.0.0.1",
            "ports": ports,
            "volumes": {"data": str(path / "data")},
            "users": [{"login": "ada", "password": PASSWORD, "groups": ["user"]}],
            "resources": {"cpus": 0.1, "mem": "128MiB"},
        },
        "nodeSources": [
            {"name": "default", "nodes": 2, "resources": {"cpus": 0.1, "mem": "64MiB"}}
        ],
    }
    file = path / "small.json"
    file.write_text(json.dumps(description))
    return str(file)


@pytest.mark.parametrize("protocol", ["pnps", "pamr"])
def test_a_workflow_runs_over_the_protocol(
    tmp_path: Path, local_marathon: LocalMarathon, protocol: str
) -> None:
    file = described(tmp_path, protocol, {"kind": "embedded"})
    pamesos(local_marathon, "submit", file)
    assert "RM 2/2 free" in pamesos(local_marathon, "status", "small")
    assert "is FINISHED" in pamesos(local_marathon, "run", HELLO, "small")
    pamesos(local_marathon, "destroy", "small", "--yes")


@pytest.mark.skipif(
    shutil.which("mariadbd", path=f"{os.defpath}:/usr/sbin") is None,
    reason="needs Debian's mariadb-server-core and mariadb-client-core",
)
def test_jobs_are_kept_in_a_mariadb_of_the_agent(
    tmp_path: Path, volume: Path, local_marathon: LocalMarathon
) -> None:
    database = {
        "kind": "mariadb",
        "host": "127.0.0.1",
        "port": free_port(),
        "credentials": {"password": "p'a\\s$w"},
        "volume": str(volume),
        "resources": {"cpus": 0.1, "mem": "128MiB"},
    }
    file = described(tmp_path, "pnp", database)
    pamesos(local_marathon, "submit", file)
    assert "is FINISHED" in pamesos(local_marathon, "run", HELLO, "small")
    pamesos(local_marathon, "destroy", "small", "--yes")
