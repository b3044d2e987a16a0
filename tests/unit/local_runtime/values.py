"""Values that the tests of the runtime's pure parts share."""

from __future__ import annotations

from typing import Any

from pamesos.local.instances.model import GOAL_RUNNING, RUNNING, Instance, Task
from pamesos.local.launcher.agents import Agent


def agent(number: int, **fields: Any) -> Agent:
    """Return one of several agents, on racks ``r0`` and ``r1`` in turn."""
    given = {"cpus": 4.0, "mem": 1024.0, "disk": 1000.0, **fields}
    attributes = given.pop("attributes", {"rack": f"r{number % 2}"})
    return Agent(
        f"S{number}", f"agent-{number}", f"127.0.0.{number}", attributes=attributes, **given
    )


def app(**fields: Any) -> dict[str, Any]:
    """Return the members of an app's normal form that the runtime reads."""
    return {
        "id": "/a",
        "version": "2026-11-22T16:31:33.819Z",
        "instances": 1,
        "cpus": 1.0,
        "mem": 128.0,
        "disk": 0.0,
        "gpus": 0,
        "backoffSeconds": 1,
        "backoffFactor": 1.15,
        "maxLaunchDelaySeconds": 300,
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": 10000, "name": "default", "protocol": "tcp"}],
        "requirePorts": False,
        "labels": {},
        "upgradeStrategy": {"minimumHealthCapacity": 1.0, "maximumOverCapacity": 1.0},
        **fields,
    }


def instance(number: int, state: str | None = RUNNING, **fields: Any) -> Instance:
    """Return the n-th instance, staged in the n-th second; without a state it has no task."""
    staged = f"2026-11-22T16:31:{number:02d}.000Z"
    task = None
    if state is not None:
        task = Task(f"t{number}", 1, state, "S0", "h", "127.0.0.1", (), "c", staged, staged)
    given = {"condition": "Running", "goal": GOAL_RUNNING, "since": staged, "task": task, **fields}
    return Instance(id=f"i{number}", app_id="/a", app=app(), **given)
