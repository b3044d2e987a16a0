"""The JSON of the Scheduler's REST API, with the keys and types of recordings/proactive."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

from pamesos.local.standin.server.jobs import Job, Task

Json = dict[str, Any]
_GENERIC = {"submission.mode": "rest-api"}


def error(status: int, message: str | None, exception_class: str) -> Json:
    """The body of every refusal."""
    return {
        "httpErrorCode": status,
        "errorMessage": message,
        "stackTrace": None,
        "exception": None,
        "exceptionClass": exception_class,
    }


def page(items: list[Any]) -> Json:
    return {"size": len(items), "list": items}


def job_info(job: Job, text: str | None = "") -> Json:
    """``GET /scheduler/jobs/{id}/info``; ``text`` is what bucket and label show."""
    ran = [task for task in job.tasks if task.started >= 0 and task.finished >= 0]
    return {
        "startTime": job.started,
        "inErrorTime": max((task.in_error for task in job.tasks), default=-1),
        "finishedTime": job.finished,
        "submittedTime": job.submitted,
        "removedTime": -1,
        "status": job.status,
        "jobId": {"id": job.id, "readableName": job.name},
        "totalNumberOfTasks": len(job.tasks),
        # Tasks that wait for others are SUBMITTED, but count as pending once the job runs.
        "numberOfPendingTasks": 0 if job.started < 0 or job.over else _pending(job),
        "numberOfRunningTasks": job.count("RUNNING"),
        "numberOfFinishedTasks": job.count("FINISHED", "FAULTY", "SKIPPED"),
        "numberOfFailedTasks": job.count("FAILED"),
        "numberOfFaultyTasks": job.count("FAULTY"),
        "numberOfInErrorTasks": job.count("IN_ERROR"),
        "priority": job.priority.upper(),
        "jobOwner": job.owner,
        "tenant": None,
        "domain": None,
        "projectName": job.project,
        "description": job.description,
        "bucketName": text,
        "label": text,
        "toBeRemoved": False,
        "genericInformation": _GENERIC,
        "variables": job.variables,
        "detailedVariables": {name: _variable(name, v) for name, v in job.variables.items()},
        "signals": [],
        "detailedSignals": {},
        "visualizationConnectionStrings": {},
        "visualizationIcons": {},
        "attachedServices": {},
        "externalEndpointUrls": {},
        "resultMapPresent": False,
        "preciousTasks": [],
        "parentId": None,
        "childrenCount": 0,
        "cumulatedCoreTime": sum(task.finished - task.started for task in ran) if job.over else 0,
        "numberOfNodes": len(ran) if job.over else 0,
        "numberOfNodesInParallel": min(len(ran), 1) if job.over else 0,
        "submissionMode": "rest-api",
        "startAt": None,
    }


def _pending(job: Job) -> int:
    return job.count("SUBMITTED", "PENDING", "PAUSED", "WAITING_ON_ERROR", "WAITING_ON_FAILURE")


def _variable(name: str, value: str) -> Json:
    return {
        "name": name,
        "value": value,
        "model": None,
        "description": None,
        "group": None,
        "advanced": False,
        "hidden": False,
    }


def job_state(job: Job) -> Json:
    """``GET /scheduler/jobs/{id}``."""
    return {
        "name": job.name,
        "priority": job.priority.capitalize(),
        "owner": job.owner,
        "tenant": None,
        "domain": None,
        "jobInfo": job_info(job, "" if job.over else None),  # recorded so
        "projectName": job.project,
        "tasks": {str(task.id): task_state(job, task) for task in job.tasks},
        "genericInformation": _GENERIC,
        "id": job.id,
    }


def job_entry(job: Job) -> Json:
    """An entry of ``GET /scheduler/jobsinfo``."""
    return {"jobInfo": job_info(job), "jobOwner": job.owner, "jobid": str(job.id)}


def task_state(job: Job, task: Task) -> Json:
    """``GET /scheduler/jobs/{id}/tasks/{name}``."""
    return {
        "name": task.name,
        "description": task.description,
        "tag": None,
        "iterationIndex": 0,
        "replicationIndex": 0,
        "maxNumberOfExecution": task.max_executions,
        "maxNumberOfExecutionOnFailure": task.max_on_failure,
        "taskInfo": {
            "jobId": {"id": job.id, "readableName": job.name},
            "taskId": {"id": task.id, "readableName": task.name},
            "startTime": task.started,
            "finishedTime": task.finished,
            "inErrorTime": task.in_error,
            "scheduledTime": task.scheduled,
            "executionDuration": task.duration,
            "taskStatus": task.status,
            "executionHostName": task.host_and_node,
            "numberOfExecutionLeft": task.executions_left,
            "numberOfExecutionOnFailureLeft": task.on_failure_left,
            "visualizationActivated": False,
            "visualizationConnectionString": None,
            "variables": task_variables(job, task) if task.active else None,
            "progress": 100 if task.status in {"FINISHED", "FAULTY"} else 0,
        },
        "parallelEnvironment": None,
        "genericInformation": {},
        "numberOfNodesNeeded": 1,
    }


def task_variables(job: Job, task: Task) -> dict[str, str]:
    """The variables of a task that do not depend on its node."""
    return {
        "PA_TASK_NAME": task.name,
        "PA_JOB_ID": str(job.id),
        "PA_TASK_ID": str(task.id),
        "PA_USER": job.owner,
        "PA_TASK_REPLICATION": "0",
        "PA_TASK_ITERATION": "0",
        "PA_JOB_NAME": job.name,
    }


def task_result(task: Task) -> Json:
    """``GET .../tasks/{name}/result``: nulls before the end."""
    if task.lines is None:
        return {
            "id": {"id": task.id, "readableName": task.name},
            "serializedValue": None,
            "value": None,
            "serializedException": None,
            "exceptionMessage": None,
            "metadata": None,
            "propagatedVariables": None,
            "serializedPropagatedVariables": None,
            "output": None,
            "raw": False,
        }
    value = None if task.error is not None else task.value
    return {
        "id": {"id": task.id, "readableName": task.name},
        # Java objects there; nobody can read these, so they only keep the type.
        "serializedValue": _serialized(value),
        "value": value,
        "serializedException": _serialized(task.error),
        "exceptionMessage": task.error,
        "metadata": {},
        "propagatedVariables": task.propagated,
        "serializedPropagatedVariables": {
            name: _serialized(text) for name, text in task.propagated.items()
        },
        "output": {"stdoutLogs": stream(task, "out"), "stderrLogs": stream(task, "err")},
        "raw": False,
    }


def job_result(job: Job) -> Json:
    """``GET /scheduler/jobs/{id}/result`` of a job that is over."""
    unnamed = {"id": job.id, "readableName": "NOT SET"}
    ended = [task for task in job.tasks if task.lines is not None]
    return {
        "id": unnamed,
        "jobInfo": job_info(job) | {"jobId": unnamed},
        "allResults": {task.name: task_result(task) for task in ended},
        "preciousResults": {},
        "exceptionResults": {t.name: task_result(t) for t in ended if t.error is not None},
        "resultMap": {},
        "serializedResultMap": {},
    }


def _serialized(value: str | None) -> str | None:
    return None if value is None else base64.b64encode(value.encode()).decode()


def stream(task: Task, name: str) -> str:
    """One output stream of a task that has ended."""
    return "".join(f"{text}\n" for kind, _, text in task.lines or () if kind == name)


def task_log(job: Job, task: Task) -> str:
    """``[1t0@localhost;where_bash;15:42:52] text`` for each line of output."""
    where = f"{job.id}t{task.id}@{task.log_host};{task.name}"
    return "".join(
        f"[{where};{datetime.fromtimestamp(at / 1000).astimezone():%H:%M:%S}] {text}\n"
        for _, at, text in task.lines or ()
    )


def task_value(task: Task) -> str | None:
    """``GET .../result/value``: the text, or the exception of a FAULTY task."""
    if task.lines is None:
        return None
    return task.error if task.error is not None else task.value
