"""Scale, restart and destroy what was submitted; each waits for the truth and forces nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial

from pamesos.clients.marathon import MarathonClient
from pamesos.core import names
from pamesos.core.observed import AppView, DeploymentRef, GroupView
from pamesos.core.selection import select, teardown_layers, tier_of
from pamesos.core.verdict import Submitted, Succeeded, TimedOut, Verdict
from pamesos.engine.follow import Follower
from pamesos.engine.lookout import Lookout, steady_clock
from pamesos.engine.submit import Notices, Outcome
from pamesos.errors import (
    DeploymentLockedError,
    InvalidInputError,
    MarathonUnavailableError,
    NotFoundError,
)


def find_cluster(client: MarathonClient, name: str) -> GroupView:
    """Return the group of a cluster (or of any plain group); ``small`` is ``/small``.

    Raises NotFoundError that lists the groups there are.
    """
    group = client.find_group(names.group_id(name))
    if group is not None:
        return group
    known = sorted({app.id.split("/")[1] for app in client.get_group("/").apps})
    raise NotFoundError(
        f"there is no cluster or group {name!r}",
        remedy=f"use one of {', '.join(known)}" if known else "submit one: `pamesos submit FILE`",
    )


def scale(
    client: MarathonClient,
    name: str,
    word: str,
    instances: int,
    *,
    timeout: timedelta | None,
    notices: Notices | None = None,
) -> Outcome:
    """Set the instances of one app, named by node source, tier or app id.

    Raises InvalidInputError if the word names several apps, or a second database or scheduler.
    """
    group = find_cluster(client, name)
    apps = select(group, word)
    if len(apps) > 1:
        raise InvalidInputError(
            f"{word!r} names {len(apps)} apps of {group.id}",
            remedy="name one of " + ", ".join(app.id.removeprefix(group.id + "/") for app in apps),
        )
    app = apps[0]
    if instances > 1 and tier_of(app) in {names.TIER_DATABASE, names.TIER_SCHEDULER}:
        raise InvalidInputError(
            f"{app.id} is a {tier_of(app)}: two of them corrupt the data of the cluster",
            remedy="scale a node source instead, or give the scheduler more cpus and memory",
        )

    def send() -> DeploymentRef:
        return client.scale_app(app.id, instances)

    def arrived(now: AppView) -> bool:
        return now.instances == instances

    return _change(client, app, instances, send, arrived, timeout, notices or Notices())


def restart(
    client: MarathonClient,
    name: str,
    word: str,
    *,
    timeout: timedelta | None,
    notices: Notices | None = None,
) -> Outcome:
    """Restart a tier, a node source or an app; several apps one after the other."""
    group = find_cluster(client, name)
    outcome: Outcome | None = None
    for app in select(group, word):
        outcome = _restart_one(client, app, timeout, notices or Notices())
        if not isinstance(outcome.verdict, Succeeded | None):
            break
    assert outcome is not None
    return outcome


def _restart_one(
    client: MarathonClient, app: AppView, timeout: timedelta | None, notices: Notices
) -> Outcome:
    def send() -> DeploymentRef:
        return client.restart_app(app.id)

    def arrived(now: AppView) -> bool:
        return now.version != app.version

    return _change(client, app, app.instances, send, arrived, timeout, notices)


def restart_warning(apps: tuple[AppView, ...]) -> str | None:
    """Return what a restart of these apps means for the rest of the cluster, if anything."""
    tiers = {tier_of(app) for app in apps}
    if names.TIER_DATABASE in tiers:
        return (
            "the scheduler stays up while its database restarts, but logins and changes of jobs "
            "wait until it is back"
        )
    if names.TIER_SCHEDULER in tiers:
        return (
            "nodes that lose their server either reconnect or end and are started again, and "
            "workflow tasks that run now may run again; about half a minute passes until the "
            "Resource Manager has its nodes back"
        )
    if names.TIER_NODES in tiers:
        return "workflow tasks that run on these nodes are lost and run again on others"
    return None


def _change(
    client: MarathonClient,
    app: AppView,
    wanted: int,
    send: Callable[[], DeploymentRef],
    arrived: Callable[[AppView], bool],
    timeout: timedelta | None,
    notices: Notices,
) -> Outcome:
    """Send a change of one app and follow it; a lost answer is resolved by looking."""
    clock = steady_clock()
    notices.on_sending()
    if timeout is None:
        submitted = _submitted(app, wanted, _send_or_look(client, app.id, send, arrived))
        notices.on_sent(submitted, False, (submitted.deployment_id or "unknown",))
        return Outcome(submitted, False, None)
    with Lookout(client, [app.id], clock=clock) as lookout:
        if not lookout.wait_for_stream():
            notices.on_note("the event stream is not open yet; reading every second meanwhile")
        submitted = _submitted(app, wanted, _send_or_look(client, app.id, send, arrived))
        lookout.read_all()
        now = lookout.apps.get(app.id)
        unchanged = now is not None and now.version == app.version
        notices.on_sent(submitted, unchanged, lookout.running())
        follower = Follower(lookout, {app.id: app}, on_progress=notices.on_progress)
        return Outcome(submitted, unchanged, follower.follow(submitted, clock() + timeout))


def _submitted(app: AppView, wanted: int, ref: DeploymentRef) -> Submitted:
    return Submitted(app.id, {app.id: wanted}, ref.id, ref.version)


def _send_or_look(
    client: MarathonClient,
    app_id: str,
    send: Callable[[], DeploymentRef],
    arrived: Callable[[AppView], bool],
) -> DeploymentRef:
    try:
        return send()
    except MarathonUnavailableError as error:
        if not error.sent:
            raise
        app = client.find_app(app_id)
        if app is None or not arrived(app):
            raise
        return DeploymentRef(next(iter(app.deployment_ids), None), app.version)


def destroy(
    client: MarathonClient,
    name: str,
    *,
    timeout: timedelta,
    cancel_deployments: bool = False,
    notices: Notices | None = None,
) -> Verdict:
    """Take a group down: nodes, scheduler, database, each gone before the next; then the group.

    Marathon's own delete stops everything in one step (stack.md, 13), which takes the database
    from under a scheduler that still writes. Returns Succeeded, or TimedOut with what is left.
    Raises DeploymentLockedError while another deployment holds an app, unless
    ``cancel_deployments``, which rolls those back first.
    """
    group = find_cluster(client, name)
    hear = notices or Notices()
    clock = steady_clock()
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
            _send_or_look(
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
