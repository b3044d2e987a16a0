"""Sandboxes of tasks, read from the Mesos agents: what a task wrote to stdout and stderr.

Master ``/slaves`` names the agents, an agent's ``/state`` the sandbox of each executor, and its
``/files/read`` gives a file in pieces (facts/stack.md, 14 and 15).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pamesos.clients.http import Call, HttpClient, Reply
from pamesos.core.connection import Connection
from pamesos.core.observed import TaskView
from pamesos.errors import MesosUnavailableError, NotFoundError

#: Mesos reads at most 16 pages of 4 KiB at once whatever is asked for.
PIECE_BYTES = 65_536


@dataclass(frozen=True)
class Sandbox:
    """Where a task's files are: the agent's address and the directory on it."""

    agent_url: str
    directory: str


class MesosClient:
    """Reads from one Mesos. ``master_url`` comes from Marathon (``mesos_leader_ui_url``).

    Marathon's credentials are not sent along: these are other servers.
    """

    def __init__(self, master_url: str, connection: Connection) -> None:
        self._master_url = master_url.rstrip("/")
        self._connection = dataclasses.replace(
            connection, user=None, password=None, token_file=None, retry_budget_s=5.0
        )
        self._clients: dict[str, HttpClient] = {}

    def close(self) -> None:
        """Give the connections back."""
        for client in self._clients.values():
            client.close()

    def find_sandbox(self, task: TaskView) -> Sandbox:
        """Return where the task's files are; also for a task that ended a while ago.

        Raises NotFoundError if the agent is gone or has forgotten the task.
        """
        for agent_url in self._agent_urls(task):
            directory = self._directory(agent_url, task.id)
            if directory is not None:
                return Sandbox(agent_url, directory)
        raise NotFoundError(
            f"agent {task.agent_id or 'unknown'} keeps no sandbox of {task.id}",
            remedy="the agent removes old sandboxes; `pamesos status NAME` shows the tasks of now",
        )

    def read(self, sandbox: Sandbox, name: str, offset: int, length: int = PIECE_BYTES) -> bytes:
        """Return a piece of a file of the sandbox; empty at its end."""
        path = f"{sandbox.directory}/{name}"
        query = (("path", path), ("offset", str(offset)), ("length", str(length)))
        data = str(self._get(sandbox.agent_url, "/files/read", query).body["data"])
        return data.encode("utf-8", "surrogateescape")

    def size(self, sandbox: Sandbox, name: str) -> int:
        """Return the size of a file of the sandbox in bytes."""
        query = (("path", f"{sandbox.directory}/{name}"), ("offset", "-1"))
        return int(self._get(sandbox.agent_url, "/files/read", query).body["offset"])

    def _agent_urls(self, task: TaskView) -> list[str]:
        """Return the addresses of the task's agent: by its pid, then by its host name."""
        scheme = urlsplit(self._master_url).scheme or "http"
        agents = self._get(self._master_url, "/slaves").body["slaves"]
        for agent in agents:
            if agent.get("id") == task.agent_id:
                address = str(agent.get("pid", "")).rpartition("@")[2]
                by_name = f"{agent.get('hostname')}:{agent.get('port')}"
                return [f"{scheme}://{netloc}" for netloc in dict.fromkeys((address, by_name))]
        raise NotFoundError(
            f"Mesos does not list agent {task.agent_id} of {task.id}: it is gone or unreachable",
            remedy="try again when the agent is back",
        )

    def _directory(self, agent_url: str, task_id: str) -> str | None:
        try:
            state = self._get(agent_url, "/state").body
        except MesosUnavailableError:
            return None
        frameworks = [*state.get("frameworks", ()), *state.get("completed_frameworks", ())]
        for framework in frameworks:
            for executor in _executors(framework):
                # A command task's executor has its id; an executor of many tasks lists them.
                if executor.get("id") == task_id or task_id in _task_ids(executor):
                    return str(executor["directory"])
        return None

    def _get(self, base: str, path: str, query: tuple[tuple[str, str], ...] = ()) -> Reply:
        client = self._clients.get(base)
        if client is None:
            connection = dataclasses.replace(self._connection, urls=(base,))
            client = self._clients[base] = HttpClient(connection, MesosUnavailableError)
        reply = client.request(Call("GET", path, query, any_bytes=True))
        if reply.status == 404:
            raise NotFoundError(
                f"Mesos at {base} has no such file", remedy="the task may not have started yet"
            )
        if reply.status >= 400 or not isinstance(reply.body, dict):
            raise MesosUnavailableError(
                base,
                f"HTTP {reply.status} on {path}",
                remedy="read the sandbox in the Mesos UI; an agent may want its own credentials",
            )
        return reply


def _executors(framework: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [*framework.get("executors", ()), *framework.get("completed_executors", ())]


def _task_ids(executor: Mapping[str, Any]) -> set[str]:
    lists = (executor.get(key) or () for key in ("tasks", "queued_tasks", "completed_tasks"))
    return {str(task.get("id")) for tasks in lists for task in tasks}
