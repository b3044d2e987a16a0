"""Which workflow tasks are on nodes now: put together from the pages of jobs and their tasks."""

from __future__ import annotations

from typing import Any, Protocol

from pamesos.clients.proactive.replies import busy_jobs
from pamesos.core.jobs import RunningTask, TaskRun, TaskStatus

_PAGE, _MAX_PAGES = 1000, 50


class Jobs(Protocol):
    """What is needed of a ProActive client."""

    def list_jobs(self, index: int, limit: int) -> list[dict[str, Any]]: ...

    def get_tasks(self, job_id: int) -> tuple[TaskRun, ...]: ...


def running_tasks(client: Jobs) -> tuple[RunningTask, ...]:
    """Return the tasks of all jobs that are RUNNING. Raises ProActiveError."""
    jobs: list[int] = []
    for page in range(_MAX_PAGES):
        entries = client.list_jobs(page * _PAGE, _PAGE)
        jobs += busy_jobs(entries)
        if len(entries) < _PAGE:
            break
    return tuple(
        RunningTask(job, task.name, task.node or "", task.started_at)
        for job in dict.fromkeys(jobs)
        for task in client.get_tasks(job)
        if task.status is TaskStatus.RUNNING
    )
