"""submit, status, scale, restart, logs and destroy as an operator runs them, on real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pamesos.clients.marathon import MarathonClient
from pamesos.core.connection import Connection
from pamesos.errors import ExitStatus
from tests.conftest import LocalMarathon, wait_for

GROUP = {
    "id": "/plain",
    "apps": [
        {"id": "/plain/a", "cmd": "echo from a; echo err >&2; exec sleep 1000", "instances": 2},
        {
            "id": "/plain/b",
            "cmd": f"exec {sys.executable} -m http.server --bind 127.0.0.1 $PORT0",
            "dependencies": ["/plain/a"],
            "healthChecks": [
                {"protocol": "MESOS_TCP", "portIndex": 0, "intervalSeconds": 1, "delaySeconds": 0}
            ],
        },
    ],
}
SMALL = {"cpus": 0.01, "mem": 16}


class Operator:
    """Runs pamesos against one Marathon."""

    def __init__(self, url: str, directory: Path) -> None:
        self.directory = directory
        self.environ = {**os.environ, "PAMESOS_MARATHON_URL": url, "COLUMNS": "80"}
        self.client = MarathonClient(Connection(urls=(url,)))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pamesos", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=self.environ,
        )

    def run(self, *arguments: str, expect: ExitStatus = ExitStatus.DONE) -> str:
        """Run to the end and return what it printed, stderr last."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        assert process.returncode == expect, out + err
        return out + err

    def file(self, group: dict[str, Any]) -> str:
        apps = [{**SMALL, **app} for app in group["apps"]]
        path = self.directory / "group.json"
        path.write_text(json.dumps({**group, "apps": apps}))
        return str(path)

    def submit(self, group: dict[str, Any], *options: str, **kwargs: Any) -> str:
        return self.run("submit", self.file(group), *options, **kwargs)


@pytest.fixture
def operator(local_marathon: LocalMarathon, tmp_path: Path) -> Operator:
    return Operator(local_marathon.url, tmp_path)


def test_a_group_comes_up_is_changed_and_is_taken_down_in_order(operator: Operator) -> None:
    submitted = operator.submit(GROUP)
    again = operator.submit(GROUP)
    scaled = operator.run("scale", "plain", "a", "3")
    status = operator.run("status", "plain")
    restarted = operator.run("restart", "plain", "b")
    destroyed = operator.run("destroy", "plain", "--yes")

    assert submitted.splitlines()[-1] == "/plain is up: 2 apps, 3 tasks"
    assert "/plain/b  1/1 running, 1/1 healthy" in submitted
    assert again.splitlines()[-1] == "/plain is up: unchanged, 2 apps, 3 tasks"
    assert scaled.splitlines()[-1] == "/plain/a is up: 3 tasks"
    assert status.startswith("/plain: up\n")
    assert " 3/3 " in status
    assert restarted.splitlines()[-1] == "/plain/b is up: 1 task"
    order = ["/plain/b  stopping", "/plain/b  stopped", "/plain/a  stopping", "/plain/a  stopped"]
    places = [destroyed.index(words) for words in [*order, "/plain  deleted"]]
    assert places == sorted(places)
    assert operator.client.find_group("/plain") is None


def test_a_group_below_the_top_level_can_be_submitted_again(operator: Operator) -> None:
    # Marathon refuses a body that names it, but takes the same body without its id.
    deep = {"id": "/team/plain", "apps": [{"id": "/team/plain/a", "cmd": "sleep 1000"}]}
    operator.submit(deep)
    deep["apps"][0]["instances"] = 2

    again = operator.submit(deep)

    assert again.splitlines()[-1] == "/team/plain/a is up: 2 tasks"


def test_a_refusal_of_nested_groups_says_what_to_do_instead(operator: Operator) -> None:
    inner = {"id": "/nest/in", "apps": [{**SMALL, "id": "/nest/in/a", "cmd": "sleep 1000"}]}
    nested = {"id": "/nest", "apps": [], "groups": [inner]}
    operator.submit(nested)
    inner["apps"][0]["instances"] = 2

    refused = operator.submit(nested, expect=ExitStatus.REFUSED)

    assert "put all apps into one group" in refused


def test_piped_progress_has_no_control_characters_and_utc_times(operator: Operator) -> None:
    lines = operator.submit(GROUP).splitlines()

    assert all("\x1b" not in line for line in lines)
    assert all(line[2] == line[5] == ":" and line[8] == "Z" for line in lines[:-1])


def test_what_tasks_wrote_is_printed(operator: Operator) -> None:
    operator.submit(GROUP)

    both = operator.run("logs", "plain", "a")
    errors = operator.run("logs", "plain", "a", "--stderr", "-n", "1")
    task = operator.client.get_app("/plain/a").tasks[0]
    one = operator.run("logs", "plain", task.id)

    assert sorted(line.partition(" | ")[2] for line in both.splitlines()) == ["from a", "from a"]
    assert [line.partition(" | ")[2] for line in errors.splitlines()] == ["err", "err"]
    assert one == "from a\n"


def test_followed_logs_show_what_is_written_later(operator: Operator) -> None:
    gate = operator.directory / "gate"
    command = f"echo first; until [ -e {gate} ]; do sleep 0.05; done; echo second; exec sleep 1000"
    operator.submit({"id": "/talk", "apps": [{"id": "/talk/a", "cmd": command}]})

    process = operator.start("logs", "talk", "a", "-f")
    assert process.stdout is not None
    assert process.stdout.readline() == "first\n"
    gate.touch()

    assert process.stdout.readline() == "second\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == ExitStatus.INTERRUPTED


def test_a_crash_loop_is_a_failure_with_its_last_message(operator: Operator) -> None:
    # The first RUNNING ends Marathon's deployment with success, each time (facts 12).
    app = {"id": "/loop/a", "cmd": "sleep 0.1; exit 3", "backoffSeconds": 0, "backoffFactor": 1}

    out = operator.submit({"id": "/loop", "apps": [app]}, expect=ExitStatus.FAILED)

    assert "fails again and again" in out
    assert "Command exited with status 3" in out
    assert "last failure" in operator.run("status", "loop", expect=ExitStatus.FAILED)


def test_a_group_without_an_offer_times_out_and_says_what_was_asked(operator: Operator) -> None:
    group = {"id": "/big", "apps": [{"id": "/big/a", "cmd": "sleep 9", "cpus": 100_000}]}

    out = operator.submit(group, "--timeout", "1", expect=ExitStatus.TIMED_OUT)
    locked = operator.run("destroy", "big", "--yes", expect=ExitStatus.LOCKED)
    operator.run("destroy", "big", "--yes", "--cancel-deployments")

    assert "no offer fits: asked cpus 100000" in out
    assert "--cancel-deployments" in locked
    assert operator.client.find_group("/big") is None


def test_ctrl_c_undoes_nothing_and_says_how_to_follow_and_cancel(operator: Operator) -> None:
    group = {"id": "/big", "apps": [{"id": "/big/a", "cmd": "sleep 9", "cpus": 100_000}]}
    process = operator.start("submit", operator.file(group))
    assert process.stdout is not None
    assert "deployment" in process.stdout.readline()
    assert "/big/a" in process.stdout.readline()

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)

    deployments = operator.client.get_deployments()
    assert process.returncode == ExitStatus.INTERRUPTED
    assert "nothing is undone" in err
    assert "pamesos status big" in err
    assert [d.id in err for d in deployments] == [True]


def test_a_cancelled_deployment_is_no_success(operator: Operator) -> None:
    group = {"id": "/big", "apps": [{"id": "/big/a", "cmd": "sleep 9", "cpus": 100_000}]}
    process = operator.start("submit", operator.file(group))
    found = wait_for(operator.client.get_deployments, what="the deployment")

    operator.client.cancel_deployment(found[0].id)
    _, err = process.communicate(timeout=20)

    assert process.returncode == ExitStatus.CANCELLED, err


def test_a_newer_change_supersedes(operator: Operator) -> None:
    operator.submit(GROUP)
    slow = json.loads(json.dumps(GROUP))
    slow["apps"][1]["cmd"] = "sleep 1000"  # its port stays closed, so it never gets healthy
    process = operator.start("submit", operator.file(slow))
    wait_for(operator.client.get_deployments, what="the deployment")

    operator.client.scale_app("/plain/a", 1)
    _, err = process.communicate(timeout=20)

    assert process.returncode == ExitStatus.SUPERSEDED, err
    assert "/plain/a" in err


def test_a_locked_group_is_reported_and_nothing_is_forced(operator: Operator) -> None:
    group = {"id": "/big", "apps": [{"id": "/big/a", "cmd": "sleep 9", "cpus": 100_000}]}
    operator.submit(group, "--no-wait")
    other = {"id": "/big", "apps": [{"id": "/big/a", "cmd": "sleep 8", "cpus": 100_000}]}

    out = operator.submit(other, expect=ExitStatus.LOCKED)

    deployments = operator.client.get_deployments()
    assert [d.id in out for d in deployments] == [True]


def test_destroying_wants_a_yes_where_nobody_can_be_asked(operator: Operator) -> None:
    operator.submit(GROUP, "--no-wait")

    out = operator.run("destroy", "plain", expect=ExitStatus.BAD_INPUT)

    assert "--yes" in out
    assert operator.client.find_group("/plain") is not None


def test_an_unknown_cluster_lists_those_there_are(operator: Operator) -> None:
    operator.submit(GROUP, "--no-wait")

    assert "plain" in operator.run("status", "plian", expect=ExitStatus.NOT_FOUND)


def test_a_dry_run_sends_nothing(operator: Operator) -> None:
    out = operator.submit(GROUP, "--dry-run")

    assert json.loads(out)["id"] == "/plain"
    assert operator.client.find_group("/plain") is None


def test_status_as_json_is_for_programs(operator: Operator) -> None:
    operator.submit(GROUP)

    seen = json.loads(operator.run("status", "plain", "-o", "json"))

    assert seen["up"] is True
    assert [(app["name"], app["running"], app["healthy"]) for app in seen["apps"]] == [
        ("a", 2, None),
        ("b", 1, 1),
    ]


def test_the_output_of_status_fits_its_columns(operator: Operator) -> None:
    long = {"id": "/plain", "apps": [{"id": f"/plain/{'x' * 90}", "cmd": "sleep 9"}]}
    operator.submit(long, "--no-wait")
    process = operator.start("status", "plain")
    out, _ = process.communicate(timeout=20)

    assert max(len(line) for line in out.splitlines()) <= 80
