"""Faults on demand: what the control API and ``pamesos local fault`` can make happen."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from pamesos.local.definitions.refusal import Refusal, message
from pamesos.local.engine.engine import Engine
from pamesos.local.executors import procfs
from pamesos.local.executors.behaviour import UnknownBehaviourError, is_true
from pamesos.local.executors.simulated import SimulatedExecutor
from pamesos.local.instances import model
from pamesos.local.instances.model import Instance, Task
from pamesos.local.launcher import agents

_ENDS = {"fail": model.FAILED, "finish": model.FINISHED, "lose": model.LOST}
_AGENT_ENDS = {
    agents.GONE: ("TASK_GONE_BY_OPERATOR", "Agent marked gone"),
    agents.LOST: (model.LOST, "Agent removed"),
}
_HUNG = {"health": False, "deaf": True}
_WELL = {"health": True, "deaf": False}

Json = Mapping[str, Any]


def task(engine: Engine, order: Json) -> list[str]:
    """Do something to one task: ``op``, or a ``state``, or members of a behaviour.

    Raises Refusal 404 for a task that is not there, 422 for what cannot be done.
    """
    task_id = str(order.get("id"))
    hidden = [t for t in engine.executor.hidden() if t.id == task_id]
    if order.get("op") == "return" and hidden:
        engine.executor.show(task_id)
        return [task_id]
    instance = engine.tracker.by_task(task_id)
    if instance is None or instance.task is None or not instance.task.may_run:
        raise message(404, f"Task '{task_id}' does not exist or has ended")
    _do(engine, instance, instance.task, order)
    return [task_id]


def app(engine: Engine, order: Json) -> list[str]:
    """Do the same to all tasks of an app; returns their ids."""
    found = [i for i in engine.tracker.of_app(str(order.get("id"))) if i.task and i.task.may_run]
    for instance in found:
        assert instance.task is not None
        _do(engine, instance, instance.task, order)
    return [i.task.id for i in found if i.task is not None]


def behaviour(engine: Engine, order: Json) -> str:
    """Say what simulated tasks do from their next start. Raises Refusal 422."""
    members = {name: value for name, value in order.items() if name not in ("app", "clear")}
    try:
        clear = is_true(order.get("clear", False))
        _simulated(engine).script(str(order.get("app", "*")), members, clear=clear)
    except (UnknownBehaviourError, ValueError) as error:
        raise message(422, str(error)) from error
    return "ok"


def agent(engine: Engine, order: Json) -> str:
    """Take an agent out of reach, up again or away. Raises Refusal 404, 422."""
    agent_id, op = str(order.get("id")), str(order.get("op"))
    if engine.fleet.get(agent_id) is None:
        raise message(404, f"Agent '{agent_id}' does not exist")
    if op not in (agents.UP, agents.UNREACHABLE, *_AGENT_ENDS):
        raise message(422, f"op cannot be '{op}'; use up, unreachable, gone or lost")
    engine.fleet.set_state(agent_id, op)
    if op == agents.UP:
        back = engine.executor.hidden(agent_id)
        for each in back:
            engine.executor.show(each.id)
        engine.launcher.wake()
        return f"{len(back)} tasks"
    tasks = [i.task for i in engine.tracker.all() if i.task and i.task.agent == agent_id]
    tasks = [each for each in tasks if each.is_active]
    for each in tasks:
        if op == agents.UNREACHABLE:
            engine.executor.hide(each)
        else:
            engine.executor.end(each, *_AGENT_ENDS[op])
    return f"{len(tasks)} tasks"


def offers(engine: Engine, order: Json) -> str:
    """Pause or resume offers. Raises Refusal 422."""
    if order.get("op") not in ("pause", "resume"):
        raise message(422, "op has to be pause or resume")
    engine.fleet.is_paused = order["op"] == "pause"
    engine.launcher.wake()
    return "ok"


def streams(engine: Engine, _order: Json) -> str:
    """Cut off every reader of the event stream."""
    return f"{engine.events.close()} readers"


def calls(engine: Engine, order: Json) -> str:
    """Delay or fail API calls. Raises Refusal 422."""
    engine.weather.order(order)
    return "ok"


def leader(engine: Engine, order: Json) -> str:
    """Change the leader: streams end, and calls fail for ``gapMs`` (facts/stack.md 8)."""
    engine.weather.lose_leader(float(order.get("gapMs", 2000)) / 1000)
    engine.events.close()
    return "ok"


ORDERS: Mapping[str, Callable[[Engine, Json], Any]] = {
    "task": task,
    "app": app,
    "behaviour": behaviour,
    "agent": agent,
    "offers": offers,
    "streams": streams,
    "calls": calls,
    "leader": leader,
}


def _do(engine: Engine, instance: Instance, task: Task, order: Json) -> None:
    op, state = order.get("op"), order.get("state")
    text = order.get("message")
    if op in _ENDS:
        engine.executor.end(task, _ENDS[op], text)
    elif op == "unreachable" or state == model.UNREACHABLE:
        engine.executor.hide(task)
    elif op == "return":
        engine.executor.show(task.id)
    elif op in ("hang", "resume"):
        _hang(engine, task, is_hung=op == "hang")
    elif op is not None:
        raise message(422, f"a task cannot be told to '{op}'")
    else:
        _change(engine, instance, task, order)


def _change(engine: Engine, instance: Instance, task: Task, order: Json) -> None:
    state, text = order.get("state"), order.get("message")
    members = {k: v for k, v in order.items() if k not in ("id", "op", "state", "message")}
    if state is not None and state not in model.CONDITIONS:
        raise message(422, f"state cannot be '{state}'")
    if members:
        try:
            _simulated(engine).change(task.id, members)
        except UnknownBehaviourError as error:
            raise message(422, str(error)) from error
    if state in model.ACTIVE_STATES:
        if instance.task is not None and instance.task.state != state:
            _simulated(engine).move(task.id, state, text)
    elif state is not None:
        engine.executor.end(task, state, text)


def _hang(engine: Engine, task: Task, *, is_hung: bool) -> None:
    inner = engine.executor.inner
    if isinstance(inner, SimulatedExecutor):
        inner.change(task.id, _HUNG if is_hung else _WELL)
    elif task.pid:
        tree = procfs.tree(task.pid, list(procfs.everything()))
        procfs.send(tree, signal.SIGSTOP if is_hung else signal.SIGCONT)
    else:
        raise message(422, "tasks of this executor cannot hang")


def _simulated(engine: Engine) -> SimulatedExecutor:
    if engine.simulated is None:
        raise _not_simulated()
    return engine.simulated


def _not_simulated() -> Refusal:
    return message(422, "only simulated tasks can be told that: pamesos local --executor simulated")
