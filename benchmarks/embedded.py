"""The embedded Marathon beside the real one: start, memory, many tasks, many readers.

Usage: python benchmarks/embedded.py [--small]. The real one's figures (2 cores, simulated Mesos,
tuned flags) are those of facts/marathon.md: start 6.5 s, 330 MB idle, 1,000 instances 16.4 s,
a group of three apps 0.5 s.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import selectors
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

AGENTS = [f"--agent=a{n};cpus:10000;mem:10000000;ports:10000-65535" for n in range(10)]
READERS = 100


class Engine:
    """A running ``pamesos local --executor simulated``."""

    def __init__(self, state_dir: str) -> None:
        command = [sys.executable, "-m", "pamesos", "local", "--port", "0", *AGENTS]
        command += ["--state-dir", state_dir, "--executor", "simulated"]
        begun = time.perf_counter()
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip().rpartition(" ")[2]
        self.call("GET", "/ping")
        self.start_s = time.perf_counter() - begun

    def call(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Accept": "*/*"}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=120) as answer:
            return bytes(answer.read())

    def settle(self, poll_s: float = 0.01) -> None:
        while self.call("GET", "/v2/deployments") != b"[]":
            time.sleep(poll_s)

    def memory_mb(self) -> float:
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise LookupError("no VmRSS")


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """Run an engine of its own."""
    with tempfile.TemporaryDirectory() as state_dir:
        running = Engine(state_dir)
        try:
            yield running
        finally:
            running.process.terminate()
            running.process.wait(60)


def app(name: str, instances: int, **fields: Any) -> dict[str, Any]:
    """Return a small app."""
    return {"id": name, "cmd": "sleep 1", "cpus": 0.01, "mem": 1, "instances": instances, **fields}


def timed(work: Callable[[], Any]) -> float:
    """Return the seconds that something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def show(name: str, value: float, unit: str, real: float | None = None) -> None:
    """Print a figure, and how far it is ahead of the real one's."""
    ahead = "" if real is None else f"   real one {real:g} {unit}: {real / value:5.1f} x"
    print(f"{name:44}{value:10.3f} {unit}{ahead}", flush=True)


def small() -> None:
    """Start, memory, and a group of three apps that wait for each other."""
    with engine() as running:
        show("start until it answers", running.start_s, "s", 6.5)
        show("memory, idle", running.memory_mb(), "MB", 330)
        apps = [app("a", 1), app("b", 1, dependencies=["/g/a"]), app("c", 1, dependencies=["/g/b"])]

        def deploy() -> None:
            running.call("PUT", "/v2/groups", {"id": "/g", "apps": apps})
            running.settle(0.002)

        show("group of 3 dependent apps", timed(deploy), "s", 0.5)


def many(count: int, real_s: float | None = None) -> None:
    """So many instances until all run, reading them, and their end."""
    with engine() as running:

        def deploy() -> None:
            running.call("PUT", "/v2/groups", {"id": "/g", "apps": [app("a", count)]})
            running.settle()

        show(f"{count:,} instances until running", timed(deploy), "s", real_s)
        tasks = json.loads(running.call("GET", "/v2/tasks"))["tasks"]
        assert [task["state"] for task in tasks] == ["TASK_RUNNING"] * count
        show(f"memory with {count:,}", running.memory_mb(), "MB", 450 if real_s else None)
        reads = sorted(timed(lambda: running.call("GET", "/v2/tasks")) for _ in range(5))
        show(f"GET /v2/tasks at {count:,} (median of 5)", reads[2], "s")

        def delete() -> None:
            running.call("DELETE", "/v2/groups/g")
            running.settle()

        show(f"{count:,} instances until gone", timed(delete), "s")


def streams(count: int) -> None:
    """Events per second that all of many readers get, while ``count`` instances start."""
    with engine() as running:
        place = urlsplit(running.url)
        chosen = selectors.DefaultSelector()
        received: dict[socket.socket, int] = {}
        for _ in range(READERS):
            reader = socket.create_connection((str(place.hostname), place.port or 80))
            request = "GET /v2/events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
            reader.sendall(request.encode())
            reader.setblocking(False)
            chosen.register(reader, selectors.EVENT_READ)
            received[reader] = 0
        time.sleep(1)
        begun = time.perf_counter()
        running.call("PUT", "/v2/groups", {"id": "/g", "apps": [app("a", count)]})
        # Six events for each instance reach every reader.
        wanted = READERS * count * 6
        while sum(received.values()) < wanted and time.perf_counter() - begun < 120:
            for key, _ in chosen.select(1):
                one = key.fileobj
                assert isinstance(one, socket.socket)
                received[one] += one.recv(1 << 20).count(b"data: ")
        spent = time.perf_counter() - begun
        show(f"events to {READERS} readers, each", sum(received.values()) / READERS / spent, "1/s")
        show(f"events to {READERS} readers, together", sum(received.values()) / spent, "1/s")
        for reader in received:
            reader.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--small", action="store_true", help="leave 10,000 and the streams out")
    arguments = parser.parse_args()
    small()
    many(1000, 16.4)
    if not arguments.small:
        many(10_000)
        streams(1000)


if __name__ == "__main__":
    main()
