"""Apps in real containers, held against what Mesos made of the same (recordings/stack/10-*)."""

from __future__ import annotations

import os
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Json, stream
from tests.local.containers import (
    IMAGE,
    container_of,
    docker,
    in_container,
    names,
    need_engine,
    of_state_dir,
)

pytestmark = pytest.mark.docker

BRIDGE = [{"mode": "container/bridge"}]
#: A container may be slow to start on a busy machine.
START_S = 40


@pytest.fixture(autouse=True)
def _no_container_is_left(tmp_path: Path) -> Iterator[None]:
    need_engine()
    yield
    if left := of_state_dir(tmp_path / "local"):
        docker("rm", "--force", *left)


@pytest.fixture
def box(local_marathon: LocalMarathon) -> Iterator[Api]:
    """Return a client; at the end the engine is stopped and leaves no container."""
    yield Api(local_marathon.url)
    if local_marathon.process.poll() is None:
        assert local_marathon.stop() == 0
    assert of_state_dir(local_marathon.state_dir) == []


def _running(api: Api, app_id: str) -> Json:
    [task] = wait_for(lambda: api.running(app_id), START_S, f"a task of {app_id}")
    return task


def _last_failure(api: Api, app_id: str) -> Json:
    def look() -> Json | None:
        found: Json | None = api.app(app_id, "lastTaskFailure").get("lastTaskFailure")
        return found

    return wait_for(look, START_S, "a failure")


def _binds(shown: Json) -> dict[str, str]:
    """Return the mounts by where they are in the container; Docker keeps no order."""
    return {bind.split(":")[1]: bind for bind in shown["HostConfig"]["Binds"]}


def _environment(shown: Json) -> dict[str, str]:
    pairs = (each.partition("=") for each in shown["Config"]["Env"])
    return {name: value for name, _, value in pairs}


def test_a_bridged_app_gets_what_mesos_gives_it(box: Api, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hello").write_text("hello from the host\n")
    cmd = "cat /data/hello; echo x > /data/written; echo oops >&2; exec busybox httpd -f -p 8080"
    mappings = [
        {"containerPort": 8080, "hostPort": 0, "name": "http", "labels": {"pl": "1"}},
        {"containerPort": 0, "hostPort": 0, "name": "dyn"},
    ]
    volume = {"hostPath": str(tmp_path / "data"), "containerPath": "/data", "mode": "RW"}
    parameters = [{"key": "label", "value": "pamesos=1"}, {"key": "hostname", "value": "inner"}]
    box.put_group(
        in_container(
            "bridge",
            cmd,
            mem=64,
            env={"MY_VAR": "v 1", "TWO": "a\nb"},
            labels={"k1": "v1"},
            networks=BRIDGE,
            docker={"parameters": parameters},
            container={"portMappings": mappings, "volumes": [volume]},
        )
    )
    task = _running(box, "/t/bridge")
    shown = container_of(task)
    web, dynamic = task["ports"]
    binds = _binds(shown)
    sandbox = binds.pop("/mnt/mesos/sandbox").partition(":")[0]
    assert shown["Name"] == f"/mesos-{Path(sandbox).name}"
    assert shown["Config"]["Labels"] == {"MESOS_TASK_ID": task["id"], "pamesos": "1"}
    assert shown["Config"]["Hostname"] == "inner"
    assert (shown["Config"]["Entrypoint"], shown["Config"]["Cmd"]) == (["/bin/sh"], ["-c", cmd])
    host = shown["HostConfig"]
    assert binds == {"/data": f"{volume['hostPath']}:/data:rw"}
    assert (host["CpuShares"], host["Memory"]) == (102, 64 * 1024 * 1024)
    assert host["NetworkMode"] == "bridge"
    assert host["PortBindings"] == {
        "8080/tcp": [{"HostIp": "", "HostPort": str(web)}],
        f"{dynamic}/tcp": [{"HostIp": "", "HostPort": str(dynamic)}],
    }
    version = box.app("/t/bridge")["version"]
    expected = {
        "HOST": "127.0.0.1",
        "MARATHON_APP_DOCKER_IMAGE": IMAGE,
        "MARATHON_APP_ENFORCE_GROUP_ROLE": "FALSE",
        "MARATHON_APP_ID": "/t/bridge",
        "MARATHON_APP_LABELS": "K1",
        "MARATHON_APP_LABEL_K1": "v1",
        "MARATHON_APP_RESOURCE_CPUS": "0.1",
        "MARATHON_APP_RESOURCE_DISK": "0.0",
        "MARATHON_APP_RESOURCE_GPUS": "0",
        "MARATHON_APP_RESOURCE_MEM": "64.0",
        "MARATHON_APP_VERSION": version,
        "MESOS_ALLOCATION_ROLE": "*",
        "MESOS_CONTAINER_NAME": shown["Name"][1:],
        "MESOS_SANDBOX": "/mnt/mesos/sandbox",
        "MESOS_TASK_ID": task["id"],
        "MY_VAR": "v 1",
        "TWO": "a\nb",
        "PORT": str(web),
        "PORT0": str(web),
        "PORT1": str(dynamic),
        "PORTS": f"{web},{dynamic}",
        "PORT_8080": str(web),
        f"PORT_{dynamic}": str(dynamic),
        "PORT_HTTP": str(web),
        "PORT_DYN": str(dynamic),
    }
    environment = _environment(shown)
    environment.pop("PATH", None)  # of the engine, where the image says nothing
    assert environment == expected
    address = shown["NetworkSettings"]["IPAddress"]
    assert task["ipAddresses"] == [{"ipAddress": address, "protocol": "IPv4"}]
    assert task["host"] == "127.0.0.1"
    assert wait_for(lambda: box.stdout(task)) == "hello from the host\n"
    assert (Path(sandbox) / "stderr").read_text() == "oops\n"
    assert (tmp_path / "data" / "written").read_text() == "x\n"


def test_an_app_on_the_hosts_network_shares_its_address(box: Api, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    volume = {"hostPath": str(tmp_path / "data"), "containerPath": "/data", "mode": "RO"}
    box.put_group(
        in_container(
            "host",
            "touch /data/new; echo $PORT_P $PORT_10000 $PORT0; env | grep -c PYTHON; exec sleep 60",
            container={"volumes": [volume]},
            portDefinitions=[{"port": 10000, "name": "p"}],
        )
    )
    task = _running(box, "/t/host")
    [port] = task["ports"]
    shown = container_of(task)
    assert shown["HostConfig"]["NetworkMode"] == "host"
    assert _binds(shown)["/data"].endswith(":/data:ro")
    assert task["ipAddresses"] == [{"ipAddress": "127.0.0.1", "protocol": "IPv4"}]
    wait_for(lambda: box.stdout(task) == f"{port} {port} {port}\n0\n", what="its output")
    assert not (tmp_path / "data" / "new").exists()


def test_args_are_the_images_command_and_a_fixed_port_is_open(box: Api) -> None:
    port = 31777
    mapping = {"containerPort": 8081, "hostPort": port, "servicePort": 10900}
    command = ["busybox", "httpd", "-f", "-p", "8081"]
    box.put_group(
        in_container(
            "args", args=command, mem=8, networks=BRIDGE, container={"portMappings": [mapping]}
        )
    )
    task = _running(box, "/t/args")
    shown = container_of(task)
    assert task["ports"] == [port]
    assert (shown["Config"]["Entrypoint"], shown["Config"]["Cmd"]) == (None, command)
    assert shown["HostConfig"]["Memory"] == 32 * 1024 * 1024  # no task has less
    wait_for(lambda: _status(f"http://127.0.0.1:{port}/"), what="the mapped port")


def _status(url: str) -> int | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_an_app_on_a_named_network_is_checked_at_its_own_address(box: Api) -> None:
    network = f"pamesos-{os.getpid()}"
    docker("network", "create", network)
    try:
        check = {"protocol": "TCP", "portIndex": 0, "intervalSeconds": 1, "gracePeriodSeconds": 60}
        box.put_group(
            in_container(
                "named",
                "exec busybox httpd -f -p $PORT0",
                networks=[{"mode": "container", "name": network}],
                container={"portMappings": [{"containerPort": 8082, "name": "web"}]},
                healthChecks=[check],
            )
        )
        task = _running(box, "/t/named")
        shown = container_of(task)["NetworkSettings"]
        [address] = [each["ipAddress"] for each in task["ipAddresses"]]
        assert shown["Networks"][network]["IPAddress"] == address
        assert task["ports"] == []
        wait_for(lambda: box.app("/t/named")["tasksHealthy"] == 1, START_S, "a good check")
        box.call("DELETE", "/v2/groups/t")
        wait_for(lambda: not names(task["id"]), START_S, "the end of the container")
    finally:
        docker("network", "rm", network)


@pytest.mark.parametrize(
    ("check", "cause"),
    [
        pytest.param({"protocol": "HTTP", "path": "/ok"}, "404 Not Found", id="HTTP"),
        pytest.param({"protocol": "MESOS_HTTP", "path": "/ok"}, "404 Not Found", id="MESOS_HTTP"),
        pytest.param(
            {"protocol": "COMMAND", "command": {"value": "test -f /www/ok"}},
            "Command exited with status 1",
            id="COMMAND",
        ),
    ],
)
def test_a_check_sees_into_a_container(box: Api, check: Json, cause: str) -> None:
    timing = {"intervalSeconds": 1, "delaySeconds": 1, "gracePeriodSeconds": 60}
    box.put_group(
        in_container(
            "checked",
            "busybox mkdir /www; echo ok > /www/ok; exec busybox httpd -f -p 8080 -h /www",
            networks=BRIDGE,
            container={"portMappings": [{"containerPort": 8080, "hostPort": 0}]},
            healthChecks=[check | timing | {"maxConsecutiveFailures": 0}],
        )
    )
    task = _running(box, "/t/checked")
    wait_for(lambda: box.app("/t/checked")["tasksHealthy"] == 1, START_S, "a good check")
    docker("exec", names(task["id"])[0], "busybox", "rm", "/www/ok")

    def causes() -> list[str]:
        [now] = box.tasks("/t/checked")
        return [each.get("lastFailureCause", "") for each in now["healthCheckResults"]]

    wait_for(lambda: causes() == [cause], START_S, "a bad check")


@pytest.mark.parametrize(
    ("cmd", "state", "message"),
    [
        pytest.param("exit 7", "TASK_FAILED", "Container exited with status 7", id="failed"),
        pytest.param("exit 0", "TASK_FINISHED", "Container exited with status 0", id="finished"),
        pytest.param(
            "sh -c 'kill -9 $$'; exit $?",
            "TASK_FAILED",
            "Container exited with status 137",
            id="signal",
        ),
    ],
)
def test_the_exit_status_decides_the_state(box: Api, cmd: str, state: str, message: str) -> None:
    with stream(box.url) as events:
        box.put_group(in_container("a", f"sleep 1; {cmd}", backoffSeconds=300))
        update = events.wait("status_update_event", taskStatus=state)
    assert update["message"] == message
    updates = events.events("status_update_event")
    assert [u["taskStatus"] for u in updates] == ["TASK_STARTING", "TASK_RUNNING", state]
    assert names(update["taskId"]) == []


def test_a_program_that_is_not_in_the_image_is_a_failure_that_says_so(box: Api) -> None:
    box.put_group(in_container("a", args=["/no/such/program"], backoffSeconds=300))
    assert _last_failure(box, "/t/a")["message"] == "Container exited with status 127"


def test_an_image_that_cannot_be_had_is_a_failure_in_mesos_words(box: Api) -> None:
    image = "127.0.0.1:9/not/there:9"
    box.put_group(in_container("a", docker={"image": image}, backoffSeconds=300))
    failure = _last_failure(box, "/t/a")
    assert failure["state"] == "TASK_FAILED"
    start = "Failed to launch container: Failed to run 'docker -H unix:///var/run/docker.sock pull"
    assert failure["message"].startswith(f"{start} {image}': exited with status 1; stderr='Error")
    assert failure["message"].endswith("\n'")


def test_a_container_that_ignores_sigterm_is_killed_after_its_grace(box: Api) -> None:
    box.put_group(in_container("a", "trap '' TERM; while true; do sleep 1; done"))
    first = _running(box, "/t/a")
    with stream(box.url) as events:
        box.call("DELETE", f"/v2/apps//t/a/tasks/{first['id']}")
        killed = events.wait("status_update_event", taskId=first["id"], taskStatus="TASK_KILLED")
    assert killed["message"] == "Container exited with status 137"
    assert names(first["id"]) == []
    wait_for(lambda: [t for t in box.running("/t/a") if t["id"] != first["id"]], START_S)


def test_a_container_ends_in_its_own_way_when_it_may(box: Api) -> None:
    cmd = "trap 'echo bye; exit 0' TERM; echo up; while true; do sleep 0.1; done"
    box.put_group(in_container("a", cmd, taskKillGracePeriodSeconds=30))
    task = _running(box, "/t/a")
    wait_for(lambda: box.stdout(task) == "up\n")
    box.call("DELETE", "/v2/apps/t/a")
    wait_for(lambda: not box.tasks("/t/a"), START_S)
    assert box.stdout(task) == "up\nbye\n"


def test_containers_of_a_killed_engine_are_taken_over_with_their_output(
    local_marathon: LocalMarathon, box: Api
) -> None:
    cmd = "n=0; while true; do echo $n; n=$((n+1)); sleep 0.2; done"
    box.put_group(in_container("a", cmd), in_container("b", "exec sleep 600"))
    box.settle(START_S)
    before = {task["id"]: container_of(task)["Id"] for task in box.tasks()}
    assert len(before) == 2
    [ended] = box.tasks("/t/b")
    local_marathon.process.kill()
    local_marathon.process.wait(10)
    docker("kill", *names(ended["id"]))
    local_marathon.start()
    again = Api(local_marathon.url)
    [task] = again.running("/t/a")
    assert container_of(task)["Id"] == before[task["id"]]
    so_far = len(again.stdout(task))
    wait_for(lambda: len(again.stdout(task)) > so_far, what="more output")
    lines = again.stdout(task).splitlines()
    assert lines == [str(number) for number in range(len(lines))]  # each once
    # How the other one ended is known, although nobody watched.
    assert _last_failure(again, "/t/b")["message"] == "Container exited with status 137"
    wait_for(lambda: again.running("/t/b"), START_S)
    assert local_marathon.stop() == 0


def test_a_container_that_nobody_wants_any_more_is_removed(
    local_marathon: LocalMarathon, box: Api
) -> None:
    box.put_group(in_container("a"))
    task = _running(box, "/t/a")
    [name] = names(task["id"])
    local_marathon.process.kill()
    local_marathon.process.wait(10)
    shown = container_of(task)
    bind = shown["HostConfig"]["Binds"][0]
    docker("run", "-d", "--label", "MESOS_TASK_ID=of.nobody", "-v", bind, IMAGE, "sleep", "600")
    local_marathon.start()
    assert names("of.nobody") == []
    assert names(task["id"]) == [name]


def test_values_of_the_environment_are_in_no_argument(box: Api) -> None:
    box.put_group(in_container("a", env={"PASSWORD": "s3cr3t-in-env", "KEY": "s3cr3t\nlines"}))
    _running(box, "/t/a")
    seen = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, check=True)
    assert b"docker start --attach mesos-" in seen.stdout
    assert b"s3cr3t" not in seen.stdout


def test_limits_are_passed_on(box: Api) -> None:
    box.put_group(in_container("a", resourceLimits={"cpus": 0.5, "mem": 96}, mem=48))
    host = container_of(_running(box, "/t/a"))["HostConfig"]
    assert (host["CpuQuota"], host["CpuPeriod"]) == (50_000, 100_000)
    assert (host["Memory"], host["MemoryReservation"]) == (96 * 1024 * 1024, 48 * 1024 * 1024)


def test_a_stopped_engine_removes_its_containers_and_starts_them_again(
    local_marathon: LocalMarathon, box: Api
) -> None:
    box.put_group(in_container("a", instances=2))
    wait_for(lambda: len(box.running("/t/a")) == 2, START_S)
    assert local_marathon.stop() == 0
    assert of_state_dir(local_marathon.state_dir) == []
    local_marathon.start()
    again = Api(local_marathon.url)
    wait_for(lambda: len(again.running("/t/a")) == 2, START_S)


def test_a_task_that_is_killed_while_its_image_comes_is_never_started(
    local_marathon: LocalMarathon, box: Api
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, stream(box.url) as events:
        image = f"127.0.0.1:{silent.getsockname()[1]}/some/image:1"
        box.put_group(in_container("a", docker={"image": image}))
        silent.settimeout(START_S)
        silent.accept()[0].detach()  # asked, and never answered
        box.call("DELETE", "/v2/groups/t?force=true")
        killed = events.wait("status_update_event", taskStatus="TASK_KILLED")
        assert killed["message"] == "Container was never started"
        box.settle()
        assert local_marathon.stop() == 0
