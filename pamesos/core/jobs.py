"""Jobs and tasks of the ProActive Scheduler as values, and when a job is over and good.

``FINISHED`` does not mean success: with ``onTaskError="continueJobExecution"`` a job whose tasks
are all FAULTY is FINISHED (facts/proactive.md, short list 5). So the verdict looks at the tasks.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

_HOST_AND_NODE = re.compile(r"^(?P<host>.*?) \((?P<node>[^()]*)\)$")


@dataclass(frozen=True)
class Credentials:
    """A ProActive login; the password never shows in a repr."""

    user: str = "admin"
    password: str = field(default="admin", repr=False)


class _Word(enum.Enum):
    """A word of the REST API; each kind has OTHER for words that this version does not know."""

    @classmethod
    def of(cls, word: str) -> Self:
        """Return the member for a word; OTHER if it is unknown."""
        try:
            return cls(word)
        except ValueError:
            return cls["OTHER"]


class JobState(_Word):
    """``jobInfo.status``; values are the words of the REST API."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STALLED = "STALLED"
    PAUSED = "PAUSED"
    IN_ERROR = "IN_ERROR"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    KILLED = "KILLED"
    #: A word this version does not know: the job is followed until it has a known end.
    OTHER = "OTHER"

    @property
    def over(self) -> bool:
        """Whether the job will never run again."""
        return self in _OVER


_OVER = frozenset({JobState.FINISHED, JobState.CANCELED, JobState.FAILED, JobState.KILLED})


class TaskStatus(_Word):
    """``taskInfo.taskStatus``; values are the words of the REST API."""

    SUBMITTED = "SUBMITTED"
    PENDING = "PENDING"
    PAUSED = "PAUSED"
    RUNNING = "RUNNING"
    WAITING_ON_ERROR = "WAITING_ON_ERROR"
    WAITING_ON_FAILURE = "WAITING_ON_FAILURE"
    IN_ERROR = "IN_ERROR"
    FINISHED = "FINISHED"
    FAULTY = "FAULTY"
    FAILED = "FAILED"
    ABORTED = "ABORTED"
    NOT_STARTED = "NOT_STARTED"
    NOT_RESTARTED = "NOT_RESTARTED"
    SKIPPED = "SKIPPED"
    OTHER = "OTHER"

    @property
    def over(self) -> bool:
        """Whether the task will never run again."""
        return self in _GOOD or self in _ENDED_BADLY

    @property
    def bad(self) -> bool:
        """Whether the task did not do its work, or waits for a human because it did not."""
        return self in _ENDED_BADLY or self is TaskStatus.IN_ERROR


#: SKIPPED is the branch of an ``if`` that was not taken.
_GOOD = frozenset({TaskStatus.FINISHED, TaskStatus.SKIPPED})
_ENDED_BADLY = frozenset(
    {
        TaskStatus.FAULTY,
        TaskStatus.FAILED,
        TaskStatus.ABORTED,
        TaskStatus.NOT_STARTED,
        TaskStatus.NOT_RESTARTED,
    }
)


@dataclass(frozen=True)
class JobView:
    """``GET /scheduler/jobs/{id}/info``; ``tasks`` is their number."""

    id: int
    name: str
    state: JobState
    tasks: int = 0
    finished_tasks: int = 0


@dataclass(frozen=True)
class TaskRun:
    """One task of a job.

    ``duration_s`` is None until it ended; ``host``, ``node`` and ``started_at`` until it ran.
    """

    name: str
    status: TaskStatus
    host: str | None = None
    node: str | None = None
    duration_s: float | None = None
    started_at: datetime | None = None


@dataclass(frozen=True)
class RunningTask:
    """A workflow task that the Scheduler has on a node; times by the server's clock."""

    job_id: int
    name: str
    node: str = ""
    started_at: datetime | None = None

    def __str__(self) -> str:
        return f"task {self.name} of job {self.job_id}"


@dataclass(frozen=True)
class TaskResult:
    """What a task left. All None before its end; ``error`` is the exception of a FAULTY task."""

    value: str | None = None
    error: str | None = None
    stdout: str | None = None
    stderr: str | None = None


@dataclass(frozen=True)
class RunReport:
    """How a job ended: its tasks, and what each of those that ran left."""

    job: JobView
    tasks: tuple[TaskRun, ...]
    results: Mapping[str, TaskResult]
    problem: str | None


def parse_host_and_node(text: str | None) -> tuple[str | None, str | None]:
    """Split ``executionHostName``: ``10.0.0.7 (default-1_0)`` is (host, node), else (text, None).

    No field of the API holds the node's URL; name and host identify it (facts/proactive.md 5).
    """
    if not text:
        return None, None
    match = _HOST_AND_NODE.match(text)
    return (match["host"], match["node"]) if match else (text, None)


def problem_of(job: JobView, tasks: tuple[TaskRun, ...]) -> str | None:
    """Return why the job did not succeed, in one sentence; None while it runs or if it is good."""
    bad = [f"{task.name} is {task.status.value}" for task in tasks if task.status.bad]
    listing = ": " + ", ".join(bad) if bad else ""
    if job.state in {JobState.CANCELED, JobState.FAILED, JobState.KILLED}:
        return f"job {job.id} was {job.state.value}{listing}"
    if job.state is JobState.IN_ERROR or (job.state is JobState.PAUSED and bad):
        return f"job {job.id} is {job.state.value} and waits for a human{listing}"
    if job.state is JobState.FINISHED and bad:
        return f"job {job.id} is FINISHED, but {len(bad)} of {len(tasks)} tasks failed{listing}"
    return None
