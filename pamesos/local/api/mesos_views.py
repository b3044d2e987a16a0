"""What a Mesos master and agent say of agents, frameworks, executors and tasks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pamesos.local.engine import Engine
from pamesos.local.instances.model import Instance, Task
from pamesos.local.launcher.agents import UNREACHABLE, UP, Agent
from pamesos.local.times import from_iso

Json = dict[str, Any]

VERSION: Json = {
    "build_date": "2020-11-26 00:00:00",
    "build_time": 1606348800.0,
    "build_user": "pamesos-local",
    "version": "1.12.0",
}


def master_state(engine: Engine) -> Json:
    """Return the master's ``/state``."""
    setup = engine.setup
    pid = f"master@{setup.address}"
    leader = {"id": engine.identity, "pid": pid, "port": setup.port, "hostname": setup.host}
    return {
        **VERSION,
        "start_time": from_iso(engine.started_at).timestamp(),
        "elected_time": from_iso(engine.started_at).timestamp(),
        "id": engine.identity,
        "pid": pid,
        "hostname": setup.host,
        "activated_slaves": float(len(agents(engine))),
        "deactivated_slaves": 0.0,
        # A number, not a list (facts/stack.md 14).
        "unreachable_slaves": float(_unreachable(engine)),
        "leader": pid,
        "leader_info": leader,
        "flags": {"work_dir": str(setup.work_dir), "port": str(setup.port)},
        "slaves": agents(engine),
        "recovered_slaves": [],
        "frameworks": [framework(engine)],
        "completed_frameworks": [],
        "orphan_tasks": [],
        "unregistered_frameworks": [],
    }


def agent_state(engine: Engine) -> Json:
    """Return the agent's ``/state``."""
    agent = engine.agents[0]
    return {
        **VERSION,
        "start_time": from_iso(engine.started_at).timestamp(),
        "id": agent.id,
        "pid": f"slave(1)@{engine.setup.address}",
        "hostname": agent.hostname,
        "resources": _resources(agent),
        "attributes": dict(agent.attributes),
        "master_hostname": engine.setup.host,
        "flags": {"work_dir": str(engine.setup.work_dir), "port": str(engine.setup.port)},
        "frameworks": [framework(engine)],
        "completed_frameworks": [],
    }


def agents(engine: Engine) -> list[Json]:
    """Return the master's list of agents."""
    since = from_iso(engine.started_at).timestamp()
    return [
        {
            "id": agent.id,
            "hostname": agent.hostname,
            "port": engine.setup.port,
            "attributes": dict(agent.attributes),
            "pid": f"slave(1)@{engine.setup.address}",
            "registered_time": since,
            "resources": _resources(agent),
            "used_resources": _used(engine, agent),
            "offered_resources": {"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 0.0},
            "reserved_resources": {},
            "unreserved_resources": _resources(agent),
            "active": True,
            "deactivated": False,
            "version": VERSION["version"],
        }
        for agent in engine.agents
        if engine.fleet.state(agent.id) == UP
    ]


def _unreachable(engine: Engine) -> int:
    states = [engine.fleet.state(agent.id) for agent in engine.agents]
    return states.count(UNREACHABLE)


def framework(engine: Engine) -> Json:
    """Return Marathon as master and agent list it: tasks, and executors with sandboxes."""
    active = [i for i in engine.tracker.all() if i.is_active]
    away = [i for i in engine.tracker.all() if i.is_unreachable]
    ended = engine.memory.ended_tasks()
    return {
        "id": engine.layout.framework,
        "name": "marathon",
        "hostname": engine.setup.host,
        "webui_url": engine.setup.url,
        "active": True,
        "connected": True,
        "recovered": False,
        "failover_timeout": 604800.0,
        "checkpoint": True,
        "roles": ["*"],
        "tasks": [_task(engine, i, i.task) for i in active if i.task],
        "unreachable_tasks": [_task(engine, i, i.task) for i in away if i.task],
        "completed_tasks": [_task(engine, i, i.task) for i in ended if i.task],
        "offers": [],
        "executors": [_executor(engine, i, i.task) for i in active if i.task],
        "completed_executors": [_executor(engine, i, i.task) for i in ended if i.task],
    }


def tasks(engine: Engine) -> list[Json]:
    """Return the master's list of tasks."""
    found = framework(engine)
    return [*found["tasks"], *found["completed_tasks"]]


def _executor(engine: Engine, instance: Instance, task: Task) -> Json:
    key = "tasks" if task.is_active else "completed_tasks"
    lists: Json = {"tasks": [], "queued_tasks": [], "completed_tasks": []}
    lists[key] = [_task(engine, instance, task)]
    command = instance.app.get("cmd") or " ".join(map(str, instance.app.get("args") or ()))
    short = command if len(command) <= 15 else command[:12] + "..."
    return {
        "id": task.id,
        "name": f"Command Executor (Task: {task.id}) (Command: sh -c '{short}')",
        "source": task.id,
        "container": task.container,
        "directory": str(engine.layout.sandbox(task)),
        "resources": {"disk": 0.0, "mem": 32.0, "gpus": 0.0, "cpus": 0.1},
        "role": "*",
        "labels": _labels(instance),
        **lists,
    }


def _task(engine: Engine, instance: Instance, task: Task) -> Json:
    app = instance.app
    return {
        "id": task.id,
        "name": ".".join(reversed(instance.app_id.strip("/").split("/"))),
        "framework_id": engine.layout.framework,
        "executor_id": "",
        "slave_id": task.agent,
        "state": task.state,
        "resources": {
            "disk": float(app["disk"]),
            "mem": float(app["mem"]),
            "gpus": float(app["gpus"]),
            "cpus": float(app["cpus"]),
            "ports": _ranges(task.ports),
        },
        "role": "*",
        "statuses": [
            {
                "state": task.state,
                "timestamp": from_iso(task.started_at or task.staged_at).timestamp(),
                "container_status": {"container_id": {"value": task.container}},
            }
        ],
        "labels": _labels(instance),
    }


def _labels(instance: Instance) -> list[Json]:
    return [{"key": key, "value": value} for key, value in instance.app["labels"].items()]


def _resources(agent: Agent) -> Json:
    ports = ", ".join(f"{first}-{last}" for first, last in agent.ports)
    return {
        "disk": float(agent.disk),
        "mem": float(agent.mem),
        "gpus": float(agent.gpus),
        "cpus": float(agent.cpus),
        "ports": f"[{ports}]",
    }


def _used(engine: Engine, agent: Agent) -> Json:
    own = [i for i in engine.tracker.all() if i.is_active and i.task and i.task.agent == agent.id]
    used: Json = {
        name: float(sum(i.app[name] for i in own)) for name in ("disk", "mem", "gpus", "cpus")
    }
    ports = tuple(sorted(port for i in own if i.task for port in i.task.ports))
    return used | {"ports": _ranges(ports)} if ports else used


def _ranges(ports: Iterable[int]) -> str:
    return "[" + ", ".join(f"{port}-{port}" for port in ports) + "]"
