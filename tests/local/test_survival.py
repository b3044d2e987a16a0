"""What outlives the engine: wishes, deployments, tasks; and what must not."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, app, pid_alive


def _crash(marathon: LocalMarathon) -> None:
    marathon.process.kill()
    marathon.process.wait(10)


def test_a_stopped_engine_leaves_no_process_and_starts_again_what_is_wanted(
    local_marathon: LocalMarathon, api: Api
) -> None:
    api.deploy(app("a", instances=2))
    before = {task["id"] for task in api.running("/t/a")}
    assert local_marathon.stop() == 0
    assert local_marathon.task_processes() == []
    local_marathon.start()
    again = Api(local_marathon.url)
    wait_for(lambda: len(again.running("/t/a")) == 2)
    after = {task["id"] for task in again.running("/t/a")}
    assert {i.rpartition(".")[0] for i in after} == {i.rpartition(".")[0] for i in before}
    assert not after & before
    assert "lastTaskFailure" not in again.app("/t/a", "lastTaskFailure")


def test_tasks_of_a_killed_engine_are_taken_over(local_marathon: LocalMarathon, api: Api) -> None:
    api.deploy(app("a"), app("b", dependencies=["/t/a"]))
    before, version = api.tasks(), api.app("/t/a")["version"]
    pids = local_marathon.task_processes()
    _crash(local_marathon)
    assert all(pid_alive(pid) for pid in pids)
    local_marathon.start()
    again = Api(local_marathon.url)
    assert again.tasks() == before
    assert again.app("/t/a")["version"] == version
    assert set(local_marathon.task_processes()) == set(pids)
    again.call("DELETE", "/v2/groups/t")
    wait_for(lambda: not local_marathon.task_processes())
    again.settle()


def test_an_adopted_task_that_dies_is_launched_again(
    local_marathon: LocalMarathon, api: Api
) -> None:
    api.deploy(app("a"))
    _crash(local_marathon)
    local_marathon.start()
    again = Api(local_marathon.url)
    [task] = again.running("/t/a")
    [pid] = local_marathon.task_processes()
    os.kill(pid, signal.SIGKILL)
    [after] = wait_for(lambda: [t for t in again.running("/t/a") if t["id"] != task["id"]])
    assert after["id"] == task["id"].removesuffix("1") + "2"


def test_a_task_that_died_with_the_engine_is_lost_and_launched_again(
    local_marathon: LocalMarathon, api: Api
) -> None:
    api.deploy(app("a"))
    [task] = api.running("/t/a")
    [pid] = local_marathon.task_processes()
    _crash(local_marathon)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not pid_alive(pid))
    local_marathon.start()
    again = Api(local_marathon.url)
    [after] = wait_for(lambda: [t for t in again.running("/t/a") if t["id"] != task["id"]])
    assert after["id"] == task["id"].removesuffix("1") + "2"
    assert again.app("/t/a", "lastTaskFailure")["lastTaskFailure"]["state"] == "TASK_LOST"


def test_a_process_in_a_sandbox_that_nobody_knows_is_ended_at_the_start(
    local_marathon: LocalMarathon,
) -> None:
    _crash(local_marathon)
    environ = {"MESOS_SANDBOX": f"{local_marathon.state_dir}/agent/x", "MESOS_TASK_ID": "x.y"}
    with subprocess.Popen(["sleep", "600"], env=environ, start_new_session=True) as stray:
        local_marathon.start()
        assert stray.wait(10) == -signal.SIGKILL


def test_a_deployment_of_a_killed_engine_goes_on(
    local_marathon: LocalMarathon, api: Api, tmp_path: Path
) -> None:
    healthy = tmp_path / "healthy"
    check = {
        "protocol": "COMMAND",
        "command": {"value": f"test -e {healthy}"},
        "intervalSeconds": 1,
        "delaySeconds": 0,
    }
    api.put_group(app("a", healthChecks=[check]), app("b", dependencies=["/t/a"]))
    wait_for(lambda: api.running("/t/a"))
    [before] = api.deployments()
    _crash(local_marathon)
    local_marathon.start()
    again = Api(local_marathon.url)
    assert again.deployments() == [before]
    again.call("PUT", "/v2/apps/t/b", {"cpus": 0.2}, expect=409)
    assert again.tasks("/t/b") == []
    healthy.touch()
    wait_for(lambda: again.running("/t/b"))
    again.settle()
    assert len(again.running("/t/a")) == 1


def test_versions_outlive_the_engine(local_marathon: LocalMarathon, api: Api) -> None:
    api.deploy(app("a", env={"A": "1"}))
    first = api.app("/t/a")["version"]
    api.call("PUT", "/v2/apps/t/a", {"env": {"A": "2"}})
    api.settle()
    assert local_marathon.stop() == 0
    local_marathon.start()
    again = Api(local_marathon.url)
    assert first in again.call("GET", "/v2/apps/t/a/versions")["versions"]
    assert again.call("GET", f"/v2/apps/t/a/versions/{first}")["env"] == {"A": "1"}


def _local(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pamesos", "local", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_a_taken_port_is_one_clear_error(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = _local("--port", str(port), "--state-dir", str(tmp_path / "s"))
    assert done.returncode == 2
    assert f"127.0.0.1:{port}" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_engines_never_share_a_state_directory(local_marathon: LocalMarathon) -> None:
    done = _local("--port", "0", "--state-dir", str(local_marathon.state_dir))
    assert done.returncode == 2
    assert str(local_marathon.state_dir) in done.stderr


def test_a_state_directory_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = _local("--port", "0", "--state-dir", str(tmp_path / "file" / "below"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_state_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database, whatever its name says" * 100)
    done = _local("--port", "0", "--state-dir", str(tmp_path))
    assert done.returncode == 2
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_stopped_deployment_left_undone_is_put_right_in_time(
    local_marathon: LocalMarathon, api: Api
) -> None:
    api.put_group(app("a", cpus=1000), app("b", dependencies=["/t/a"]))
    api.call("DELETE", f"/v2/deployments/{api.deployments()[0]['id']}?force=true", expect=202)
    assert local_marathon.stop() == 0
    local_marathon.start("--scale-apps-interval", "0.2")
    again = Api(local_marathon.url)
    wait_for(lambda: again.running("/t/b"))
    assert again.deployments() == []


def test_a_client_that_never_ends_its_request_does_not_keep_the_engine_up(
    local_marathon: LocalMarathon, api: Api
) -> None:
    api.deploy(app("a"))
    host, _, port = local_marathon.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        head = "PUT /v2/groups HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
        client.sendall(head.encode())
        api.tasks()  # answered after the head above was read
        assert local_marathon.stop() == 0
    assert local_marathon.task_processes() == []
