"""Run a workflow on a cluster: check the file, submit it, follow it, report who ran what."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol
from xml.parsers import expat

from pamesos.core import report
from pamesos.core.jobs import JobView, RunReport, TaskResult, TaskRun, TaskStatus, problem_of
from pamesos.core.observed import GroupView
from pamesos.errors import (
    InvalidInputError,
    JobTimedOutError,
    NotFoundError,
    ProActiveError,
    ProActiveUnavailableError,
)

#: How often a job is looked at: quickly at first, for short workflows.
_FIRST_WAIT_S = 0.2
_LONGEST_WAIT_S = 2.0
#: How long a server may be away while its job is followed; a restart takes 13 to 40 s
#: (facts/proactive.md 2), moving to another agent more.
_PATIENCE_S = 300.0
_RAN = frozenset({TaskStatus.FINISHED, TaskStatus.FAULTY, TaskStatus.IN_ERROR})


class Scheduler(Protocol):
    """What is needed of a ProActive client."""

    def submit(self, workflow: Path, variables: Mapping[str, str]) -> int: ...
    def get_job(self, job_id: int) -> JobView: ...
    def get_tasks(self, job_id: int) -> tuple[TaskRun, ...]: ...
    def get_task_result(self, job_id: int, task: str) -> TaskResult: ...


class Listener(Protocol):
    """Where the news of a job go."""

    def submitted(self, job_id: int, name: str) -> None: ...
    def task_changed(self, task: TaskRun) -> None: ...
    def note(self, words: str) -> None: ...


def find_rest_url(cluster: str, group: GroupView) -> str:
    """Return the REST address that the live scheduler app names. Raises NotFoundError."""
    url = report.rest_url(group)
    if url is None:
        raise NotFoundError(
            f"no app of {cluster!r} says where its ProActive is (label org.pamesos.rest)",
            remedy="give the address: --rest http://HOST:8080/rest",
        )
    return url


def check_workflow(path: Path) -> None:
    """Raise InvalidInputError unless the file is well-formed XML whose root is ``job``.

    The server checks the rest: only it knows its schema.
    """
    root = ""

    def note_root(name: str, _: object) -> None:
        nonlocal root
        root = root or name

    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler = note_root
    try:
        if not path.is_file():
            raise _bad(path, "is a directory" if path.is_dir() else "does not exist")
        with path.open("rb") as file:
            parser.ParseFile(file)
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror}") from error
    except (expat.ExpatError, ValueError) as error:
        raise _bad(path, f"is not well-formed XML: {error}") from error
    if root.rpartition("}")[2] != "job":
        raise _bad(path, "is no ProActive workflow: its root element is not <job>")


def _bad(path: Path, problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"the workflow {path} {problem}; nothing was sent",
        remedy="name a ProActive workflow, for example apps/workflows/hello.xml",
    )


def parse_variables(pairs: tuple[str, ...]) -> dict[str, str]:
    """Turn ``name=value`` into variables. Raises InvalidInputError."""
    variables = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            # The text is not quoted: it may be a secret without its name.
            raise InvalidInputError(
                "a variable is not of the form NAME=VALUE; nothing was sent",
                remedy="write --var NAME=VALUE",
            )
        variables[name.strip()] = value
    return variables


def run_workflow(
    scheduler: Scheduler,
    workflow: Path,
    variables: Mapping[str, str],
    listener: Listener,
    *,
    timeout_s: float | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> RunReport:
    """Submit and follow to the end; each change of a task is told once.

    Raises JobTimedOutError when ``timeout_s`` is over: the job goes on.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    job_id = scheduler.submit(workflow, variables)
    listener.submitted(job_id, workflow.name)
    follower = _Follower(scheduler, job_id, listener)
    wait_s = _FIRST_WAIT_S
    while not follower.look():
        if deadline is not None and time.monotonic() + wait_s > deadline:
            raise JobTimedOutError(
                f"job {job_id} was not over after {timeout_s:g} s; it goes on",
                remedy=f"look for job {job_id} in the ProActive portal, or give a longer --timeout",
            )
        sleep(wait_s)
        wait_s = min(wait_s * 1.3, _LONGEST_WAIT_S)
    return follower.report()


class _Follower:
    """Looks at a job again and again, and remembers what was told."""

    def __init__(self, scheduler: Scheduler, job_id: int, listener: Listener) -> None:
        self._scheduler = scheduler
        self._job_id = job_id
        self._listener = listener
        self._told: dict[str, TaskRun] = {}
        self._job: JobView | None = None
        self._tasks: tuple[TaskRun, ...] = ()
        self._away_since: float | None = None

    def look(self) -> bool:
        """Read the job and its tasks; True when nothing more will happen."""
        try:
            # The job first: if it is over, then the tasks that are read after it are final.
            self._job = self._scheduler.get_job(self._job_id)
            self._tasks = self._scheduler.get_tasks(self._job_id)
        except ProActiveUnavailableError as error:
            self._be_patient(error)
            return False
        if self._away_since is not None:
            self._away_since = None
            self._listener.note("ProActive answers again")
        for task in self._tasks:
            known = self._told.get(task.name)
            if known is None or (known.status, known.node) != (task.status, task.node):
                self._told[task.name] = task
                self._listener.task_changed(task)
        return self._job.state.over or problem_of(self._job, self._tasks) is not None

    def _be_patient(self, error: ProActiveUnavailableError) -> None:
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
            self._listener.note(
                f"ProActive does not answer ({error.detail}); job {self._job_id} is still followed"
            )
        if now - self._away_since > _PATIENCE_S:
            raise error

    def report(self) -> RunReport:
        """Return the end of the job, with what each task left."""
        assert self._job is not None
        results = {task.name: self._result(task) for task in self._tasks if task.status in _RAN}
        return RunReport(self._job, self._tasks, results, problem_of(self._job, self._tasks))

    def _result(self, task: TaskRun) -> TaskResult:
        try:
            return self._scheduler.get_task_result(self._job_id, task.name)
        except ProActiveError as error:  # the verdict stands, and is worth more than one output
            return TaskResult(error=f"its output cannot be read: {error.problem}")
