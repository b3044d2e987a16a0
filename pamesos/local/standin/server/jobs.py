"""A job and its tasks: what they are, and how an end of a task changes them. No IO, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

#: Ends of a task that let those go on that depend on it (a FAULTY one does with
#: continueJobExecution: recordings/proactive/02-job.jsonl, first block).
_PASSED = frozenset({"FINISHED", "FAULTY", "SKIPPED"})
_OPEN = frozenset({"SUBMITTED", "PENDING", "PAUSED", "WAITING_ON_ERROR", "WAITING_ON_FAILURE"})
_READY = frozenset({"PENDING", "WAITING_ON_ERROR", "WAITING_ON_FAILURE"})
JOB_OVER = frozenset({"FINISHED", "CANCELED", "FAILED", "KILLED"})


@dataclass
class Task:
    """Times in epoch milliseconds, -1 before they are known; as in the REST API."""

    id: int
    name: str
    language: str = ""
    script: str = ""
    arguments: list[str] = field(default_factory=list)
    depends: list[str] = field(default_factory=list)
    description: str | None = None
    on_error: str = "continueJobExecution"
    problem: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    max_executions: int = 1
    max_on_failure: int = 2
    executions_left: int = 1
    on_failure_left: int = 2
    status: str = "SUBMITTED"
    scheduled: int = -1
    started: int = -1
    finished: int = -1
    in_error: int = -1
    duration: int = -1
    host_and_node: str | None = None
    node_url: str | None = None
    #: Names the execution under way; a result for another one is stale.
    run: str | None = None
    value: str | None = None
    error: str | None = None
    #: [stream, epoch ms, text]; None before the end.
    lines: list[tuple[str, int, str]] | None = None
    log_host: str = ""
    propagated: dict[str, str] = field(default_factory=dict)
    server_log: list[str] = field(default_factory=list)

    @property
    def active(self) -> bool:
        return self.status == "RUNNING"


@dataclass
class Job:
    id: int
    name: str
    owner: str
    priority: str = "NORMAL"
    description: str = ""
    project: str = ""
    status: str = "PENDING"
    submitted: int = -1
    started: int = -1
    finished: int = -1
    removed: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    server_log: list[str] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return self.status in JOB_OVER

    def task(self, name: str) -> Task | None:
        return next((task for task in self.tasks if task.name == name), None)

    def count(self, *statuses: str) -> int:
        return sum(task.status in statuses for task in self.tasks)

    def ready_tasks(self) -> Iterator[Task]:
        """Yield the tasks that could run now."""
        if self.status not in {"PENDING", "RUNNING", "STALLED"}:
            return
        for task in self.tasks:
            if task.status in _READY:
                yield task

    def release(self, now: int) -> list[Task]:
        """Make those tasks PENDING whose dependencies are done; return them."""
        done = {task.name for task in self.tasks if task.status in _PASSED}
        released = [
            task for task in self.tasks if task.status == "SUBMITTED" and done >= set(task.depends)
        ]
        for task in released:
            task.status, task.scheduled = "PENDING", now
        return released

    def start(self, task: Task, *, run: str, node_url: str, host_and_node: str, now: int) -> None:
        """Note that a task was sent to a node."""
        task.status, task.started, task.run = "RUNNING", now, run
        task.node_url, task.host_and_node = node_url, host_and_node
        if self.started < 0:
            self.started = now
        self.status = "RUNNING"

    def end(self, task: Task, *, good: bool, now: int) -> None:
        """Note the end of an execution: FINISHED, tried again, or what onTaskError says."""
        task.finished, task.run = now, None
        if good:
            task.status = "FINISHED"
        else:
            task.executions_left = max(task.executions_left - 1, 0)
            if task.executions_left > 0:
                task.status, task.finished = "WAITING_ON_ERROR", -1
                return
            self._fault(task, now)
        self._conclude(now)

    def _fault(self, task: Task, now: int) -> None:
        if task.on_error == "suspendTask":
            task.status, task.in_error, self.status = "IN_ERROR", now, "IN_ERROR"
        elif task.on_error == "pauseJob":
            task.status, task.in_error, self.status = "IN_ERROR", now, "PAUSED"
        else:
            task.status = "FAULTY"
            if task.on_error == "cancelJob":
                self.stop("CANCELED", now)

    def lose(self, task: Task, now: int) -> None:
        """Note that the node of a running task is gone: elsewhere, while tries are left."""
        task.run = None
        task.on_failure_left -= 1
        if task.on_failure_left > 0:
            task.status = "WAITING_ON_FAILURE"
            return
        task.status, task.finished = "FAILED", now
        self.stop("FAILED", now)

    def preempt(self, task: Task) -> None:
        """Take a running task off its node; its counters stay (recording 09)."""
        task.status, task.run = "WAITING_ON_ERROR", None

    def stop(self, status: str, now: int) -> None:
        """End the job as CANCELED, FAILED or KILLED; what runs is ABORTED."""
        self.status, self.finished = status, now
        for task in self.tasks:
            if task.status in {"RUNNING", "IN_ERROR"}:
                task.status, task.finished = "ABORTED", now
            elif task.status in {"WAITING_ON_ERROR", "WAITING_ON_FAILURE"}:
                task.status = "NOT_RESTARTED"
            elif task.status in _OPEN:
                task.status = "NOT_STARTED"

    def _conclude(self, now: int) -> None:
        if not self.over and all(task.status in _PASSED for task in self.tasks):
            self.status, self.finished = "FINISHED", now

    def document(self) -> dict[str, Any]:
        """Return the record of the job itself; tasks have their own."""
        return {key: value for key, value in asdict(self).items() if key != "tasks"}


def load_jobs(jobs: dict[str, Any], tasks: dict[str, Any]) -> dict[int, Job]:
    """Build the jobs again from the records of :meth:`Job.document` and of their tasks."""
    found = {int(name): Job(**document) for name, document in jobs.items()}
    for name, document in sorted(tasks.items(), key=lambda item: item[1]["id"]):
        job = found.get(int(name.partition("t")[0]))
        if job is not None:
            job.tasks.append(Task(**document))
    return dict(sorted(found.items()))
