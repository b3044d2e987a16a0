"""Whatever is asked in whatever order, at the end runs what is wanted, once, and nothing else."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from typing import Any

import pytest
import requests

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Json, app

_IDS = ("/t/a", "/t/b", "/t/c")
_COMMANDS = ("exec sleep 600", "exit 1", "exit 0", "exec sleep 0.2", "sleep 0.1; exit 1")


def _group(chance: random.Random) -> Json:
    chosen = chance.sample(_IDS, chance.randint(1, 3))
    return {"id": "/t", "apps": [_app(chance, app_id) for app_id in chosen]}


def _app(chance: random.Random, app_id: str) -> Json:
    return app(
        app_id,
        chance.choice(_COMMANDS),
        cpus=0.01,
        instances=chance.randint(0, 3),
        env={"X": str(chance.random())},
    )


def _call(chance: random.Random, api: Api) -> tuple[str, str, Any]:
    app_id, force = chance.choice(_IDS), chance.choice(("", "?force=true"))
    task_ids = [task["id"] for task in api.tasks()][:2]
    plan = next((each["id"] for each in api.deployments()), "none")
    how = chance.choice(("", "?scale=true", "?wipe=true", "?scale=true&force=true"))
    calls: list[tuple[str, str, Any]] = [
        ("PUT", f"/v2/groups{force}", _group(chance)),
        ("PUT", f"/v2/groups{force}", _group(chance)),
        ("PUT", f"/v2/apps{app_id}{force}", _app(chance, app_id)),
        ("POST", f"/v2/apps{app_id}/restart{force}", None),
        ("DELETE", f"/v2/apps{app_id}{force}", None),
        ("POST", f"/v2/tasks/delete{how}", {"ids": task_ids}),
        ("DELETE", f"/v2/deployments/{plan}{force}", None),
        ("DELETE", f"/v2/queue{app_id}/delay", None),
        ("GET", "/v2/queue?embed=lastUnusedOffers", None),
    ]
    return chance.choice(calls)


def _kill_one(chance: random.Random, marathon: LocalMarathon) -> None:
    pids = marathon.task_processes()
    if pids and chance.random() < 0.3:
        with contextlib.suppress(ProcessLookupError):
            os.kill(chance.choice(pids), chance.choice((signal.SIGKILL, signal.SIGTERM)))


def _assert_settles(marathon: LocalMarathon, api: Api) -> None:
    """Deploy two instances of each app over whatever there is, and look that just they run."""
    apps = [app(app_id, instances=2, env={"X": "the end"}) for app_id in _IDS]
    api.call("PUT", "/v2/groups?force=true", {"id": "/t", "apps": apps})
    api.settle()
    wait_for(lambda: len(marathon.task_processes()) == 6, what="six processes, no more")
    tasks = api.tasks()
    assert sorted(task["appId"] for task in tasks) == sorted(_IDS * 2)
    assert {task["state"] for task in tasks} == {"TASK_RUNNING"}
    ports = [port for task in tasks for port in task["ports"]]
    assert len(set(ports)) == 6
    assert api.call("GET", "/v2/queue") == {"queue": []}
    for app_id in _IDS:
        assert api.app(app_id)["deployments"] == []


@pytest.mark.parametrize("seed", [pytest.param(seed, id=f"seed {seed}") for seed in (1, 2)])
def test_no_sequence_of_calls_and_deaths_loses_or_leaks_a_task(
    local_marathon: LocalMarathon, api: Api, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(50):
        method, path, body = _call(chance, api)
        answer = api.session.request(method, api.url + path, json=body, timeout=20)
        assert answer.status_code in (200, 201, 202, 204, 404, 409), (path, answer.text)
        _kill_one(chance, local_marathon)
    _assert_settles(local_marathon, api)


def test_an_engine_killed_at_any_moment_neither_loses_nor_leaks_a_task(
    local_marathon: LocalMarathon,
) -> None:
    chance = random.Random(3)
    for _ in range(6):
        api = Api(local_marathon.url)
        for _ in range(chance.randint(1, 4)):
            api.call("PUT", "/v2/groups?force=true", _group(chance))
            with contextlib.suppress(requests.ConnectionError):
                for _ in range(chance.randint(0, 4)):
                    api.tasks()
        local_marathon.process.kill()
        local_marathon.process.wait(10)
        local_marathon.start()
    _assert_settles(local_marathon, Api(local_marathon.url))
