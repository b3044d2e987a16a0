"""A whole cluster on this machine, driven with the commands that an operator types."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from pamesos.clients.proactive import ProActiveClient
from pamesos.core.jobs import Credentials
from pamesos.core.rm import RmNode

ROOT = Path(__file__).resolve().parents[2]
PAMESOS = str(Path(sys.executable).parent / "pamesos")
NODES = "/quickstart/default"


def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = 60) -> Any:
    """Return the first true value of ``condition``; fail after the deadline, saying for what."""
    end_at = time.monotonic() + deadline_s
    while not (value := condition()):
        assert time.monotonic() < end_at, f"after {deadline_s} s still not so: {what}"
        time.sleep(0.05)
    return value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the end of the block; it must then end well by itself on SIGTERM."""
    with log.open("a") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


@dataclass
class QuickCluster:
    """apps/quickstart.json on an embedded Marathon, with ports and directories of its own."""

    work: Path
    url: str = ""
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PAMESOS_MARATHON_URL": self.url}

    def pamesos(self, *arguments: str, status: int | None = 0) -> str:
        """Run a command; return what it printed. ``status`` None: whichever."""
        done = subprocess.run(
            [PAMESOS, *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=110,
        )
        assert status is None or done.returncode == status, done.stdout
        return done.stdout

    def submit(self, *arguments: str) -> str:
        if not self.ports:
            self.ports = {key: free_port() for key in ("database.port", *_SCHEDULER_PORTS)}
        pairs = [f"{key}={port}" for key, port in self.ports.items()]
        pairs += [f"database.volume={self.work / 'database'}", "watch.grace=2"]
        sets = [word for pair in pairs for word in ("--set", pair)]
        return self.pamesos("submit", "apps/quickstart.json", *sets, "--timeout", "90", *arguments)

    def is_up(self) -> bool:
        done = subprocess.run(
            [PAMESOS, "status", "quickstart"], cwd=ROOT, env=self.environment, capture_output=True
        )
        return done.returncode == 0

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=10) as reply:
            return json.load(reply)

    def tasks(self, app_id: str) -> list[str]:
        """Return the ids of the running tasks of an app."""
        tasks = self.get(f"/v2/apps/{app_id}/tasks")["tasks"]
        return sorted(task["id"] for task in tasks if task["state"] == "TASK_RUNNING")

    def proactive(self) -> ProActiveClient:
        rest = f"http://127.0.0.1:{self.ports['scheduler.ports.web']}/rest"
        return ProActiveClient(rest, Credentials())

    def rm_nodes(self) -> tuple[RmNode, ...]:
        with self.proactive() as client:
            return client.get_nodes()

    def run_workflow(self, name: str) -> dict[str, Any]:
        """Run a sample workflow; return the report that `pamesos run -o json` prints."""
        command = [PAMESOS, "run", f"apps/workflows/{name}", "quickstart", "-o", "json"]
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, timeout=110
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def job_state(self, job_id: int) -> str:
        with self.proactive() as client:
            return client.get_job(job_id).state.value

    def signal_task(self, task_id: str, number: signal.Signals) -> None:
        """Send a signal to every process of a task."""
        hit = [process for process in psutil.process_iter() if _task_of(process) == task_id]
        assert hit, f"no process of {task_id}"
        for process in hit:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Path]:
        """Run `pamesos watch`; yield the path of its log."""
        log = self.work / f"watch-{len(list(self.work.glob('watch-*.log')))}.log"
        state = ["--state-dir", str(self.work / "watch"), "--marathon", self.url]
        with running([PAMESOS, "watch", "quickstart", *state], log):
            wait_until(lambda: "events.connected" in log.read_text(), "the watcher is connected")
            yield log


_SCHEDULER_PORTS = ("scheduler.ports.web", "scheduler.ports.pnp")


def _task_of(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("MESOS_TASK_ID")
    except psutil.Error:
        return None


@contextlib.contextmanager
def quick_cluster(work: Path) -> Iterator[QuickCluster]:
    """Bring the quickstart's cluster up; take it down and prove that nothing is left."""
    log = work / "local.log"
    command = [PAMESOS, "local", "--port", "0", "--state-dir", str(work / "marathon")]
    cluster = QuickCluster(work)
    with running(command, log):
        pattern = re.compile(r"http://\S+")
        cluster.url = wait_until(lambda: pattern.search(log.read_text()), "Marathon answers")[0]
        cluster.submit()
        yield cluster
        cluster.pamesos("destroy", "quickstart", "--yes", "--drain-deadline", "5")
    left = [process for process in psutil.process_iter() if _belongs_to(process, work)]
    assert left == []


def _belongs_to(process: psutil.Process, work: Path) -> bool:
    try:
        return str(work) in process.environ().get("MESOS_SANDBOX", "")
    except psutil.Error:
        return False
