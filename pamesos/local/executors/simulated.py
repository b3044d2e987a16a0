"""Tasks without processes: 10,000 of them cost a heap of due times, one timer and no waiting.

What a task does is its :class:`Behaviour`; it answers health checks by itself, without a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import heapq
import itertools
from collections.abc import Mapping
from typing import Any

from pamesos.local.executors import behaviour
from pamesos.local.executors.base import Report, StatusUpdate
from pamesos.local.executors.behaviour import Behaviour
from pamesos.local.health.http import Response
from pamesos.local.instances import model
from pamesos.local.instances.model import Instance, Task

#: After as many changes of state others get their turn in the loop.
_AT_ONCE = 100
#: What Mesos says where nobody says anything else.
MESSAGES = {
    model.FAILED: "Command exited with status 1",
    model.FINISHED: "Command exited with status 0",
    model.KILLED: "Command terminated with signal Terminated",
    model.LOST: "Agent is unreachable / removed",
}


@dataclasses.dataclass(slots=True)
class _Simulated:
    """``turn`` counts what was decided about it: what was due before is out of date."""

    task: Task
    app_id: str
    does: Behaviour
    turn: int = 0
    is_killed: bool = False
    told: asyncio.Event | None = None


class SimulatedExecutor:
    """See :class:`pamesos.local.executors.base.Executor`; answers health checks too."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._running: dict[str, _Simulated] = {}
        #: (when, number, task id, turn, state, message)
        self._due: list[tuple[float, int, str, int, str, str]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._told: dict[str, dict[str, Any]] = {}

    def script(self, app_id: str, members: Mapping[str, Any], *, clear: bool = False) -> None:
        """Say what tasks of an app (``*``: of all) do that start from now on.

        Raises UnknownBehaviourError.
        """
        behaviour.read(members)
        if clear and app_id == "*":
            self._told.clear()
        elif clear:
            self._told.pop(app_id, None)
        if members:
            self._told.setdefault(app_id, {}).update(members)

    def scripts(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what was said, by app."""
        return self._told

    def change(self, task_id: str, members: Mapping[str, Any]) -> None:
        """Say what a task that runs does from now on. Raises UnknownBehaviourError."""
        simulated = self._running.get(task_id)
        if simulated is None:
            return
        simulated.does = behaviour.read(members, simulated.does)
        if simulated.told is not None:
            simulated.told.set()
            simulated.told = None

    def move(self, task_id: str, state: str, message: str | None = None) -> None:
        """Bring a task into a state now; of one that has ended nothing can be made any more."""
        simulated = self._running.get(task_id)
        if simulated is not None:
            simulated.turn += 1
            self._tell(simulated, state, MESSAGES.get(state, "") if message is None else message)

    def launch(self, instance: Instance) -> None:
        """Start what the task's script says."""
        task = instance.task
        assert task is not None
        simulated = self._adopt(instance, task)
        does = simulated.does
        if does.hang == model.STAGING:
            return
        message = does.message or ""
        if does.instead is not None:
            text = message or MESSAGES.get(does.instead, "")
            self._later(simulated, does.start_ms + does.run_ms, does.instead, text)
            return
        self._later(simulated, does.start_ms, model.STARTING, "")
        if does.hang != model.STARTING:
            self._later(simulated, does.start_ms + does.run_ms, model.RUNNING, "")

    def kill(self, task: Task, grace_s: float) -> None:
        """End the task after the time that its script says, at once without grace."""
        simulated = self._running.get(task.id)
        if simulated is None:
            self._report(StatusUpdate(task.id, model.KILLED, "Task was not running"))
            return
        if simulated.is_killed and grace_s > 0:
            return
        simulated.is_killed = True
        simulated.turn += 1
        wait_ms = grace_s * 1000 if simulated.does.deaf else simulated.does.kill_ms
        message = "Command terminated with signal Killed"
        if not simulated.does.deaf:
            message = MESSAGES[model.KILLED]
        self._later(simulated, wait_ms if grace_s > 0 else 0, model.KILLED, message)

    def adopt(self, instance: Instance) -> bool:
        """Go on with a task of an earlier engine: nothing of it could die."""
        task = instance.task
        assert task is not None
        simulated = self._adopt(instance, task)
        if task.state == model.RUNNING:
            self._end_later(simulated)
        else:
            self._later(simulated, simulated.does.run_ms, model.RUNNING, "")
        return True

    async def probe(self, instance: Instance, command: str, timeout_s: float) -> str | None:
        """Return what a command would say: the health of the script."""
        return None if await self._is_healthy(instance) else MESSAGES[model.FAILED]

    async def get(
        self,
        instance: Instance,
        url: tuple[str, str, int, str],
        timeout_s: float,
    ) -> Response:
        """Return what the task's server would answer."""
        healthy = await self._is_healthy(instance)
        does = self._does(instance)
        if not healthy:
            return Response(500, "Internal Server Error", "", does.http_body)
        return Response(does.http_code, _REASONS.get(does.http_code, ""), "", does.http_body)

    async def connect(self, instance: Instance, host: str, port: int, timeout_s: float) -> None:
        """Return if the task's server would take a connection, else raise OSError."""
        if not await self._is_healthy(instance):
            raise ConnectionRefusedError(f"Connection refused: {host}:{port}")

    async def clean(self) -> None:
        """Nothing can be left over."""

    async def close(self) -> None:
        """End what was not ended, and stop the clock."""
        for simulated in list(self._running.values()):
            self._tell(simulated, model.KILLED, MESSAGES[model.KILLED])
        if self._timer is not None:
            self._timer.cancel()

    def _adopt(self, instance: Instance, task: Task) -> _Simulated:
        members = {
            **self._told.get("*", {}),
            **behaviour.of_app(instance.app),
            **self._told.get(instance.app_id, {}),
        }
        simulated = _Simulated(task, instance.app_id, behaviour.read(members))
        self._running[task.id] = simulated
        return simulated

    def _does(self, instance: Instance) -> Behaviour:
        simulated = self._running.get(instance.task.id) if instance.task is not None else None
        return Behaviour(health=False) if simulated is None else simulated.does

    async def pause(self, instance: Instance, seconds: float) -> None:
        """Return when the next check is due: as soon as the task was told to be otherwise.

        The recorded simulator told of health by itself, so nobody waits before the first check.
        """
        if seconds > 0 and instance.task is not None and instance.task.id in self._running:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._until_told(instance.task.id), seconds)

    async def _until_told(self, task_id: str) -> None:
        simulated = self._running[task_id]
        simulated.told = simulated.told or asyncio.Event()
        await simulated.told.wait()

    async def _is_healthy(self, instance: Instance) -> bool:
        """Return what the script says, once it says anything."""
        while (health := self._does(instance).health) is None:
            assert instance.task is not None
            await self._until_told(instance.task.id)
        return health

    def _later(self, simulated: _Simulated, wait_ms: float, state: str, message: str) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + wait_ms / 1000
        number = next(self._numbers)
        entry = (when, number, simulated.task.id, simulated.turn, state, message)
        heapq.heappush(self._due, entry)
        if self._timer is None or when < self._timer.when():
            self._set_timer(when)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._turn)

    def _turn(self) -> None:
        """Do what is due."""
        self._timer = None
        moment = asyncio.get_running_loop().time()
        for _ in range(_AT_ONCE):
            if not self._due or self._due[0][0] > moment:
                break
            _, _, task_id, turn, state, message = heapq.heappop(self._due)
            simulated = self._running.get(task_id)
            if simulated is not None and simulated.turn == turn:
                self._tell(simulated, state, message)
        if self._due:
            self._set_timer(self._due[0][0])

    def _tell(self, simulated: _Simulated, state: str, message: str) -> None:
        task_id = simulated.task.id
        if state not in model.ACTIVE_STATES:
            del self._running[task_id]
        elif state == model.RUNNING:
            self._end_later(simulated)
        self._report(StatusUpdate(task_id, state, message))

    def _end_later(self, simulated: _Simulated) -> None:
        does = simulated.does
        if does.after is not None:
            message = does.message or MESSAGES.get(does.after, "")
            self._later(simulated, does.after_ms, does.after, message)


_REASONS = {
    200: "OK",
    404: "Not Found",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
