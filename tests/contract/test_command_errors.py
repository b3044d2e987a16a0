"""What an operator reads, and what the shell gets, when a command meets a bad Marathon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pamesos.errors import ExitStatus
from tests.contract.recorded_server import RecordedServer, recorded, serving

GROUP = {"id": "/x", "apps": [{"id": "/x/a", "cmd": "sleep 1000"}]}
NO_GROUP = {"status": 404, "body": {"message": "Group '/x' does not exist", "details": []}}


@pytest.fixture
def marathon() -> Iterator[RecordedServer]:
    with serving() as server:
        server.on("GET", "/v2/groups/x", **NO_GROUP)
        server.on("GET", "/v2/groups", body={"id": "/", "version": "v", "apps": [], "groups": []})
        server.on("GET", "/v2/deployments", body=[])
        server.stream()
        yield server


def pamesos(directory: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command with a home of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pamesos", *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(directory), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def submit(directory: Path, url: str) -> subprocess.CompletedProcess[str]:
    file = directory / "group.json"
    file.write_text(json.dumps(GROUP))
    return pamesos(directory, "submit", str(file), PAMESOS_MARATHON_URL=url)


REFUSALS = [
    pytest.param(
        {
            "status": 409,
            "body": recorded(
                "marathon/03-change-scale-rollback-delete.jsonl",
                "PUT",
                "/v2/groups/proactive",
                409,
            ),
        },
        ExitStatus.LOCKED,
        "locked by the running deployment",
        id="409",
    ),
    pytest.param(
        {
            "status": 422,
            "body": {
                "message": "Invalid JSON",
                "details": [{"path": "/apps(0)/cpus", "errors": ["error.min"]}],
            },
        },
        ExitStatus.REFUSED,
        '/apps(0)/cpus ("/x/a"): is too small',
        id="422",
    ),
    pytest.param(
        {"status": 403, "body": {"message": "Not Authorized"}},
        ExitStatus.REFUSED,
        "these credentials may not",
        id="403",
    ),
    pytest.param(
        {"body": b"<html>hello</html>", "headers": {"Content-Type": "text/html"}},
        ExitStatus.UNAVAILABLE,
        "a web page instead of JSON",
        id="proxy page",
    ),
]


@pytest.mark.parametrize(("answer", "status", "words"), REFUSALS)
def test_a_refused_submission_ends_with_its_status_one_message_and_a_remedy(
    marathon: RecordedServer, tmp_path: Path, answer: dict[str, Any], status: int, words: str
) -> None:
    marathon.on("PUT", "/v2/groups/x", **answer)

    done = submit(tmp_path, marathon.url)

    assert done.returncode == status
    assert words in done.stderr
    assert done.stderr.startswith("pamesos: ")
    assert "\nTry: " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_page_of_a_proxy_is_told_before_anything_is_sent(
    marathon: RecordedServer, tmp_path: Path
) -> None:
    marathon.on("*", "*", body=b"<html>", headers={"Content-Type": "text/html"})

    done = submit(tmp_path, marathon.url)

    assert done.returncode == ExitStatus.UNAVAILABLE
    assert "proxy" in done.stderr
    assert marathon.sent("PUT") == []


COMMANDS = [
    pytest.param(("status",), id="status"),
    pytest.param(("status", "x"), id="status of one"),
    pytest.param(("scale", "x", "a", "2"), id="scale"),
    pytest.param(("restart", "x", "a"), id="restart"),
    pytest.param(("destroy", "x", "--yes"), id="destroy"),
    pytest.param(("logs", "x"), id="logs"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_that_marathon_cannot_be_reached(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    with serving() as gone:
        url = gone.url

    done = pamesos(tmp_path, *command, PAMESOS_MARATHON_URL=url)

    assert done.returncode == ExitStatus.UNAVAILABLE
    assert "connection refused" in done.stderr
    assert url in done.stderr


def test_credentials_in_the_url_are_in_no_output(marathon: RecordedServer, tmp_path: Path) -> None:
    marathon.on("*", "*", status=401, body={"message": "Unauthorized"})
    url = marathon.url.replace("http://", "http://ops:s3cret-word@")

    done = pamesos(tmp_path, "status", "x", PAMESOS_MARATHON_URL=url)

    assert done.returncode == ExitStatus.REFUSED
    assert "Authorization" in marathon.requests[0].headers
    assert "s3cret-word" not in done.stdout + done.stderr


def test_a_bad_setting_is_bad_input(tmp_path: Path) -> None:
    done = pamesos(tmp_path, "status", "--marathon", "localhost:8080")

    assert done.returncode == ExitStatus.BAD_INPUT
    assert "must begin with http" in done.stderr


def test_no_clusters_is_said(marathon: RecordedServer, tmp_path: Path) -> None:
    done = pamesos(tmp_path, "status", "--marathon", marathon.url)

    assert done.returncode == ExitStatus.DONE
    assert "no clusters" in done.stdout


@pytest.mark.parametrize("arguments", [["--version"], ["validate", "--help"]])
def test_a_quick_command_does_not_load_the_http_library(arguments: list[str]) -> None:
    code = (
        "import sys; import pamesos.cli; sys.argv = ['pamesos', *sys.argv[1:]]\n"
        "try: pamesos.cli.main()\n"
        "except SystemExit: pass\n"
        "sys.exit(3 if 'requests' in sys.modules else 0)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
