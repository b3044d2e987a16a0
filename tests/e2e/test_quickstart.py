"""The one command of the README, as a newcomer runs it."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess

import psutil
import pytest

from tests.e2e.harness import ROOT


@pytest.mark.timeout(180)
def test_the_quickstart_shows_the_whole_story_and_leaves_nothing(open_directory):
    with contextlib.ExitStack() as stack:
        for port in (8080, 5432, 64738):  # somebody else's servers are no reason to fail
            taken = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                taken.bind(("127.0.0.1", port))
                taken.listen()
        done = subprocess.run(
            ["scripts/quickstart"],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(open_directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=170,
        )

    assert done.returncode == 0, done.stdout
    assert "nodes 3/3 running, RM 6/6 free" in done.stdout
    assert re.search(r"hello_1 +FINISHED +default-[0-9a-f]{8}-1_[01]", done.stdout)
    assert re.search(r"watcher: rm_node\.removed .*DOWN in the RM", done.stdout)
    assert done.stdout.rstrip().endswith("/quickstart is gone")
    assert list(open_directory.iterdir()) == []
    assert [p.pid for p in psutil.process_iter() if _started_in(p, str(open_directory))] == []


def _started_in(process: psutil.Process, directory: str) -> bool:
    try:
        return directory in process.environ().get("TMPDIR", "")
    except psutil.Error:
        return False
