"""Replies become values: tolerant of fields and words that this version does not know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pamesos.core.jobs import JobState, JobView, TaskRun, TaskStatus, parse_host_and_node
from pamesos.core.rm import NodeState, RmNode


@dataclass(frozen=True)
class ServerVersion:
    """``GET /rm/version``: the versions of the RM and of the REST API."""

    rm: str
    rest: str

    @property
    def stand_in(self) -> bool:
        """Whether pamesos' own stand-in answers, and not ProActive."""
        return "stand-in" in self.rm


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def parse_text(value: Any) -> str | None:
    return None if value is None else str(value)


def parse_node(event: Mapping[str, Any]) -> RmNode:
    """Turn an entry of ``nodesEvents`` into a value; unknown states become OTHER."""
    return RmNode(
        url=str(event.get("nodeUrl", "")),
        state=NodeState.of(str(event.get("nodeState", ""))),
        host=str(event.get("hostName") or ""),
        node_source=str(event.get("nodeSource") or ""),
        locked=event.get("locked") is True,
    )


def parse_job(job_id: int, info: Mapping[str, Any]) -> JobView:
    """Turn a ``jobInfo`` into a value."""
    return JobView(
        id=job_id,
        name=str(_object(info.get("jobId")).get("readableName", "")),
        state=JobState.of(str(info.get("status", ""))),
        tasks=_count(info.get("totalNumberOfTasks")),
        finished_tasks=_count(info.get("numberOfFinishedTasks")),
    )


def parse_task(state: Mapping[str, Any]) -> TaskRun:
    """Turn an entry of ``taskstates`` into a value; times of -1 mean "not yet"."""
    info = _object(state.get("taskInfo"))
    host, node = parse_host_and_node(parse_text(info.get("executionHostName")))
    duration_ms = info.get("executionDuration")
    ended = isinstance(duration_ms, int) and duration_ms >= 0
    return TaskRun(
        name=str(state.get("name", "")),
        status=TaskStatus.of(str(info.get("taskStatus", ""))),
        host=host,
        node=node,
        duration_s=_count(duration_ms) / 1000 if ended else None,
        started_at=_time(info.get("startTime")),
    )


def _time(value: Any) -> datetime | None:
    """Turn milliseconds since 1970 into a time; -1 is "not yet"."""
    return datetime.fromtimestamp(value / 1000, UTC) if _count(value) > 0 else None


def busy_jobs(entries: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
    """Return the ids of those entries of ``jobsinfo`` that have tasks on nodes."""
    infos = [_object(entry.get("jobInfo")) for entry in entries]
    return tuple(
        _count(_object(info.get("jobId")).get("id"))
        for info in infos
        if _count(info.get("numberOfRunningTasks")) > 0
    )
