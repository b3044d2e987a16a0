"""One group from the request to the end of its processes."""

from __future__ import annotations

import requests

from tests.conftest import LocalMarathon, wait_for


def test_a_group_comes_up_and_goes_away(local_marathon: LocalMarathon) -> None:
    url = local_marathon.url
    apps = [{"id": "a", "cmd": "exec sleep 600", "cpus": 0.1, "mem": 32}]
    answer = requests.put(f"{url}/v2/groups", json={"id": "/t", "apps": apps}, timeout=10)
    assert answer.status_code == 200
    wait_for(lambda: not requests.get(f"{url}/v2/deployments", timeout=10).json())
    [task] = requests.get(f"{url}/v2/tasks", timeout=10).json()["tasks"]
    assert task["state"] == "TASK_RUNNING"
    assert len(local_marathon.task_processes()) == 1
    requests.delete(f"{url}/v2/groups/t", timeout=10).raise_for_status()
    wait_for(lambda: not local_marathon.task_processes())
