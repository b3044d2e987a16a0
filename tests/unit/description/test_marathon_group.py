"""A Marathon group is checked as strictly as a description, and sent as it is."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pamesos.config.description import load
from tests.unit.description.files import changed, faults_of, load_data

RECORDINGS = Path(
    os.environ.get("PAMESOS_RECORDINGS", Path(__file__).parents[4] / "shared" / "recordings")
)
GROUP: dict[str, Any] = {
    "id": "/g",
    "apps": [
        {"id": "/g/db", "cmd": "exec db ${PORT0}"},
        {"id": "web", "cmd": "exec web", "dependencies": ["/g/db"]},
    ],
}


def test_a_group_is_sent_as_it_is(tmp_path: Path) -> None:
    submission = load_data(tmp_path, GROUP)
    assert (submission.name, submission.group_id) == ("g", "/g")
    assert submission.group == GROUP


def test_its_secrets_are_known_by_their_names(tmp_path: Path) -> None:
    group = changed("apps.0.env", {"DB_PASSWORD": "hunter2", "HOME": "/root"}, GROUP)
    assert load_data(tmp_path, group).secrets == {"hunter2"}


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        pytest.param(
            "apps.0.instnces",
            2,
            "apps[0].instnces: there is no such field; did you mean instances?; "
            "Marathon would ignore it",
            id="unknown field",
        ),
        pytest.param(
            "apps.0.healthChecks",
            [{"protocol": "TCP", "graceSeconds": 1}],
            "apps[0].healthChecks[0].graceSeconds: there is no such field; did you mean "
            "gracePeriodSeconds?; Marathon would ignore it",
            id="unknown field, nested",
        ),
        pytest.param(
            "apps.0.healthChecks",
            [{"protocol": "MESOS_TPC"}],
            "apps[0].healthChecks[0].protocol: expected one of HTTP, HTTPS, TCP, COMMAND, "
            'MESOS_HTTP, MESOS_HTTPS, MESOS_TCP, got "MESOS_TPC"; did you mean MESOS_TCP?',
            id="unknown protocol",
        ),
        pytest.param(
            "apps.0.cpus",
            "1",
            "apps[0].cpus: expected a number from 0, got a string",
            id="string for number",
        ),
        pytest.param(
            "apps.0.cpus", -1, "apps[0].cpus: expected a number from 0, got -1", id="negative"
        ),
        pytest.param(
            "apps.0.unreachableStrategy",
            "NOPE",
            'apps[0].unreachableStrategy: expected disabled or {"inactiveAfterSeconds": s, '
            '"expungeAfterSeconds": s}, got a string',
            id="a strategy that Marathon takes for the default",
        ),
        pytest.param(
            "apps.0.version",
            "2020",
            "apps[0].version: Marathon refuses this field of its own answers; remove it",
            id="a field of GET",
        ),
        pytest.param(
            "apps.1.id",
            "/g/db",
            "apps[1].id: /g/db is there twice; Marathon would keep one of them and not say so",
            id="duplicate id",
        ),
        pytest.param(
            "apps.1.id", "/other/web", "apps[1].id: /other/web is not inside its group /g", id="out"
        ),
        pytest.param(
            "apps.1.id",
            "We_b",
            'apps[1].id: "We_b" is refused by Marathon: expected lower-case letters, digits, '
            "inner hyphens and dots between slashes",
            id="a bad id",
        ),
        pytest.param(
            "apps.1.dependencies",
            ["../db"],
            'apps[1].dependencies[0]: "../db" means /db to Marathon, which resolves against the '
            "group, and that is not in this file; write the absolute id; did you mean /g/db?",
            id="a relative dependency that means another app",
        ),
        pytest.param(
            "apps.1.dependencies",
            ["/g/bd"],
            "apps[1].dependencies[0]: there is no /g/bd in this file; did you mean /g/db?",
            id="a dependency that is not there",
        ),
        pytest.param(
            "apps.0.dependencies",
            ["/g/web"],
            "apps[1].dependencies[0]: dependencies go in a circle: /g/db -> /g/web -> /g/db",
            id="a circle",
        ),
        pytest.param(
            "apps.0",
            {"id": "db"},
            "apps[0].cmd: is missing: what it runs; give cmd, args or container",
            id="nothing to run",
        ),
        pytest.param(
            "apps.0.cmd", "x", "apps[0].cmd: Marathon refuses so short a command", id="short cmd"
        ),
        pytest.param(
            "apps.0.id",
            "/g/tasks",
            "apps[0].id: Marathon reserves restart, tasks, versions as last part of an id",
            id="a reserved id",
        ),
        pytest.param(
            "groups",
            [{"id": "db"}],
            "apps[0].id: /g/db is the id of a group and of an app",
            id="a group and an app of one id",
        ),
        pytest.param(
            "apps.0.args", ["x"], "apps[0].args: give either cmd or args, not both", id="both"
        ),
        pytest.param(
            "apps.0.portDefinitions",
            [{"port": 5, "name": "a"}, {"port": 5, "name": "b"}],
            "apps[0].portDefinitions[1].port: 5 is there twice; each port needs its own port",
            id="a port twice",
        ),
        pytest.param(
            "apps.0",
            {
                "id": "/g/db",
                "cmd": "exec db",
                "portDefinitions": [{"port": 0, "name": "sql"}],
                "healthChecks": [{"protocol": "TCP", "portIndex": 1}],
            },
            "apps[0].healthChecks[0].portIndex: the app has no port 1; it has 1, counted from 0",
            id="a health check of a port that is not there",
        ),
        pytest.param(
            "apps.0.readinessChecks",
            [{"intervalSeconds": 2, "timeoutSeconds": 2}],
            "apps[0].readinessChecks[0].timeoutSeconds: 2 must be less than intervalSeconds, 2",
            id="a readiness check as long as its interval",
        ),
        pytest.param(
            "apps.0.upgradeStrategy",
            {"minimumHealthCapacity": 0.5},
            "apps[0].upgradeStrategy.maximumOverCapacity: is missing: an upgradeStrategy needs "
            "both of its numbers",
            id="half an upgrade strategy",
        ),
        pytest.param(
            "apps.0.constraints",
            [["hostname"]],
            "apps[0].constraints[0]: expected [field, operator] or [field, operator, value], "
            'e.g. ["hostname", "UNIQUE"]',
            id="half a constraint",
        ),
        pytest.param("id", "", 'id: is missing: the id of the group, e.g. "/small"', id="no id"),
        pytest.param("apps", {}, "apps: expected a list, […], got an object", id="no list"),
        pytest.param("apps.0", [], "apps[0]: expected an object, {…}", id="no object"),
    ],
)
def test_a_fault_says_where(tmp_path: Path, path: str, value: Any, fault: str) -> None:
    found = faults_of(tmp_path, json.dumps(changed(path, value, GROUP)))
    assert f"1: {fault}" in found


@pytest.mark.parametrize("target", ["db", "/g/db", "/elsewhere/db"])
def test_a_dependency_that_marathon_resolves_is_accepted(tmp_path: Path, target: str) -> None:
    load_data(tmp_path, changed("apps.1.dependencies", [target], GROUP))


def test_the_group_that_ran_on_the_real_stack_is_accepted(tmp_path: Path) -> None:
    lines = (RECORDINGS / "stack" / "01-deploy.jsonl").read_text().splitlines()
    group = json.loads(lines[5])["request_body"]
    path = tmp_path / "pa.json"
    path.write_text(json.dumps(group))
    assert load(path, environ={}).group == group
