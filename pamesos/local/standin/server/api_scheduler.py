"""``/rest/scheduler``: the recorded calls of the Scheduler."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pamesos.local.standin import VERSION
from pamesos.local.standin.server import shapes
from pamesos.local.standin.server.http import (
    Backend,
    Call,
    RefusalError,
    as_json,
    as_text,
    guarded,
    matrix_parameters,
)
from pamesos.local.standin.server.jobs import Job, Task
from pamesos.local.standin.server.workflow import JobValidationError, Workflow, parse_workflow

_REST = "org.ow2.proactive_grid_cloud_portal.scheduler.exception"
_COMMON = "org.ow2.proactive.scheduler.common.exception"
_JOB = "/scheduler/jobs/{id:int}"
_TASK = _JOB + "/tasks/{task}"


def routes(backend: Backend) -> Iterator[Route]:
    """Yield all routes below /rest/scheduler but login and disconnect."""

    async def version(_: Request) -> Response:
        text = f'{{ "scheduler" : "{VERSION}", "rest" : "{VERSION}"}}'
        return Response(text, media_type="application/octet-stream")

    yield Route("/rest/scheduler/version", version, methods=["GET"])
    for method, path, handler in (
        ("GET", "/scheduler/status", _status),
        ("GET", "/scheduler/isconnected", _is_connected),
        # A matrix parameter is part of the path's last segment.
        ("POST", "/scheduler/submit{matrix:path}", _submit),
        ("POST", "/scheduler/validate{matrix:path}", _validate),
        ("GET", "/scheduler/jobs", _jobs),
        ("GET", "/scheduler/jobsinfo", _jobs_info),
        ("GET", _JOB, _job),
        ("DELETE", _JOB, _remove),
        ("GET", _JOB + "/info", _info),
        ("PUT", _JOB + "/kill", _kill),
        ("GET", _JOB + "/taskstates", _task_states),
        ("GET", _JOB + "/tasks", _tasks),
        ("GET", _JOB + "/result", _result),
        ("GET", _JOB + "/result/value", _values),
        ("GET", _JOB + "/result/log/all", _logs),
        ("GET", _JOB + "/log/server", _server_log),
        ("GET", _TASK, _task),
        ("PUT", _TASK + "/preempt", _preempt),
        ("GET", _TASK + "/result", _task_result),
        ("GET", _TASK + "/result/value", _task_value),
        ("GET", _TASK + "/result/log/all", _task_log),
        ("GET", _TASK + "/log/server", _task_server_log),
    ):
        yield guarded(path, handler, method, backend)


def _find_job(call: Call) -> Job:
    job_id = call.request.path_params["id"]
    job = call.backend.core.scheduler.jobs.get(job_id)
    if job is None or job.removed:
        raise RefusalError(
            404,
            f"{_COMMON}.UnknownJobException: "
            f"The job represented by this ID '{job_id}' is unknown !",
            f"{_REST}.UnknownJobRestException",
        )
    return job


def _find_task(call: Call) -> tuple[Job, Task]:
    job, name = _find_job(call), call.request.path_params["task"]
    task = job.task(name)
    if task is None:
        raise RefusalError(
            404,
            f"{_COMMON}.UnknownTaskException: The task represented by this name '{name}' is "
            f"unknown in job '{job.id}' !",
            f"{_REST}.UnknownTaskRestException",
        )
    return job, task


def _visible_jobs(call: Call) -> list[Job]:
    return [job for job in call.backend.core.scheduler.jobs.values() if not job.removed]


async def _status(_: Call) -> Response:
    return as_json("STARTED")  # from memory, whether the database answers or not


async def _is_connected(_: Call) -> Response:
    return as_json(True)


async def _read_workflow(call: Call) -> Workflow:
    try:
        async with call.request.form(max_files=1, max_part_size=16 * 1024 * 1024) as form:
            upload = form.get("file")
            data = await upload.read() if isinstance(upload, UploadFile) else b""
    except HTTPException:
        data = b""  # no multipart at all
    return parse_workflow(data, matrix_parameters(call.request))


async def _submit(call: Call) -> Response:
    _only_matrix(call)
    try:
        workflow = await _read_workflow(call)
    except JobValidationError as error:
        raise RefusalError(
            400,
            f"{_COMMON}.JobValidationException: {error}",
            f"{_REST}.JobCreationRestException",
        ) from None
    job = await call.backend.core.scheduler.submit(workflow, call.user)
    return as_json({"id": job.id, "readableName": job.name})


async def _validate(call: Call) -> Response:
    _only_matrix(call)
    problem, variables = None, {}
    try:
        variables = dict((await _read_workflow(call)).variables)
    except JobValidationError as error:
        problem = str(error)
    return as_json(
        {
            "valid": problem is None,
            "taskName": None,
            "errorMessage": problem,
            "stackTrace": None,
            "updatedVariables": variables,
            "updatedModels": {},
            "updatedDescriptions": {},
            "updatedGroups": {},
            "updatedAdvanced": {},
            "updatedHidden": {},
        }
    )


def _only_matrix(call: Call) -> None:
    if not (call.request.path_params["matrix"] or ";").startswith(";"):
        raise HTTPException(404)


async def _jobs(call: Call) -> Response:
    return as_json(shapes.page([str(job.id) for job in _visible_jobs(call)]))


async def _jobs_info(call: Call) -> Response:
    await wait_for_database(call.backend)
    return as_json(shapes.page([shapes.job_entry(job) for job in _visible_jobs(call)]))


async def _job(call: Call) -> Response:
    return as_json(shapes.job_state(_find_job(call)))


async def _info(call: Call) -> Response:
    return as_json(shapes.job_info(_find_job(call)))


async def _kill(call: Call) -> Response:
    return as_json(call.backend.core.scheduler.kill_job(_find_job(call)))


async def _remove(call: Call) -> Response:
    return as_json(call.backend.core.scheduler.remove_job(_find_job(call)))


async def _task_states(call: Call) -> Response:
    job = _find_job(call)
    return as_json(shapes.page([shapes.task_state(job, task) for task in job.tasks]))


async def _tasks(call: Call) -> Response:
    return as_json(shapes.page([task.name for task in _find_job(call).tasks]))


async def _result(call: Call) -> Response:
    job = _find_job(call)
    if not job.over:
        return Response(status_code=204)
    return as_json(shapes.job_result(job))


async def _values(call: Call) -> Response:
    job = _find_job(call)
    if not job.over:
        return Response(status_code=204)
    ended = [task for task in job.tasks if task.lines is not None]
    return as_json({task.name: shapes.task_value(task) for task in ended})


async def _logs(call: Call) -> Response:
    job = _find_job(call)
    return as_text("".join(shapes.task_log(job, task) for task in reversed(job.tasks)))


async def _server_log(call: Call) -> Response:
    job = _find_job(call)
    parts = [f"================= Job {job.id} logs =================", *job.server_log]
    for task in job.tasks:
        parts += ["", f"================ Task {job.id}t{task.id} logs =================",
                  *task.server_log]  # fmt: skip
    return as_text("\n".join(parts) + "\n")


async def _task(call: Call) -> Response:
    return as_json(shapes.task_state(*_find_task(call)))


async def _preempt(call: Call) -> Response:
    return as_json(call.backend.core.scheduler.preempt(*_find_task(call)))


async def _task_result(call: Call) -> Response:
    return as_json(shapes.task_result(_find_task(call)[1]))


async def _task_value(call: Call) -> Response:
    value = shapes.task_value(_find_task(call)[1])
    return Response(status_code=204) if value is None else as_text(value)


async def _task_log(call: Call) -> Response:
    return as_text(shapes.task_log(*_find_task(call)))


async def _task_server_log(call: Call) -> Response:
    return as_text("".join(f"{line}\n" for line in _find_task(call)[1].server_log))


async def wait_for_database(backend: Backend) -> None:
    """Block as the real login does while the database is away, but not for ever."""
    try:
        await backend.core.store.check(backend.database_wait_s)
    except TimeoutError:
        raise RefusalError(500, "the database does not answer", "java.lang.Exception") from None
