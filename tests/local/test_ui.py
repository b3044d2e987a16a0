"""A user interface that is served, and the questions that Marathon's own asks all the time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Json, app

RECORDINGS = Path(
    os.environ.get("PAMESOS_RECORDINGS", Path(__file__).parents[3] / "shared" / "recordings")
)
INDEX = "<!doctype html><title>UI</title>"


@pytest.fixture
def served(local_marathon: LocalMarathon, tmp_path: Path) -> Iterator[str]:
    """Return the URL of an engine that serves a small UI."""
    folder = tmp_path / "ui"
    (folder / "js").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "js" / "main.js").write_text("run()")
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert local_marathon.stop() == 0
    local_marathon.start("--ui", str(folder))
    yield local_marathon.url


def _get(url: str, path: str) -> requests.Response:
    # Prepared by hand: requests would tidy the path up before it is sent.
    request = requests.Request("GET", url).prepare()
    request.url = url + path
    with requests.Session() as session:
        return session.send(request, allow_redirects=False, timeout=10)


@pytest.mark.parametrize(
    ("path", "status", "kind", "body"),
    [
        pytest.param("/ui/", 200, "text/html", INDEX, id="index"),
        pytest.param("/ui/index.html", 200, "text/html", INDEX, id="index by name"),
        pytest.param("/ui/js/main.js", 200, "javascript", "run()", id="file"),
        pytest.param("/ui/apps/%2Fa%2Fb", 200, "text/html", INDEX, id="deep link"),
        pytest.param("/ui/js/none.js", 404, "", "", id="no such file"),
        pytest.param("/ui/../secret.txt", 404, "", "", id="outside"),
        pytest.param("/ui/%2e%2e/secret.txt", 404, "", "", id="outside in disguise"),
        pytest.param("/ui//etc/hostname.txt", 404, "", "", id="absolute"),
        pytest.param("/ui/link.txt", 404, "", "", id="link to the outside"),
        pytest.param("/ui/%00.js", 404, "", "", id="no path at all"),
    ],
)
def test_a_folder_is_served_and_nothing_else(
    served: str, path: str, status: int, kind: str, body: str
) -> None:
    answer = _get(served, path)
    assert (answer.status_code, answer.text) == (status, body)
    assert kind in answer.headers.get("Content-Type", "")


def test_the_root_leads_to_the_ui(served: str) -> None:
    assert _get(served, "/").headers["Location"] == f"{served}/ui/"
    assert _get(served, "/ui").headers["Location"] == "/ui/"
    assert requests.get(served, timeout=10).text == INDEX


def test_without_a_folder_there_is_no_ui(api: Api) -> None:
    assert _get(api.url, "/ui/").status_code == 404


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pamesos", "local", "--port", "0", "--ui", str(tmp_path)]
    answer = subprocess.run(
        [*command, "--state-dir", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 2
    assert "no index.html" in answer.stderr


def _recorded(name: str, path: str, query: str) -> Any:
    with (RECORDINGS / f"{name}.jsonl").open() as lines:
        for exchange in map(json.loads, lines):
            is_meant = exchange.get("path") == path and query in (exchange["query"] or "")
            if is_meant and exchange["status"] == 200:
                return exchange["response_body"]
    raise AssertionError(f"{name} has no {path}?{query}")


#: What an app shows because the UI asked for it; the rest is its definition.
_ASKED = {"tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy", "deployments"}
_POLLED_GROUPS = (
    "/v2/groups?embed=group.groups&embed=group.apps&embed=group.apps.deployments"
    "&embed=group.apps.counts&embed=group.apps.readiness"
)


def _service(port: int) -> Json:
    ready = {"name": "up", "portName": "web", "path": "/", "intervalSeconds": 2}
    checks = [{**ready, "preserveLastResponse": True, "protocol": "HTTP", "timeoutSeconds": 1}]
    definitions = [{"port": port, "name": "web"}]
    return app("web", readinessChecks=checks, portDefinitions=definitions)


def test_the_groups_are_polled_with_all_that_is_shown_of_their_apps(api: Api) -> None:
    api.put_group(app("a"), _service(0), group="/t")
    wait_for(lambda: api.running("/t/web"))
    recorded = _recorded("stack/01-deploy", "/v2/groups", "embed=group.apps.readiness")
    ours = api.call("GET", _POLLED_GROUPS)
    assert ours.keys() == recorded.keys()
    [group], [recorded_group] = ours["groups"], recorded["groups"]
    assert group.keys() == recorded_group.keys()
    for each in (*group["apps"], *recorded_group["apps"]):
        assert each.keys() >= _ASKED
    by_id = {each["id"]: each for each in group["apps"]}
    [deployment] = api.deployments()
    assert by_id["/t/web"]["deployments"] == [{"id": deployment["id"]}]
    results = wait_for(lambda: _readiness(api), what="a readiness check")
    assert results[0].keys() == {"name", "taskId", "ready", "lastResponse"}


def _readiness(api: Api) -> list[Json] | None:
    shown = api.call("GET", _POLLED_GROUPS)["groups"][0]["apps"]
    return next((a.get("readinessCheckResults") for a in shown if a["id"] == "/t/web"), None)


def test_an_app_is_polled_with_statistics_and_readiness(api: Api) -> None:
    api.deploy(app("a", instances=2))
    recorded = _recorded(
        "stack/04-scheduler-kill9", "/v2/apps//pa/scheduler", "embed=app.readiness"
    )
    ours = api.call("GET", "/v2/apps//t/a?embed=app.taskStats&embed=app.readiness")["app"]
    assert ours["readinessCheckResults"] == []
    statistics, known = ours["tasksStats"], recorded["app"]["tasksStats"]
    assert statistics.keys() <= known.keys() | {"withOutdatedConfig"}
    summary = statistics["totalSummary"]["stats"]
    assert summary.keys() == known["totalSummary"]["stats"].keys()
    assert summary["counts"] == {"staged": 0, "running": 2, "healthy": 0, "unhealthy": 0}
    assert summary["lifeTime"].keys() == {"averageSeconds", "medianSeconds"}


@pytest.mark.parametrize(
    ("path", "members"),
    [
        pytest.param("/v2/info", {"name", "version", "leader", "marathon_config"}, id="info"),
        pytest.param("/v2/plugins", {"plugins"}, id="plugins"),
        pytest.param("/v2/queue", {"queue"}, id="queue"),
    ],
)
def test_what_is_polled_besides_is_there(api: Api, path: str, members: set[str]) -> None:
    assert members <= api.call("GET", path).keys()


def test_what_the_buttons_do(api: Api) -> None:
    """Restart, scale, versions, kill, kill and scale, wipe, reset the delay."""
    api.deploy(app("a", instances=2), app("b", "exit 1", backoffSeconds=300))
    api.call("POST", "/v2/apps//t/a/restart?force=false", {"force": False})
    api.settle()
    api.call("PUT", "/v2/apps//t/a?force=false&partialUpdate=true", {"instances": 3})
    api.settle()
    versions = api.call("GET", "/v2/apps//t/a/versions")["versions"]
    assert len(versions) == 3
    shown = api.call("GET", f"/v2/apps//t/a/versions/{versions[-1]}")
    assert (shown["id"], shown["instances"]) == ("/t/a", 2)
    first, second, third = (task["id"] for task in api.running("/t/a"))
    api.call("POST", "/v2/tasks/delete?scale=false", {"ids": [first]})
    wait_for(lambda: {second, third} < {t["id"] for t in api.running("/t/a")})
    api.call("POST", "/v2/tasks/delete?scale=true&force=false", {"ids": [second]})
    api.settle()
    assert api.app("/t/a")["instances"] == 2
    api.call("POST", "/v2/tasks/delete?wipe=true", {"ids": [third]})
    wait_for(lambda: len(api.running("/t/a")) == 2)
    assert wait_for(lambda: api.queue("/t/b"))["delay"]["overdue"] is False
    assert api.call("DELETE", "/v2/queue//t/b/delay", expect=204) is None
    api.call("DELETE", "/v2/apps//t/b?force=true")
    api.settle()
