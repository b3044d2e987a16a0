"""The Scheduler: jobs, the nodes their tasks run on, and the order of it all.

Runs in the event loop; whatever changes is written behind.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pamesos.local.standin.server import shapes
from pamesos.local.standin.server.jobs import Job, Task, load_jobs
from pamesos.local.standin.server.rm import Node, ResourceManager
from pamesos.local.standin.server.store import Change, Store
from pamesos.local.standin.server.workflow import TaskTemplate, Workflow

_PRIORITIES = ("HIGHEST", "HIGH", "NORMAL", "LOW", "LOWEST", "IDLE")


def now_ms() -> int:
    return int(time.time() * 1000)


class Scheduler:
    """All jobs by id; gives their tasks to the free nodes of the Resource Manager."""

    def __init__(
        self, rm: ResourceManager, store: Store, found: dict[str, dict[str, Any]], rest_url: str
    ) -> None:
        self.rm = rm
        self.jobs = load_jobs(found["job"], found["task"])
        self.stopping = False
        self._store = store
        self._rest_url = rest_url

    async def submit(self, workflow: Workflow, owner: str) -> Job:
        """Make a job of a workflow; it is in the database when this returns."""
        job_id = max(self.jobs, default=0) + 1
        job = Job(
            id=job_id,
            name=workflow.name,
            owner=owner,
            priority=workflow.priority.upper(),
            description=workflow.description,
            project=workflow.project,
            submitted=now_ms(),
            variables=dict(workflow.variables),
        )
        job.tasks = [_task(index, item) for index, item in enumerate(workflow.tasks)]
        self.jobs[job_id] = job
        tasks = len(job.tasks)
        job_log(job, f"job {job_id} submitted: name '{job.name}', tasks '{tasks}', owner '{owner}'")
        job.release(now_ms())
        changes = [_task_change(job, task) for task in job.tasks]
        written = self._store.write(Change("job", str(job_id), job.document()), *changes)
        await asyncio.shield(written)
        self.dispatch()
        return job

    def kill_job(self, job: Job) -> bool:
        """Kill a job; False if it is over."""
        if job.over:
            return False
        with self._changing(job):
            job.stop("KILLED", now_ms())
        return True

    def remove_job(self, job: Job) -> bool:
        """Kill it if need be, and forget it. Its record stays, so that its id is not reused."""
        self.kill_job(job)
        job.removed = True
        changes = [Change("task", _key(job, task), None) for task in job.tasks]
        job.tasks = []
        self._store.write(Change("job", str(job.id), job.document()), *changes)
        return True

    def preempt(self, job: Job, task: Task) -> bool:
        """Take a running task off its node and run it again; False if it does not run."""
        if not task.active:
            return False
        with self._changing(job):
            job.preempt(task)
        return True

    def end(self, job: Job, task: Task, message: dict[str, Any]) -> asyncio.Future[None]:
        """Note the end of a run; the future is done when that is in the database."""
        task.lines = [tuple(line) for line in message["lines"]]
        task.value, task.error = message["value"], message["error"]
        task.duration = message["duration_ms"]
        task.propagated |= {"localspace": message["localspace"], "EXIT_VALUE": str(message["code"])}
        good = task.error is None
        task_log(job, task, f"finished with{'out' if good else ''} errors")
        with self._changing(job, ended=task.run) as written:
            job.end(task, good=good, now=now_ms())
        return written[0]

    def lose(self, node: Node) -> None:
        """Note that a node is gone, if a task ran on it: it runs again elsewhere."""
        running = self.on(node.url)
        if running is not None:
            job, task = running
            task_log(job, task, f"node failure: {node.url} does not answer")
            with self._changing(job):
                job.lose(task, now_ms())

    def lose_strays(self) -> None:
        """After a restart: run tasks again whose node is not listed any more."""
        for job in self.jobs.values():
            for task in () if job.over else job.tasks:
                if task.active and task.node_url not in self.rm.nodes:
                    with self._changing(job):
                        job.lose(task, now_ms())

    def put_back(self) -> None:
        """Make all running tasks PENDING, because the nodes are told to leave."""
        for job in self.jobs.values():
            for task in job.tasks:
                if task.active:
                    task.status, task.run = "PENDING", None
                    self._store.write(_task_change(job, task))

    def dispatch(self) -> None:
        """Give waiting tasks to free nodes, by priority and age of their jobs."""
        if self.stopping:
            return
        free = self.rm.free_nodes()
        for job in sorted((j for j in self.jobs.values() if not j.over), key=_rank):
            for task in list(job.ready_tasks()):
                if not free:
                    return
                self._start(job, task, free[0])
                free = self.rm.free_nodes()

    def _start(self, job: Job, task: Task, node: Node) -> None:
        run = uuid.uuid4().hex
        where = f"{node.host} ({node.name})"
        task.log_host = node.host
        task.propagated = self._node_variables(job, task, node)
        with self._changing(job):
            job.start(task, run=run, node_url=node.url, host_and_node=where, now=now_ms())
        self.occupy(node, job, task)
        self.rm.change(node, "BUSY", now_ms())
        task_log(job, task, f"started on {node.host}(node: {node.name})")
        variables = job.variables | task.variables | task.propagated
        assert node.link is not None
        node.link.send(
            {
                "do": "run",
                "run": run,
                "worker": node.name,
                "language": task.language,
                "script": task.script,
                "arguments": task.arguments,
                "problem": task.problem,
                "environment": {f"variables_{name}": value for name, value in variables.items()},
            }
        )

    def _node_variables(self, job: Job, task: Task, node: Node) -> dict[str, str]:
        return shapes.task_variables(job, task) | {
            "PA_NODE_NAME": node.name,
            "PA_NODE_HOST": node.host,
            "PA_NODE_URL": node.url,
            "PA_NODE_SOURCE": node.source,
            "PA_NODESNUMBER": "1",
            "PA_SCHEDULER_REST_URL": self._rest_url,
            "PA_SCHEDULER_REST_PUBLIC_URL": self._rest_url,
        }

    def occupy(self, node: Node, job: Job, task: Task) -> None:
        """Say in the RM what a node works on."""
        node.owner = job.owner
        node.usage = {
            "JOB_ID": str(job.id),
            "TASK_NAME": task.name,
            "TASK_ID": str(task.id),
            "JOB_NAME": job.name,
        }

    @contextmanager
    def _changing(self, job: Job, ended: str | None = None) -> Iterator[list[asyncio.Future[None]]]:
        """Change a job: what was taken from nodes is killed there, what changed is written.

        Yields a list that holds the pending write afterwards. ``ended`` needs no kill.
        """
        runs = {task.name: (task.run, task.node_url) for task in job.tasks if task.active}
        before = {task.name: _mark(task) for task in job.tasks}
        written: list[asyncio.Future[None]] = []
        yield written
        for name, (run, url) in runs.items():
            task = job.task(name)
            if task is None or task.run != run or not task.active:
                self._withdraw(str(run), url, ended)
        if not job.over:
            job.release(now_ms())
        elif job.finished >= 0:
            done = job.count("FINISHED", "FAULTY")
            job_log(job, f"job {job.id} {job.status}, finished tasks {done}")
        changes = [_task_change(job, t) for t in job.tasks if before[t.name] != _mark(t)]
        written.append(self._store.write(Change("job", str(job.id), job.document()), *changes))
        asyncio.get_running_loop().call_soon(self.dispatch)

    def _withdraw(self, run: str, url: str | None, ended: str | None) -> None:
        node = self.rm.nodes.get(url or "")
        if node is None or node.link is None or run == ended:
            return
        node.link.send({"do": "kill", "run": run})
        if node.state == "BUSY":
            self.rm.change(node, "FREE", now_ms())

    def on(self, url: str) -> tuple[Job, Task] | None:
        """Return what runs on a node."""
        for job in self.jobs.values():
            for task in () if job.over else job.tasks:
                if task.active and task.node_url == url:
                    return job, task
        return None

    def find_run(self, run: str) -> tuple[Job, Task] | None:
        """Return the task that a run belongs to; None if it was taken from its node."""
        for job in self.jobs.values():
            for task in () if job.over else job.tasks:
                if task.active and task.run == run:
                    return job, task
        return None

    def runs_on(self, urls: set[str]) -> list[str]:
        """Return the runs that these nodes are to work on."""
        found = (self.on(url) for url in urls)
        return [str(item[1].run) for item in found if item is not None]


def _task(index: int, template: TaskTemplate) -> Task:
    return Task(
        id=index,
        name=template.name,
        language=template.language,
        script=template.script,
        arguments=list(template.arguments),
        depends=list(template.depends),
        description=template.description,
        on_error=template.on_error,
        problem=template.problem,
        variables=dict(template.variables),
        max_executions=template.max_executions,
        executions_left=template.max_executions,
    )


def _rank(job: Job) -> tuple[int, int]:
    known = job.priority in _PRIORITIES
    return (_PRIORITIES.index(job.priority) if known else 2, job.id)


def _mark(task: Task) -> tuple[object, ...]:
    return (task.status, task.run, task.executions_left, task.on_failure_left, task.lines is None)


def _key(job: Job, task: Task) -> str:
    return f"{job.id}t{task.id}"


def _task_change(job: Job, task: Task) -> Change:
    return Change("task", _key(job, task), dict(vars(task)))


def job_log(job: Job, text: str) -> None:
    job.server_log.append(f"{_stamp()} INFO  [o.o.p.s.u.JobLogger] {text}")


def task_log(job: Job, task: Task, text: str) -> None:
    where = f"task {job.id}t{task.id} ({task.name})"
    task.server_log.append(f"{_stamp()} INFO  [o.o.p.s.u.TaskLogger] {where} {text}")


def _stamp() -> str:
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M:%S,%f}"[:-3]
