"""The watcher as a service: what it tells systemd, how it ends, reloads, holds and remembers."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api

ROOT = Path(__file__).resolve().parents[2]
PAMESOS = str(Path(sys.executable).parent / "pamesos")
LOOP = {
    "id": "/loop",
    "apps": [{"id": "/loop/app", "cmd": "exit 1", "cpus": 0.1, "mem": 32, "instances": 1}],
}


@dataclass
class Daemon:
    process: subprocess.Popen[bytes]
    log: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line[:1] == "{"]
        return [line for line in found if line["event"] == event]

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        wait_for(lambda: len(self.lines(event)) >= count, 30, event)
        return self.lines(event)[count - 1]


Start = Callable[..., Daemon]


@pytest.fixture
def start(local_marathon: LocalMarathon, tmp_path: Path) -> Iterator[Start]:
    """Return a function that runs `pamesos watch` on an embedded Marathon."""
    with contextlib.ExitStack() as stack:

        def run(*arguments: str, **environment: str) -> Daemon:
            log = tmp_path / f"watch-{len(list(tmp_path.glob('watch-*.log')))}.log"
            state = ["--state-dir", str(tmp_path / "state")]
            with log.open("w") as out:
                process = subprocess.Popen(
                    [PAMESOS, "watch", *state, *arguments],
                    env={
                        **os.environ,
                        "PAMESOS_MARATHON_URL": local_marathon.url,
                        **environment,
                    },
                    stdout=out,
                    stderr=out,
                )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return Daemon(process, log)

        yield run


def pamesos(tmp_path: Path, *arguments: str) -> str:
    command = [PAMESOS, *arguments, "--state-dir", str(tmp_path / "state")]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


@contextlib.contextmanager
def systemd_socket(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        yield listening


def heard(listening: socket.socket, timeout_s: float) -> str:
    ready, _, _ = select.select([listening], [], [], timeout_s)
    return listening.recv(4096).decode() if ready else ""


def test_systemd_hears_that_it_is_ready_alive_and_stopping(start, tmp_path):
    with systemd_socket(tmp_path) as listening:
        daemon = start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="2000000")
        assert heard(listening, 30) == "READY=1"
        assert heard(listening, 5) == "WATCHDOG=1"
        daemon.wait_for("events.connected")
        daemon.process.send_signal(signal.SIGTERM)
        while (last := heard(listening, 5)) == "WATCHDOG=1":
            pass

    assert last == "STOPPING=1"
    assert daemon.process.wait(5) == 0


def test_a_loop_that_hangs_misses_the_watchdog(start, tmp_path):
    with systemd_socket(tmp_path) as listening:
        start(
            "loop",
            NOTIFY_SOCKET=str(tmp_path / "notify"),
            WATCHDOG_USEC="2000000",
            PAMESOS_TEST_BOUNDARY="cycle:hang",
        )
        assert heard(listening, 30) == "READY=1"
        pings = 0
        while heard(listening, 3) == "WATCHDOG=1":
            pings += 1

    assert pings < 5  # then silence for longer than systemd waits


def test_it_ends_within_seconds_although_nothing_answers(start, tmp_path):
    with socket.socket() as deaf:  # takes connections and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(50)
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        daemon = start("one", "two", "three", PAMESOS_MARATHON_URL=url)
        daemon.wait_for("cluster.watched", 3)
        daemon.process.send_signal(signal.SIGTERM)

        assert daemon.process.wait(5) == 0


def test_a_reload_takes_up_new_settings_and_keeps_the_old_for_faulty_ones(
    start, local_marathon, tmp_path
):
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"marathon: {{url: '{local_marathon.url}'}}\n")
    environment = {"PAMESOS_MARATHON_URL": "", "PAMESOS_SETTINGS": str(settings)}
    daemon = start("loop", **environment)
    daemon.wait_for("events.connected")

    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("settings.unchanged")

    settings.write_text("marathon: {urls: x}\n")
    daemon.process.send_signal(signal.SIGHUP)
    assert "urls" in daemon.wait_for("settings.refused")["reason"]

    settings.write_text(f"marathon: {{url: '{local_marathon.url}', readTimeout: 7}}\n")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.wait_for("settings.reloaded")
    daemon.wait_for("events.connected", 2)
    assert len(daemon.lines("settings.refused")) == 1


def test_a_give_up_survives_kill_9_and_ends_with_resume(start, local_marathon, tmp_path):
    Api(local_marathon.url).call("POST", "/v2/groups", LOOP, expect=201)
    first = start("loop")
    gave_up = first.wait_for("app.given_up")
    resets = len(first.lines("launch_delay.reset"))
    first.process.kill()
    first.process.wait()

    second = start("loop")
    again = second.wait_for("app.given_up")
    assert again["reason"] == gave_up["reason"]
    assert second.lines("launch_delay.reset") == []

    pamesos(tmp_path, "resume", "loop/app", "--reason", "fixed")
    assert second.wait_for("apps.resumed")["apps"] == ["/loop/app"]
    second.wait_for("launch_delay.reset")
    second.process.send_signal(signal.SIGTERM)
    assert second.process.wait(5) == 0

    entries = json.loads(pamesos(tmp_path, "history", "loop", "-o", "json"))
    actions = [entry["action"] for entry in entries]
    assert actions.index("app.given_up") < actions.index("app.helped_again")
    assert resets == actions[: actions.index("app.given_up")].count("launch_delay.reset")
    assert len({e["subject"] for e in entries if e["action"] == "task.failed"}) == actions.count(
        "task.failed"
    )


def test_nothing_is_done_while_it_is_held(start, local_marathon, tmp_path):
    pamesos(tmp_path, "hold", "loop", "--reason", "moving racks")
    Api(local_marathon.url).call("POST", "/v2/groups", LOOP, expect=201)
    daemon = start("loop")

    assert daemon.wait_for("cluster.held")["reason"].endswith(": moving racks")
    wait_for(lambda: '"task.failed"' in pamesos(tmp_path, "history", "loop", "-o", "json"), 30)
    assert daemon.lines("launch_delay.reset") == []

    pamesos(tmp_path, "resume", "loop")
    daemon.wait_for("launch_delay.reset")
    assert len(daemon.lines("cluster.held")) == 1


def test_the_history_is_a_table_for_people(start, local_marathon, tmp_path):
    Api(local_marathon.url).call("POST", "/v2/groups", LOOP, expect=201)
    start("loop").wait_for("launch_delay.reset")

    lines = pamesos(tmp_path, "history", "loop", "--actions", "-o", "wide").splitlines()

    assert lines[0].split() == ["TIME", "ACTION", "SUBJECT", "REASON", "OUTCOME"]
    assert " of 5 failures; Marathon would wait" in lines[1]
    assert lines[1].endswith("done")


def test_marathon_itself_runs_the_watcher_as_the_shipped_group_says(
    start, local_marathon, tmp_path
):
    group = json.loads((ROOT / "apps" / "watch.group.json").read_text())
    (app,) = group["apps"]
    app["instances"] = 1  # one agent here, and no two on one
    app["env"] = {
        "PAMESOS_MARATHON_URL": local_marathon.url,
        "PAMESOS_STATE_DIR": str(tmp_path / "state"),
        "PAMESOS_BIN": str(Path(PAMESOS).parent),
    }
    app["healthChecks"][0] |= {"intervalSeconds": 1, "gracePeriodSeconds": 30}
    file = tmp_path / "watch.json"
    file.write_text(json.dumps(group))
    at = ["--marathon", local_marathon.url]
    up = subprocess.run(
        [PAMESOS, "submit", str(file), *at, "--timeout", "50"], capture_output=True, text=True
    )
    assert up.returncode == 0, up.stdout + up.stderr

    gone = subprocess.run([PAMESOS, "destroy", "pamesos", "--yes", *at], capture_output=True)
    assert gone.returncode == 0, gone.stderr


def test_status_shows_a_hold(local_marathon, tmp_path):
    Api(local_marathon.url).call("POST", "/v2/groups", LOOP, expect=201)
    pamesos(tmp_path, "hold", "--reason", "moving racks")
    command = [PAMESOS, "status", "loop", "--marathon", local_marathon.url]
    command += ["--state-dir", str(tmp_path / "state")]

    table = subprocess.run(command, capture_output=True, text=True).stdout
    document = json.loads(subprocess.run([*command, "-o", "json"], capture_output=True).stdout)

    assert re.search(r"^watcher: held by .*: moving racks$", table, re.MULTILINE)
    assert document["hold"].endswith(": moving racks")
