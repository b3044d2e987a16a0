"""Commands of a rendered group, run as Mesos runs them, with the stand-in on their PATH."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pamesos.config.description import load
from pamesos.core.show import all_apps
from tests.conftest import wait_for

UUID = "0123abcd-0000-4000-8000-000000000000"
STOP_S = 15


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def rendered(directory: Path, description: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the apps of a description by the last part of their ids."""
    path = directory / "small.json"
    path.write_text(json.dumps(description))
    return {app["id"].rpartition("/")[2]: app for app in all_apps(load(path, environ={}).group)}


def environment(app: dict[str, Any], sandbox: Path, ports: dict[str, int]) -> dict[str, str]:
    """Return what Mesos gives a task (facts/stack.md 16)."""
    numbered = {f"PORT{at}": str(port) for at, port in enumerate(ports.values())}
    return {
        "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
        "HOST": "127.0.0.1",
        "MESOS_SANDBOX": str(sandbox),
        "MESOS_TASK_ID": f"{app['id'].strip('/').replace('/', '_')}.instance-{UUID}._app.1",
        **{f"PORT_{name.upper()}": str(port) for name, port in ports.items()},
        **numbered,
        **app.get("env", {}),
    }


@dataclass
class Task:
    app: dict[str, Any]
    sandbox: Path
    process: subprocess.Popen[bytes]

    @property
    def output(self) -> str:
        return (self.sandbox / "stdout").read_text()

    def wait_for_output(self, text: str) -> None:
        wait_for(lambda: text in self.output or self._is_over(), 30, f"{text!r}: {self.output}")

    def _is_over(self) -> bool:
        assert self.process.poll() is None, self.output
        return False

    def is_healthy(self) -> bool:
        """Make the COMMAND check with no environment but MESOS_SANDBOX, and from elsewhere."""
        command = self.app["healthChecks"][0]["command"]["value"]
        environ = {"MESOS_SANDBOX": str(self.sandbox), "PATH": os.defpath}
        check = subprocess.run(
            ["sh", "-c", command], env=environ, cwd="/", check=False, capture_output=True
        )
        return check.returncode == 0


@contextlib.contextmanager
def running(
    sandbox: Path, app: dict[str, Any], ports: dict[str, int], shell: str = "sh"
) -> Iterator[Task]:
    """Run the app until the end of the block."""
    sandbox.mkdir(parents=True, exist_ok=True)
    with (sandbox / "stdout").open("wb") as out:
        process = subprocess.Popen(
            [shell, "-c", app["cmd"]],
            cwd=sandbox,
            env=environment(app, sandbox, ports),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield Task(app, sandbox, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(STOP_S)
