"""``run``: a workflow on a cluster, and which node ran which task."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pamesos.cli.options import marathon_options
from pamesos.errors import ExitStatus, JobFailedError

if TYPE_CHECKING:
    from pamesos.config.settings import Settings
    from pamesos.core.jobs import RunReport, TaskResult, TaskRun


@click.command()
@click.argument("workflow", type=click.Path(path_type=Path), metavar="WORKFLOW.xml")
@click.argument("cluster", required=False)
@click.option(
    "--rest",
    metavar="URL",
    help="Address of ProActive's REST API, instead of asking Marathon where CLUSTER has it.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop following after this time, with exit status 5; the job goes on.",
)
@click.option(
    "--var", "variables", multiple=True, metavar="NAME=VALUE", help="A variable. May be repeated."
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How the report is printed on standard output.",
)
@marathon_options
def run(
    workflow: Path,
    cluster: str | None,
    *,
    rest: str | None,
    timeout: float | None,
    variables: tuple[str, ...],
    output: str,
    settings: Settings,
) -> None:
    """Run a workflow on CLUSTER and say which node ran which task.

    Exit status 1 if any task failed, also when ProActive calls the job FINISHED. The login is
    PAMESOS_PROACTIVE_USER and PAMESOS_PROACTIVE_PASSWORD_FILE (or _PASSWORD); default admin/admin.
    """
    from pamesos.clients.proactive import ProActiveClient
    from pamesos.config.credentials import load_credentials
    from pamesos.engine.run import check_workflow, parse_variables, run_workflow

    check_workflow(workflow)
    values = parse_variables(variables)
    credentials = load_credentials(
        user=settings.proactive_user,
        password_file=settings.proactive_password_file,
        warn=lambda text: click.echo(f"pamesos: {text}", err=True),
    )
    listener = _Lines()
    with ProActiveClient(rest or _ask_marathon(cluster, settings), credentials) as client:
        version = client.get_version()
        if version.stand_in:
            listener.note("this cluster runs the pamesos stand-in, not ProActive")
        try:
            report = run_workflow(client, workflow, values, listener, timeout_s=timeout)
        except KeyboardInterrupt:
            listener.interrupted()
    click.echo(render_json(report) if output == "json" else render_table(report))
    if report.problem is not None:
        raise JobFailedError(report.problem, remedy="read the output of the tasks above")


def _ask_marathon(cluster: str | None, settings: Settings) -> str:
    if cluster is None:
        raise click.UsageError("name a CLUSTER, or give --rest URL")
    from pamesos.clients.marathon import MarathonClient
    from pamesos.engine.lifecycle import find_cluster
    from pamesos.engine.run import find_rest_url

    client = MarathonClient(settings.marathon)
    try:
        return find_rest_url(cluster, find_cluster(client, cluster))
    finally:
        client.close()


class _Lines:
    """One line per change on standard error: standard output is for the report."""

    def __init__(self) -> None:
        self._job_id: int | None = None

    def submitted(self, job_id: int, name: str) -> None:
        self._job_id = job_id
        self.note(f"job {job_id} submitted from {name}")

    def task_changed(self, task: TaskRun) -> None:
        where = f" on {task.node or task.host} ({task.host})" if task.host else ""
        self.note(f"{task.name}  {task.status.value}{where}")

    def note(self, words: str) -> None:
        click.echo(words, err=True)

    def interrupted(self) -> None:
        """Say what goes on, and end."""
        if self._job_id is None:
            self.note("interrupted; perhaps the job was submitted: look in the ProActive portal")
        else:
            self.note(f"interrupted; job {self._job_id} goes on in ProActive, it was not killed")
        sys.exit(int(ExitStatus.INTERRUPTED))


def render_json(report: RunReport) -> str:
    """Return the report as JSON: job, problem (null if it is good) and tasks with their output."""
    document = {
        "job": {"id": report.job.id, "name": report.job.name, "state": report.job.state.value},
        "problem": report.problem,
        "tasks": [_task_document(task, report.results.get(task.name)) for task in report.tasks],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _task_document(task: TaskRun, result: TaskResult | None) -> dict[str, Any]:
    return {
        "name": task.name,
        "status": task.status.value,
        "node": task.node,
        "host": task.host,
        "durationSeconds": task.duration_s,
        "value": result.value if result else None,
        "error": result.error if result else None,
        "stdout": result.stdout if result else None,
        "stderr": result.stderr if result else None,
    }


def render_table(report: RunReport) -> str:
    """Return one line per task, then what the tasks printed."""
    rows = [("TASK", "STATUS", "NODE", "HOST", "DURATION")]
    for task in report.tasks:
        duration = f"{task.duration_s:.1f} s" if task.duration_s is not None else "-"
        rows.append(
            (task.name, task.status.value, task.node or "-", task.host or "-", duration),
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    for task in report.tasks:
        lines += _output_lines(task, report.results.get(task.name))
    lines += ["", f"job {report.job.id} ({report.job.name}) is {report.job.state.value}"]
    return "\n".join(lines)


def _output_lines(task: TaskRun, result: TaskResult | None) -> list[str]:
    if result is None:
        return []
    # A Java exception has dozens of lines of stack; the first says what happened.
    error = (result.error or "").partition("\n")[0]
    streams = (("", result.stdout), ("stderr: ", result.stderr), ("error: ", error))
    lines = [f"  {prefix}{line}" for prefix, text in streams for line in (text or "").splitlines()]
    return ["", f"{task.name}:", *lines] if lines else []
