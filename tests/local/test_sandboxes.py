"""What is in a sandbox before its task starts: fetched files and persistent volumes."""

from __future__ import annotations

import socket
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Json, app, stream

_SLEEP = "exec sleep 600"


def _files(directory: Path) -> Path:
    """Make one of each kind of file that is fetched."""
    directory.mkdir()
    (directory / "plain.txt").write_text("plain\n")
    (directory / "run").write_text("#!/bin/sh\necho ran $1\n")
    inner = directory / "inner"
    inner.write_text("#!/bin/sh\necho from the archive\n")
    inner.chmod(0o755)
    with tarfile.open(directory / "files.tar.gz", "w:gz") as tar:
        tar.add(inner, "bin/inner")
    with zipfile.ZipFile(directory / "files.zip", "w") as packed:
        packed.write(inner, "zipped/inner")
    return directory


def test_local_files_are_fetched_unpacked_and_executable(api: Api, tmp_path: Path) -> None:
    files = _files(tmp_path / "a dir")
    at = str(files).replace(" ", "%20")
    fetch = [
        {"uri": f"file://{at}/plain.txt"},
        {"uri": f"{at}/run", "executable": True},
        {"uri": f"file://{at}/files.tar.gz"},
        {"uri": f"file://{at}/files.zip"},
        {"uri": f"file://{at}/files.zip", "extract": False, "destPath": "kept/as-it-is.zip"},
    ]
    cmd = "cat plain.txt; ./run well; bin/inner; zipped/inner; ls kept; exec sleep 600"
    api.deploy(app("a", cmd, fetch=fetch))
    [task] = api.running("/t/a")
    expected = "plain\nran well\nfrom the archive\nfrom the archive\nas-it-is.zip\n"
    wait_for(lambda: api.stdout(task) == expected, what="its output")


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        pytest.param("file:///no/such/file", "No such file or directory", id="not there"),
        pytest.param("hdfs://somewhere/file", "hdfs is not fetched here", id="another kind"),
        pytest.param("relative/file", "its absolute path", id="relative"),
        pytest.param("http://127.0.0.1:9/file", "Connection refused", id="no server"),
    ],
)
def test_what_cannot_be_fetched_fails_the_task_and_says_why(
    local_marathon: LocalMarathon, api: Api, uri: str, why: str
) -> None:
    api.put_group(app("a", fetch=[{"uri": uri}], backoffSeconds=300))
    failure = wait_for(lambda: _failure(api))
    sandbox = _sandbox(local_marathon, failure["taskId"])
    words = "Failed to launch container: Failed to fetch all URIs for container"
    assert failure["message"] == f"{words} '{sandbox.name}' with exit status: 256"
    assert why in (sandbox / "stderr").read_text()


def _failure(api: Api) -> Json | None:
    found: Json | None = api.app("/t/a", "lastTaskFailure").get("lastTaskFailure")
    return found


def _sandbox(marathon: LocalMarathon, task_id: str) -> Path:
    [run] = marathon.state_dir.glob(f"agent/slaves/*/frameworks/*/executors/{task_id}/runs/latest")
    return run.resolve()


def test_nothing_is_written_outside_the_sandbox(
    local_marathon: LocalMarathon, api: Api, tmp_path: Path
) -> None:
    evil = tmp_path / "evil.tar"
    with tarfile.open(evil, "w") as tar:
        tar.add(__file__, "../../../../../../../../../../../escaped")
    api.put_group(app("a", fetch=[{"uri": str(evil)}], backoffSeconds=300))
    failure = wait_for(lambda: _failure(api))
    assert "Failed to fetch" in failure["message"]
    assert not list(tmp_path.rglob("escaped"))
    assert local_marathon.task_processes() == []


def test_a_task_that_is_killed_while_its_files_come_is_never_started(
    local_marathon: LocalMarathon, api: Api
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, stream(api.url) as events:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        api.put_group(app("a", fetch=[{"uri": uri}]))
        silent.accept()[0].detach()  # asked, and never answered
        api.call("DELETE", "/v2/groups/t?force=true")
        killed = events.wait("status_update_event", taskStatus="TASK_KILLED")
        assert killed["message"] == "Command was never started"
        api.settle()
        assert api.tasks("/t/a") == []
        assert local_marathon.stop() == 0


def _with_volume(app_id: str, cmd: str) -> Json:
    volume = {"containerPath": "data", "mode": "RW", "persistent": {"size": 10}}
    return app(
        app_id,
        cmd,
        container={"type": "MESOS", "volumes": [volume]},
        upgradeStrategy={"maximumOverCapacity": 0, "minimumHealthCapacity": 0},
        role="t",  # of its group: volumes cannot be reserved for everybody
    )


_COUNT = "echo x >> data/lines; echo $(wc -l < data/lines); exec sleep 600"


def test_a_volume_survives_relaunch_change_and_restart_of_the_engine(
    local_marathon: LocalMarathon, api: Api
) -> None:
    definition = _with_volume("/t/v", _COUNT)
    api.call("POST", "/v2/apps", definition, expect=201)
    api.settle()
    [first] = api.running("/t/v")
    wait_for(lambda: api.stdout(first) == "1\n")
    api.call("DELETE", f"/v2/apps/t/v/tasks/{first['id']}")
    second = wait_for(
        lambda: next((t for t in api.running("/t/v") if t["id"] != first["id"]), None)
    )
    wait_for(lambda: api.stdout(second) == "2\n")
    api.call("PATCH", "/v2/apps/t/v", {"labels": {"new": "one"}})
    api.settle()
    [third] = api.running("/t/v")
    wait_for(lambda: api.stdout(third) == "3\n")
    assert local_marathon.stop() == 0
    local_marathon.start()
    again = Api(local_marathon.url)
    fourth = wait_for(lambda: next(iter(again.running("/t/v")), None))
    wait_for(lambda: again.stdout(fourth) == "4\n")


def test_instances_have_volumes_of_their_own(api: Api) -> None:
    definition = _with_volume("/t/v", _COUNT) | {"instances": 2}
    api.call("POST", "/v2/apps", definition, expect=201)
    api.settle()
    tasks = api.running("/t/v")
    assert len(tasks) == 2
    wait_for(lambda: [api.stdout(task) for task in tasks] == ["1\n", "1\n"])


def test_volumes_of_an_app_that_is_no_more_are_removed(
    local_marathon: LocalMarathon, api: Api
) -> None:
    definition = _with_volume("/t/v", _SLEEP)
    api.call("POST", "/v2/apps", definition, expect=201)
    api.call("POST", "/v2/apps", app("/other"), expect=201)
    api.settle()
    volumes = local_marathon.state_dir / "agent" / "volumes" / "roles"
    assert len(list(volumes.glob("t/t_v#data#*"))) == 1
    api.call("DELETE", "/v2/apps/t/v")
    api.settle()
    assert local_marathon.stop() == 0
    assert list(volumes.glob("t/t_v#data#*")) == []
