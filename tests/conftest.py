"""Fixtures for everybody."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

_T = TypeVar("_T")

STOP_S = 30


def wait_for(look: Callable[[], _T | None], timeout_s: float = 15.0, what: str = "it") -> _T:
    """Return what ``look`` finds as soon as it is neither None nor false; fail at the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        if found := look():
            return found
        assert time.monotonic() < deadline, f"{what} did not come within {timeout_s:g} s"
        time.sleep(0.02)


@dataclasses.dataclass
class LocalMarathon:
    """A running ``pamesos local``; a test may stop and start it again."""

    state_dir: Path
    process: subprocess.Popen[str]
    url: str

    def start(self, *options: str) -> None:
        """Start it again with the same state; ``url`` and ``process`` are new."""
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process, self.url = _start(self.state_dir, *options)

    def stop(self) -> int:
        """Stop it as an operator does, and return its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def task_processes(self) -> list[int]:
        """Return the pids of all processes that run in a sandbox of it."""
        names = (path.name for path in Path("/proc").iterdir())
        return [pid for pid in map(int, filter(str.isdecimal, names)) if self._owns(pid)]

    def _owns(self, pid: int) -> bool:
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False
        return f"MESOS_SANDBOX={self.state_dir}/".encode() in environ


def _start(state_dir: Path, *options: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-m", "pamesos", "local", "--port", "0"]
    log = (state_dir.parent / f"{state_dir.name}.log").open("a")
    with log:
        process = subprocess.Popen(
            [*command, "--state-dir", str(state_dir), *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line.startswith("Marathon (embedded) at http://"), Path(log.name).read_text()
    return process, line.rpartition(" ")[2]


@contextlib.contextmanager
def start_local(state_dir: Path, *options: str) -> Iterator[LocalMarathon]:
    """Run ``pamesos local`` on a free port; at the end it stops clean and leaves no process."""
    marathon = LocalMarathon(state_dir, *_start(state_dir, *options))
    try:
        yield marathon
        status = marathon.process.poll()
        if status is None:
            status = marathon.stop()
        assert status == 0, (state_dir.parent / f"{state_dir.name}.log").read_text()
        assert marathon.task_processes() == []
    finally:
        if marathon.process.poll() is None:
            marathon.process.kill()
        marathon.process.wait(STOP_S)
        if marathon.process.stdout is not None:
            marathon.process.stdout.close()
        for pid in marathon.task_processes():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def local_marathon(tmp_path: Path) -> Iterator[LocalMarathon]:
    """Start ``pamesos local`` on a free port; at the end it stops clean and leaves no process."""
    with start_local(tmp_path / "local") as marathon:
        yield marathon
