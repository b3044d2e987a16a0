from __future__ import annotations

import pytest

from pamesos.core.jobs import (
    JobState,
    JobView,
    TaskRun,
    TaskStatus,
    parse_host_and_node,
    problem_of,
)

GOOD = TaskRun("a", TaskStatus.FINISHED)


def job(state: JobState) -> JobView:
    return JobView(7, "j", state)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("127.0.0.1 (n1_1)", ("127.0.0.1", "n1_1"), id="recorded"),
        pytest.param("agent-2.local (w-31917_1)", ("agent-2.local", "w-31917_1"), id="stack"),
        pytest.param("h", ("h", None), id="no node"),
        pytest.param(None, (None, None), id="not started"),
    ],
)
def test_host_and_node_are_split(text: str | None, expected: tuple[str | None, str | None]) -> None:
    assert parse_host_and_node(text) == expected


@pytest.mark.parametrize(
    ("state", "task", "says"),
    [
        pytest.param(JobState.FINISHED, TaskStatus.FINISHED, None, id="good"),
        pytest.param(JobState.FINISHED, TaskStatus.SKIPPED, None, id="a branch not taken"),
        pytest.param(JobState.RUNNING, TaskStatus.FAULTY, None, id="not over yet"),
        pytest.param(
            JobState.FINISHED, TaskStatus.FAULTY, "1 of 2 tasks failed: b is FAULTY", id="fact 5"
        ),
        pytest.param(JobState.CANCELED, TaskStatus.FAULTY, "was CANCELED: b is", id="canceled"),
        pytest.param(JobState.KILLED, TaskStatus.FINISHED, "was KILLED", id="killed"),
        pytest.param(JobState.FAILED, TaskStatus.FAILED, "was FAILED", id="failed"),
        pytest.param(JobState.IN_ERROR, TaskStatus.IN_ERROR, "waits for a human", id="in error"),
        pytest.param(JobState.PAUSED, TaskStatus.IN_ERROR, "waits for a human", id="paused by it"),
        pytest.param(JobState.PAUSED, TaskStatus.PENDING, None, id="paused by a human"),
    ],
)
def test_a_job_is_judged_by_its_tasks(state: JobState, task: TaskStatus, says: str | None) -> None:
    problem = problem_of(job(state), (GOOD, TaskRun("b", task)))
    assert problem is None if says is None else says in (problem or "")


@pytest.mark.parametrize("word", ["HIBERNATING", "", "running"])
def test_words_of_a_later_version_are_tolerated(word: str) -> None:
    assert JobState.of(word) is JobState.OTHER
    assert TaskStatus.of(word) is TaskStatus.OTHER
    assert not JobState.of(word).over
