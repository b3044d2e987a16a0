"""Scale and restart what was submitted; each waits for the truth and forces nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from pamesos.clients.marathon import MarathonClient
from pamesos.core import names
from pamesos.core.observed import AppView, DeploymentRef, GroupView
from pamesos.core.policy import policy_of
from pamesos.core.selection import select, tier_of
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.core.verdict import Submitted, Succeeded, TimedOut
from pamesos.engine.drain import Drain, Drainer, rest_of
from pamesos.engine.follow import Follower
from pamesos.engine.lookout import Lookout, steady_clock
from pamesos.engine.submit import Notices, Outcome
from pamesos.errors import (
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
    drain: Drain | None = None,
    notices: Notices | None = None,
) -> Outcome:
    """Set the instances of one app, named by node source, tier or app id.

    Nodes that go are drained first, with ``drain``. Raises InvalidInputError if the word names
    several apps, or a second database or scheduler, or a drain that nobody would wait for.
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

    hear = notices or Notices()
    if instances < app.instances and drain is not None:
        with_drain = drainer_of(client, group, (app,), drain, hear)
        if with_drain is not None:
            _refuse_unwaited(timeout)
            with with_drain as draining:
                draining.scale_down(app.id, instances)

    def send() -> DeploymentRef:
        return client.scale_app(app.id, instances)

    def arrived(now: AppView) -> bool:
        return now.instances == instances

    return _change(client, app, instances, send, arrived, timeout, hear)


def drainer_of(
    client: MarathonClient,
    group: GroupView,
    apps: tuple[AppView, ...],
    drain: Drain,
    hear: Notices,
) -> Drainer | None:
    """Return what drains these apps; None if none of them has nodes, or no scheduler runs."""
    if not any(tier_of(app) == names.TIER_NODES and app.running_tasks() for app in apps):
        return None
    rest = rest_of(group.apps)
    if rest is None:
        hear.on_note("nothing is drained: no scheduler runs, so no workflow task does either")
        return None
    deadline = drain.deadline
    if deadline is None:
        deadline = policy_of(ClusterSnapshot(group)).drain_deadline
    return Drainer(client, drain.connect(rest), deadline, drain.look, hear)


def _refuse_unwaited(timeout: timedelta | None) -> None:
    if timeout is None:
        raise InvalidInputError(
            "nodes are drained before they go, and that has to be waited for; nothing was sent",
            remedy="leave out --no-wait, or give --no-drain, which kills workflow tasks",
        )


def restart(
    client: MarathonClient,
    name: str,
    word: str,
    *,
    timeout: timedelta | None,
    drain: Drain | None = None,
    notices: Notices | None = None,
) -> Outcome:
    """Restart a tier, a node source or an app; several apps one after the other.

    With ``drain`` the nodes of a node source are replaced a few at a time, each when it is idle.
    """
    group = find_cluster(client, name)
    hear = notices or Notices()
    outcome: Outcome | None = None
    for app in select(group, word):
        draining = drainer_of(client, group, (app,), drain, hear) if drain is not None else None
        if draining is None:
            outcome = _restart_one(client, app, timeout, hear)
        else:
            outcome = _replace_drained(client, app, draining, timeout, hear)
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


def _replace_drained(
    client: MarathonClient,
    app: AppView,
    drainer: Drainer,
    timeout: timedelta | None,
    hear: Notices,
) -> Outcome:
    """Replace the nodes of an app; its definition and version stay, so there is no deployment."""
    _refuse_unwaited(timeout)
    assert timeout is not None
    hear.on_sending()
    with drainer as draining:
        problem = draining.replace_all(app.id, timeout)
    clock = steady_clock()
    submitted = _submitted(app, app.instances, DeploymentRef(None, app.version))
    if problem:
        return Outcome(submitted, False, TimedOut(problem, app.id))
    with Lookout(client, [app.id], clock=clock) as lookout:
        lookout.wait_for_stream()
        lookout.read_all()
        follower = Follower(lookout, {}, on_progress=hear.on_progress)
        return Outcome(submitted, False, follower.follow(submitted, clock() + timeout))


def restart_warning(apps: tuple[AppView, ...], *, drained: bool = False) -> str | None:
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
    if names.TIER_NODES in tiers and not drained:
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
        submitted = _submitted(app, wanted, send_or_look(client, app.id, send, arrived))
        notices.on_sent(submitted, False, (submitted.deployment_id or "unknown",))
        return Outcome(submitted, False, None)
    with Lookout(client, [app.id], clock=clock) as lookout:
        if not lookout.wait_for_stream():
            notices.on_note("the event stream is not open yet; reading every second meanwhile")
        submitted = _submitted(app, wanted, send_or_look(client, app.id, send, arrived))
        lookout.read_all()
        now = lookout.apps.get(app.id)
        unchanged = now is not None and now.version == app.version
        notices.on_sent(submitted, unchanged, lookout.running())
        follower = Follower(lookout, {app.id: app}, on_progress=notices.on_progress)
        return Outcome(submitted, unchanged, follower.follow(submitted, clock() + timeout))


def _submitted(app: AppView, wanted: int, ref: DeploymentRef) -> Submitted:
    return Submitted(app.id, {app.id: wanted}, ref.id, ref.version)


def send_or_look(
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
