"""Starts an embedded Marathon for a recording, as the recorded one was started."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping

_PATIENCE = 20.0

#: The simulated Mesos of the transcripts.
_RACKS = ("r1", "r2", "r1", "r2", "r1")
_ZONES = ("zone-1", "zone-2", "zone-1", "zone-2", "zone-1")
_AGENTS = tuple(
    f"--agent=agent-{n};host:127.0.1.{n};cpus:8;mem:16384;disk:100000;rack:{rack};"
    f"region:region-a;zone:{zone}"
    for n, (rack, zone) in enumerate(zip(_RACKS, _ZONES, strict=True), 1)
)
_SIMULATED = ("--executor=simulated", "--control", "--reconciliation-interval=1", *_AGENTS)

#: Flags of the real Marathon that a transcript was made with, as ``pamesos local`` takes them.
FLAGS: Mapping[str, tuple[str, ...]] = {
    "marathon/02-group-with-dependencies": _SIMULATED,
    "marathon/03-change-scale-rollback-delete": _SIMULATED,
    "marathon/04-failing-tasks-and-kills": _SIMULATED,
    "marathon/05-unsatisfiable-and-unreachable": _SIMULATED,
    "marathon/06-events": _SIMULATED,
    "marathon/07-json-round-trip": (
        "--enable-features",
        "secrets,gpu_resources,external_volumes",
        "--default-network-name",
        "dcos",
        "--cpus",  # nothing is ever offered: the transcript was made with offers paused
        "0",
    ),
}


@contextlib.contextmanager
def serving(name: str) -> Iterator[str]:
    """Run ``pamesos local`` for a recording; yields its address."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "pamesos", "local", "--port", str(port)]
        command += ["--state-dir", state, *FLAGS.get(name, ())]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ))
        try:
            _wait(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/ping", timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError(f"the embedded Marathon did not answer at {url}")
