"""Destroy a cluster: nodes, scheduler, database, each gone before the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from pamesos.clients.marathon import MarathonClient
from pamesos.core import names
from pamesos.core.observed import AppView, GroupView
from pamesos.core.selection import teardown_layers, tier_of
from pamesos.core.snapshot import is_ready
from pamesos.core.verdict import Succeeded, TimedOut, Verdict
from pamesos.engine.drain import Drain
from pamesos.engine.lifecycle import drainer_of, find_cluster, send_or_look
from pamesos.engine.lookout import Lookout, steady_clock
from pamesos.engine.submit import Notices
from pamesos.errors import (
    DeploymentLockedError,
    MarathonUnavailableError,
    NotFoundError,
    ProActiveUnavailableError,
)


def destroy(
    client: MarathonClient,
    name: str,
    *,
    timeout: timedelta,
    cancel_deployments: bool = False,
    drain: Drain | None = None,
    notices: Notices | None = None,
) -> Verdict:
    """Take a group down: nodes, scheduler, database, each gone before the next; then the group.

    Marathon's own delete stops everything in one step (stack.md, 13), which takes the database
    from under a scheduler that still writes. Returns Succeeded, or TimedOut with what is left.
    Raises DeploymentLockedError while another deployment holds an app, unless
    ``cancel_deployments``, which rolls those back first. With ``drain`` the nodes get no new
    workflow task and those that work are waited for first.
    """
    group = find_cluster(client, name)
    hear = notices or Notices()
    clock = steady_clock()
    if drain is not None:
        _drain(client, group, drain, hear)
    deadline = clock() + timeout
    ids = [app.id for app in group.apps]
    with Lookout(client, ids, group_id=group.id, clock=clock) as lookout:
        lookout.wait_for_stream()
        lookout.read_all()
        if cancel_deployments and not _cancel_deployments(lookout, hear, deadline):
            return TimedOut("the deployments that were cancelled are still being rolled back")
        try:
            return _take_down(lookout, group.id, hear, deadline)
        except DeploymentLockedError as error:
            error.remedy = (
                "wait until it ends, or roll it back first: "
                f"`pamesos destroy {group.id.strip('/')} --cancel-deployments`"
            )
            raise


def _drain(client: MarathonClient, group: GroupView, drain: Drain, hear: Notices) -> None:
    nodes = tuple(app for app in group.apps if tier_of(app) == names.TIER_NODES)
    drainer = drainer_of(client, group, nodes, drain, hear)
    if drainer is None:
        return
    try:
        with drainer:
            drainer.quiet([app.id for app in nodes])
    except ProActiveUnavailableError as error:
        if all(is_ready(app) for app in group.apps if tier_of(app) == names.TIER_SCHEDULER):
            raise
        hear.on_note(f"nothing is drained: the scheduler is not ready ({error.problem})")


def _take_down(lookout: Lookout, group_id: str, hear: Notices, deadline: datetime) -> Verdict:
    for layer in teardown_layers(lookout.apps.values()):
        left = _stop_layer(lookout, layer, hear, deadline)
        if left is not None:
            return TimedOut(f"{left.id} still has tasks: {_states(left)}", left.id)
    return _delete_group(lookout, group_id, hear, deadline)


def _cancel_deployments(lookout: Lookout, hear: Notices, deadline: datetime) -> bool:
    for deployment_id in lookout.running():
        hear.on_note(f"cancelling deployment {deployment_id}")
        lookout.client.cancel_deployment(deployment_id)
    lookout.read_all()
    return _wait(lookout, lambda: not lookout.running(), deadline)


def _stop_layer(
    lookout: Lookout, layer: tuple[AppView, ...], hear: Notices, deadline: datetime
) -> AppView | None:
    """Scale the apps of a layer to 0 and wait until their tasks are gone; return one that stays."""
    for app in layer:
        if app.instances > 0:
            hear.on_progress(app.id, f"stopping {len(app.running_tasks())} tasks")
            send_or_look(
                lookout.client,
                app.id,
                partial(lookout.client.scale_app, app.id, 0),
                lambda now: now.instances == 0,
            )
    lookout.read_all()
    said: set[str] = set()

    def gone() -> bool:
        left = [app.id for app in layer if _tasks(lookout.apps, app.id)]
        for app in layer:
            if app.id not in left and app.id not in said:
                said.add(app.id)
                hear.on_progress(app.id, "stopped")
        return not left

    if _wait(lookout, gone, deadline):
        return None
    return next((lookout.apps[app.id] for app in layer if _tasks(lookout.apps, app.id)), None)


def _tasks(apps: Mapping[str, AppView], app_id: str) -> int:
    app = apps.get(app_id)
    return sum(not task.terminal for task in app.tasks) if app is not None else 0


def _states(app: AppView) -> str:
    return ", ".join(f"{task.id} is {task.state}" for task in app.tasks if not task.terminal)


def _delete_group(lookout: Lookout, group_id: str, hear: Notices, deadline: datetime) -> Verdict:
    if not _wait(lookout, lambda: not lookout.running(), deadline):
        return TimedOut(f"a deployment of {group_id} is still running")
    try:
        lookout.client.delete_group(group_id)
    except NotFoundError:
        pass  # gone already, by our own cancelled deployment or somebody else
    except MarathonUnavailableError as error:
        if not error.sent or lookout.client.find_group(group_id) is not None:
            raise
    lookout.read_all()
    if not _wait(lookout, lambda: not lookout.apps and not lookout.running(), deadline):
        return TimedOut(f"{group_id} is still being deleted")
    hear.on_progress(group_id, "deleted")
    return Succeeded(())


def _wait(lookout: Lookout, condition: Callable[[], bool], deadline: datetime) -> bool:
    while not condition():
        if lookout.clock() >= deadline:
            return False
        lookout.wait(deadline)
    return True
