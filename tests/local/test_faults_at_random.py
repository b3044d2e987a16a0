"""Whatever fails in whatever order, once all is well again just what is wanted runs."""

from __future__ import annotations

import collections
import random
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import start_local, wait_for
from tests.local.api import Api, Json, app

_IDS = ("/t/a", "/t/b")
_AGENTS = ("a1", "a2", "a3")
_STRATEGIES: tuple[Any, ...] = (
    "disabled",
    {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
    {"inactiveAfterSeconds": 1, "expungeAfterSeconds": 2},
)
_OPTIONS = (
    "--executor=simulated",
    "--control",
    "--reconciliation-interval=0.1",
    "--scale-apps-interval=0.2",
    *(f"--agent={name};cpus:4;mem:4096;ports:31000-31019" for name in _AGENTS),
)


def _app(chance: random.Random, app_id: str) -> Json:
    return app(
        app_id,
        instances=chance.randint(0, 4),
        cpus=0.1,
        unreachableStrategy=chance.choice(_STRATEGIES),
        constraints=chance.choice(([], [["hostname", "GROUP_BY"]])),
    )


def _step(chance: random.Random, api: Api) -> tuple[str, str, Any]:
    tasks = [task["id"] for task in api.tasks()] or ["none"]
    task, agent = chance.choice(tasks), chance.choice(_AGENTS)
    op = chance.choice(("fail", "finish", "lose", "unreachable", "return", "hang", "resume"))
    how = chance.choice(("unreachable", "up", "up", "gone", "lost"))
    hang = chance.choice(({"clear": True}, {"hang": "STAGING"}, {"after": "FAILED", "afterMs": 50}))
    group = {"id": "/t", "apps": [_app(chance, app_id) for app_id in _IDS]}
    steps: list[tuple[str, str, Any]] = [
        ("PUT", "/v2/groups?force=true", group),
        ("PUT", "/v2/groups", group),
        ("POST", f"/v2/apps{chance.choice(_IDS)}/restart", None),
        ("POST", "/v2/tasks/delete?scale=true", {"ids": [task]} if task != "none" else {"ids": []}),
        ("POST", "/control/task", {"id": task, "op": op}),
        ("POST", "/control/task", {"id": task, "op": op}),
        ("POST", "/control/agent", {"id": agent, "op": how}),
        ("POST", "/control/agent", {"id": agent, "op": how}),
        ("POST", "/control/behaviour", {"app": "*", **hang}),
        ("POST", "/control/offers", {"op": chance.choice(("pause", "resume"))}),
    ]
    return chance.choice(steps)


def _make_well(api: Api) -> None:
    api.call("POST", "/control/behaviour", {"app": "*", "clear": True})
    api.call("POST", "/control/offers", {"op": "resume"})
    for agent in _AGENTS:
        api.call("POST", "/control/agent", {"id": agent, "op": "up"})
    for task in api.call("GET", "/control")["unreachableTasks"]:
        api.call("POST", "/control/task", {"id": task, "op": "return"})


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed {seed}") for seed in range(4)])
def test_no_sequence_of_faults_loses_a_task_or_leaves_one_too_many(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    with start_local(tmp_path / "local", *_OPTIONS) as marathon:
        api = Api(marathon.url)
        for _ in range(80):
            method, path, body = _step(chance, api)
            answer = api.session.request(method, api.url + path, json=body, timeout=20)
            assert answer.status_code in (200, 204, 404, 409), (path, body, answer.text)
        _make_well(api)
        apps = [app(app_id, instances=3, env={"X": "the end"}) for app_id in _IDS]
        api.call("PUT", "/v2/groups?force=true", {"id": "/t", "apps": apps})
        api.settle()
        wait_for(lambda: len(api.tasks()) == 6, what="six tasks, no more")
        tasks = api.tasks()
        assert {task["state"] for task in tasks} == {"TASK_RUNNING"}
        assert collections.Counter(task["appId"] for task in tasks) == dict.fromkeys(_IDS, 3)
        assert len({(task["slaveId"], *task["ports"]) for task in tasks}) == 6
        assert api.call("GET", "/v2/queue") == {"queue": []}
        for app_id in _IDS:
            assert api.app(app_id)["deployments"] == []
