"""Replies become values: tolerant of fields and words that this version does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
        name=str((info.get("jobId") or {}).get("readableName", "")),
        state=JobState.of(str(info.get("status", ""))),
        tasks=int(info.get("totalNumberOfTasks", 0)),
        finished_tasks=int(info.get("numberOfFinishedTasks", 0)),
    )


def parse_task(state: Mapping[str, Any]) -> TaskRun:
    """Turn an entry of ``taskstates`` into a value; times of -1 mean "not yet"."""
    info = state.get("taskInfo") or {}
    host, node = parse_host_and_node(info.get("executionHostName"))
    duration_ms = info.get("executionDuration", -1)
    return TaskRun(
        name=str(state.get("name", "")),
        status=TaskStatus.of(str(info.get("taskStatus", ""))),
        host=host,
        node=node,
        duration_s=duration_ms / 1000 if duration_ms >= 0 else None,
    )
