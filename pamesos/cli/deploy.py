"""``submit``, ``scale``, ``restart`` and ``destroy``: change a cluster and wait for the truth."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from pamesos.cli.draining import drain_options
from pamesos.cli.ending import fail, finish, report_failure
from pamesos.cli.options import description_options, load_submission, marathon_options
from pamesos.errors import ExitStatus, InvalidInputError

if TYPE_CHECKING:
    from pamesos.cli.progress import Progress
    from pamesos.clients.marathon import MarathonClient
    from pamesos.config.settings import Settings
    from pamesos.core.verdict import Submitted
    from pamesos.engine.drain import Drain
    from pamesos.engine.submit import Notices, Outcome

_TIMEOUT = click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the verdict.",
)
_NO_WAIT = click.option("--no-wait", is_flag=True, help="Send and return, without a verdict.")


@click.command()
@description_options
@_NO_WAIT
@_TIMEOUT
@click.option("--dry-run", is_flag=True, help="Print what would be sent, secrets masked.")
@marathon_options
def submit(
    file: Path,
    overrides: tuple[Path, ...],
    sets: tuple[str, ...],
    *,
    no_wait: bool,
    timeout: float,
    dry_run: bool,
    settings: Settings,
) -> None:
    """Submit the cluster that FILE describes and follow it until it is truly up."""
    submission = load_submission(file, overrides, sets)
    if dry_run:
        import json

        from pamesos.core.show import masked

        group = masked(submission.group, submission.secrets)
        click.echo(json.dumps(group, indent=2, ensure_ascii=False))
        return
    from pamesos.engine.submit import submit as send

    def run(client: MarathonClient, notices: Notices) -> Outcome:
        wait = None if no_wait else timedelta(seconds=timeout)
        return send(client, submission.group, timeout=wait, notices=notices)

    _run(settings, submission.group_id, run)


@click.command()
@click.argument("cluster")
@click.argument("source")
@click.argument("nodes", type=click.IntRange(min=0))
@_NO_WAIT
@_TIMEOUT
@marathon_options
@drain_options
def scale(
    cluster: str,
    source: str,
    nodes: int,
    *,
    no_wait: bool,
    timeout: float,
    drain: Drain | None,
    settings: Settings,
) -> None:
    """Give node source SOURCE of CLUSTER (or any app of a group) this number of NODES.

    Nodes that go are drained: idle ones first, and none with a workflow task before the deadline.
    """
    from pamesos.engine import lifecycle

    def run(client: MarathonClient, notices: Notices) -> Outcome:
        wait = None if no_wait else timedelta(seconds=timeout)
        return lifecycle.scale(
            client, cluster, source, nodes, timeout=wait, drain=drain, notices=notices
        )

    _run(settings, cluster, run)


@click.command()
@click.argument("cluster")
@click.argument("what", metavar="TIER|SOURCE")
@_NO_WAIT
@_TIMEOUT
@marathon_options
@drain_options
def restart(
    cluster: str,
    what: str,
    *,
    no_wait: bool,
    timeout: float,
    drain: Drain | None,
    settings: Settings,
) -> None:
    """Restart a tier (database, scheduler, nodes), a node source or an app of CLUSTER.

    Nodes are drained and replaced a few at a time.
    """
    from pamesos.core.selection import select
    from pamesos.engine import lifecycle

    def run(client: MarathonClient, notices: Notices) -> Outcome:
        apps = select(lifecycle.find_cluster(client, cluster), what)
        warning = lifecycle.restart_warning(apps, drained=drain is not None)
        if warning is not None:
            notices.on_note(f"note: {warning}")
        wait = None if no_wait else timedelta(seconds=timeout)
        return lifecycle.restart(client, cluster, what, timeout=wait, drain=drain, notices=notices)

    _run(settings, cluster, run)


@click.command()
@click.argument("cluster")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--cancel-deployments",
    is_flag=True,
    help="First roll back deployments of this cluster that are still running.",
)
@_TIMEOUT
@marathon_options
@drain_options
def destroy(
    cluster: str,
    *,
    yes: bool,
    cancel_deployments: bool,
    timeout: float,
    drain: Drain | None,
    settings: Settings,
) -> None:
    """Take CLUSTER down: nodes, then scheduler, then database; waits until all is gone."""
    from pamesos.cli.progress import progress
    from pamesos.core.verdict import Succeeded
    from pamesos.engine import lifecycle, teardown

    client = _client(settings)
    group = lifecycle.find_cluster(client, cluster)
    if not yes:
        _confirm(group.id, len(group.apps))
    try:
        with progress() as shown:
            verdict = teardown.destroy(
                client,
                cluster,
                timeout=timedelta(seconds=timeout),
                cancel_deployments=cancel_deployments,
                drain=drain,
                notices=_notices(shown, group.id, _Sent()),
            )
    except KeyboardInterrupt:
        fail(
            f"interrupted; {group.id} is taken down in part, what is stopped stays stopped",
            f"`pamesos destroy {cluster}` goes on, `pamesos submit FILE` brings it back",
            ExitStatus.INTERRUPTED,
        )
    if not isinstance(verdict, Succeeded):
        report_failure(verdict, cluster)
    click.echo(f"{group.id} is gone")


def _confirm(group_id: str, apps: int) -> None:
    if not sys.stdin.isatty():
        raise InvalidInputError(
            f"{group_id} was not destroyed: nobody can be asked here", remedy="give --yes"
        )
    if not click.confirm(f"Destroy {group_id} with its {apps} apps?"):
        raise InvalidInputError(f"{group_id} was not destroyed", remedy="answer y, or give --yes")


class _Sent:
    """What is known of the change when Ctrl-C comes."""

    submitted: Submitted | None = None
    deployments: tuple[str, ...] = ()
    sending = False


def _client(settings: Settings, progress: Progress | None = None) -> MarathonClient:
    from pamesos.clients.marathon import MarathonClient

    said: set[str] = set()

    def on_wait(why: str) -> None:
        # A gap of some seconds is weather; only that it goes on is worth a line, once per reason.
        if progress is not None and why not in said:
            said.add(why)
            progress.note(f"waiting for Marathon: {why}")

    return MarathonClient(settings.marathon, on_wait=on_wait)


def _notices(shown: Progress, name: str, sent: _Sent) -> Notices:
    from pamesos.engine.submit import Notices

    def on_sending() -> None:
        sent.sending = True

    def on_sent(submitted: Submitted, unchanged: bool, running: tuple[str, ...]) -> None:
        sent.submitted, sent.deployments = submitted, running
        if unchanged:
            shown.note(f"no change: {name} is as it should be; looking whether all of it is up")
        else:
            shown.note(f"deployment {submitted.deployment_id or 'unknown'} of {name} started")
        for other in running:
            if other != submitted.deployment_id:
                shown.note(f"deployment {other} of {name} is still running")

    return Notices(on_sending, on_sent, shown.app, shown.note)


def _run(
    settings: Settings, name: str, change: Callable[[MarathonClient, Notices], Outcome]
) -> None:
    """Run a change, print its verdict, and end with its exit status."""
    from pamesos.cli.progress import progress

    sent = _Sent()
    url = settings.marathon.urls[0]
    try:
        with progress() as shown:
            client = _client(settings, shown)
            try:
                outcome = change(client, _notices(shown, name, sent))
            finally:
                url = client.url
                client.close()
    except KeyboardInterrupt:  # out here: the live table, drawn a last time, would overwrite it
        _interrupted(sent, name, url)
    finish(outcome, name)


def _interrupted(sent: _Sent, name: str, url: str) -> NoReturn:
    cluster = name.strip("/")
    if sent.submitted is None and not sent.sending:
        fail("interrupted before anything was sent", "run it again", ExitStatus.INTERRUPTED)
    if sent.submitted is None:
        problem = f"interrupted while {name} was being sent: Marathon may carry it out"
        fail(problem, f"`pamesos status {cluster}` tells", ExitStatus.INTERRUPTED)
    remedy = f"`pamesos status {cluster}` to follow it"
    cancels = " && ".join(f"curl -X DELETE {url}/v2/deployments/{d}" for d in sent.deployments)
    if cancels:
        remedy += f"; to cancel it: the Marathon UI under Deployments, or `{cancels}`"
    goes_on = ", ".join(sent.deployments)
    fail(
        f"interrupted; nothing is undone, Marathon goes on with "
        f"{f'deployment {goes_on} of ' if goes_on else ''}{name}",
        remedy,
        ExitStatus.INTERRUPTED,
    )
