"""The master's and agent's endpoints that clients read sandboxes by."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Json, app


@pytest.fixture
def directory(api: Api) -> str:
    """Return the sandbox of a task that wrote ``hello`` and sleeps."""
    api.deploy(app("a", "echo hello; exec sleep 600"))
    wait_for(lambda: api.stdout(api.running("/t/a")[0]) == "hello\n")
    [framework] = api.call("GET", "/state")["frameworks"]
    return str(framework["executors"][0]["directory"])


def test_marathon_names_this_address_as_its_mesos(api: Api) -> None:
    config = api.call("GET", "/v2/info")["marathon_config"]
    assert config["mesos_leader_ui_url"] == f"{api.url}/"


def test_a_task_is_found_from_the_master_by_way_of_its_agent(api: Api, directory: str) -> None:
    [task] = api.running("/t/a")
    [agent] = api.call("GET", "/slaves")["slaves"]
    assert agent["id"] == task["slaveId"]
    assert agent["pid"] == f"slave(1)@{api.url.removeprefix('http://')}"
    [known] = api.call("GET", "/tasks")["tasks"]
    assert (known["id"], known["name"], known["state"]) == (task["id"], "a.t", "TASK_RUNNING")
    assert f"/slaves/{task['slaveId']}/frameworks/{known['framework_id']}/" in directory
    assert f"/executors/{task['id']}/runs/" in directory


def test_files_are_read_in_pieces_and_listed(api: Api, directory: str) -> None:
    def read(query: str) -> Json:
        answer: Json = api.call("GET", f"/files/read?path={quote(directory)}/stdout&{query}")
        return answer

    assert read("offset=1&length=3") == {"data": "ell", "offset": 1}
    assert read("offset=-1") == {"data": "", "offset": 6}
    entries = api.call("GET", f"/files/browse?path={quote(directory)}")
    assert [entry["path"] for entry in entries] == [f"{directory}/stderr", f"{directory}/stdout"]
    assert set(entries[0]) == {"gid", "mode", "mtime", "nlink", "path", "size", "uid"}
    assert api.call("GET", f"/files/download?path={quote(directory)}/stdout") == "hello\n"
    latest = directory.rpartition("/")[0] + "/latest"
    assert api.call("GET", f"/files/read?path={latest}/stdout&offset=0")["data"] == "hello\n"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/etc/passwd", id="elsewhere"),
        pytest.param("/nonexistent/stdout", id="nowhere"),
        pytest.param("{work_dir}/../state.db", id="the state beside it"),
        pytest.param("{work_dir}/../../../../etc/passwd", id="up and out"),
        pytest.param("%00", id="no path at all"),
        pytest.param("", id="empty"),
    ],
)
def test_nothing_outside_the_sandboxes_can_be_read(
    local_marathon: LocalMarathon, api: Api, path: str
) -> None:
    path = path.format(work_dir=local_marathon.state_dir / "agent")
    for kind in ("read", "download", "browse"):
        assert api.call("GET", f"/files/{kind}?path={path}&offset=0", expect=404) is None
