"""The watcher's eye on one Resource Manager: polled in a thread of its own.

An RM whose database is away blocks calls for minutes (facts/proactive.md 2); that must not delay
what Marathon's events ask for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from pamesos.clients.proactive.running import running_tasks
from pamesos.core.jobs import RunningTask, TaskRun
from pamesos.core.rm import RmNode
from pamesos.errors import ProActiveError, ProActiveRefusedError

T = TypeVar("T")


class Rm(Protocol):
    """What is needed of a ProActive client."""

    def get_nodes(self) -> tuple[RmNode, ...]: ...

    def remove_node(self, node_url: str, *, preempt: bool = False) -> bool: ...

    def list_jobs(self, index: int, limit: int) -> list[dict[str, Any]]: ...

    def get_tasks(self, job_id: int) -> tuple[TaskRun, ...]: ...

    def preempt_task(self, job_id: int, task: str) -> bool: ...

    def close(self) -> None: ...


class RmEye:
    """Holds the last view of one RM, or why there is none. ``connect`` makes a client of a URL."""

    def __init__(
        self, connect: Callable[[str], Rm], *, interval_s: float, on_change: Callable[[], None]
    ) -> None:
        self._connect = connect
        self._interval_s = interval_s
        self._on_change = on_change
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self.url = ""
        self._client: Rm | None = None
        self._client_url = ""
        self._seen: tuple[RmNode, ...] | None = None
        #: Whether to read the workflow tasks, too: only while the answer is needed.
        self.wants_tasks = False
        self._tasks: tuple[RunningTask, ...] | None = None
        self._problem = "it has not been read yet"
        self._thread = threading.Thread(target=self._run, name="rm-eye", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the polling. A call that is under way is not waited for: the thread is a daemon."""
        self._stop.set()
        self._wake.set()

    def look_at(self, url: str) -> None:
        """Point the eye at an RM; another address forgets what was seen at the last one."""
        if url != self.url:
            self.url = url
            self._show(None, "it has not been read yet" if url else "no REST address is known")
            self._wake.set()

    def look_now(self) -> None:
        """Poll at once: something happened that the RM may know of."""
        self._wake.set()

    def forget(self, node_url: str) -> None:
        """Leave out an entry that was just removed, until the next poll."""
        if self._seen is not None:
            self._seen = tuple(node for node in self._seen if node.url != node_url)

    def view(self) -> tuple[tuple[RmNode, ...] | None, str]:
        """Return the nodes, or None and why they could not be read."""
        return self._seen, self._problem

    def tasks(self) -> tuple[RunningTask, ...] | None:
        """Return the workflow tasks on nodes; None if they were not asked for, or unreadable."""
        return self._tasks if self.wants_tasks else None

    def read_tasks(self) -> tuple[RunningTask, ...]:
        """Read them afresh, in the caller's thread. Raises ProActiveError."""
        return self._call(running_tasks)

    def preempt(self, task: RunningTask) -> bool:
        """Run a workflow task again; False if it does not run. Raises ProActiveError."""
        return self._call(lambda client: client.preempt_task(task.job_id, task.name))

    def read(self) -> tuple[RmNode, ...]:
        """Read afresh, in the caller's thread. Raises ProActiveError."""
        return self._call(lambda client: client.get_nodes())

    def remove_node(self, url: str) -> bool:
        """Remove an entry; False if the RM does not know it any more. Raises ProActiveError."""
        return self._call(lambda client: client.remove_node(url))

    def _call(self, use: Callable[[Rm], T]) -> T:
        with self._lock:
            return use(self._connected())

    def _connected(self) -> Rm:
        if self._client is None or self._client_url != self.url:
            self._client, self._client_url = self._connect(self.url), self.url
        return self._client

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            if self.url:
                self._poll()
            self._wake.wait(self._interval_s)

    def _poll(self) -> None:
        url = self.url
        tasks = None
        try:
            nodes, problem = self.read(), ""
            tasks = self.read_tasks() if self.wants_tasks else None
        except ProActiveRefusedError as error:
            nodes, problem = None, error.detail
        except ProActiveError as error:
            nodes, problem = None, error.problem
        if url == self.url:  # else the scheduler moved meanwhile
            self._show(nodes, problem, tasks)

    def _show(
        self,
        nodes: tuple[RmNode, ...] | None,
        problem: str,
        tasks: tuple[RunningTask, ...] | None = None,
    ) -> None:
        changed = (nodes, problem, tasks) != (self._seen, self._problem, self._tasks)
        self._seen, self._problem, self._tasks = nodes, problem, tasks
        if changed:
            self._on_change()
