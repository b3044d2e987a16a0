"""Sends a group and tells the truth about what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pamesos.clients.marathon import MarathonClient
from pamesos.core import names
from pamesos.core.observed import AppView, DeploymentRef
from pamesos.core.selection import instances_of, labels_of
from pamesos.core.uptime import SETTLE
from pamesos.core.verdict import Submitted, Verdict
from pamesos.engine.follow import Follower, OnProgress
from pamesos.engine.lookout import Clock, Lookout, steady_clock
from pamesos.errors import MarathonUnavailableError, PamesosError

#: After a lost answer: how long the change may take to show before it counts as never arrived.
LOST_GRACE = timedelta(seconds=5)
LOST_LOOK = timedelta(milliseconds=500)
#: How often a group that surely never arrived is sent again.
SEND_TRIES = 3


@dataclass(frozen=True)
class Outcome:
    """What was sent, whether it changed anything, and the verdict (None if nobody waited)."""

    submitted: Submitted
    unchanged: bool
    verdict: Verdict | None


@dataclass
class Notices:
    """What the caller wants to hear while waiting; each has a default that says nothing."""

    on_sending: Callable[[], None] = lambda: None
    #: The submission, whether it changed nothing, and the deployments that carry it out.
    on_sent: Callable[[Submitted, bool, tuple[str, ...]], None] = lambda *_: None
    on_progress: OnProgress = lambda app_id, words: None
    on_note: Callable[[str], None] = lambda words: None


def submit(
    client: MarathonClient,
    group: Mapping[str, Any],
    *,
    timeout: timedelta | None,
    notices: Notices | None = None,
    settle: timedelta = SETTLE,
) -> Outcome:
    """Send a group (absolute ``id``) and follow it; ``timeout`` None sends and returns.

    Raises the client's errors; DeploymentLockedError if another deployment holds an app of it.
    """
    hear = notices or Notices()
    clock = steady_clock()
    group_id = str(group["id"])
    wanted = instances_of(group)
    if timeout is None:
        before = _read(client, group_id)
        hear.on_sending()
        ref = _send(client, group, before, clock)
        unchanged = _unchanged(client, group_id, before)
        submitted = Submitted(group_id, wanted, ref.id, ref.version)
        hear.on_sent(submitted, unchanged, (ref.id,) if ref.id is not None else ())
        return Outcome(submitted, unchanged, None)
    with Lookout(client, wanted, group_id=group_id, clock=clock) as lookout:
        before = _read(client, group_id)
        if not lookout.wait_for_stream():
            hear.on_note("the event stream is not open yet; reading every second meanwhile")
        hear.on_sending()
        ref = _send(client, group, before, clock)
        submitted = Submitted(group_id, wanted, ref.id, ref.version)
        lookout.read_all()
        unchanged = _same(before, lookout.apps)
        hear.on_sent(submitted, unchanged, lookout.running())
        follower = Follower(lookout, before, on_progress=hear.on_progress, settle=settle)
        return Outcome(submitted, unchanged, follower.follow(submitted, clock() + timeout))


def _read(client: MarathonClient, group_id: str) -> dict[str, AppView]:
    group = client.find_group(group_id)
    return {app.id: app for app in group.apps} if group is not None else {}


def _unchanged(client: MarathonClient, group_id: str, before: Mapping[str, AppView]) -> bool:
    return _same(before, _read(client, group_id))


def _same(before: Mapping[str, AppView], after: Mapping[str, AppView]) -> bool:
    """Whether no app was added, removed or given a new version: Marathon had nothing to do.

    Marathon's own dry run lists a restart for every unchanged app (fact 18), so it is not asked.
    """
    return {app.id: app.version for app in before.values()} == {
        app.id: app.version for app in after.values()
    }


def _send(
    client: MarathonClient, group: Mapping[str, Any], before: Mapping[str, AppView], clock: Clock
) -> DeploymentRef:
    """PUT the group; a lost answer is resolved by looking, never by sending blindly again."""
    known = {deployment.id for deployment in client.get_deployments()}
    for attempt in range(SEND_TRIES):
        try:
            return client.put_group(group)
        except MarathonUnavailableError as error:
            if not error.sent:
                raise
            ref = _look_for(client, group, before, known, clock() + LOST_GRACE, clock)
            if ref is not None:
                return ref
            if attempt == SEND_TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _look_for(
    client: MarathonClient,
    group: Mapping[str, Any],
    before: Mapping[str, AppView],
    known: set[str],
    until: datetime,
    clock: Clock,
) -> DeploymentRef | None:
    """Return the deployment of a PUT whose answer was lost; None if it never arrived."""
    group_id = str(group["id"])
    while True:
        live = _read(client, group_id)
        ref = _ref_of(client, live, known)
        if _is_live(group, live) and (ref.id or _is_hashed(live) or not _same(before, live)):
            return ref
        if not _is_live(group, live) and not _same(before, live):
            raise PamesosError(
                f"the answer to the submission of {group_id} was lost, and the group now is "
                "neither what it was nor what was sent: somebody else changes it",
                remedy=f"`pamesos status {group_id.strip('/')}`, then submit again",
            )
        if clock() >= until:
            return None
        pause(min(LOST_LOOK, until - clock()))


def pause(time_to_wait: timedelta) -> None:
    """Wait between two looks at a Marathon that rings no bell."""
    import threading

    threading.Event().wait(time_to_wait.total_seconds())


def _is_live(group: Mapping[str, Any], live: Mapping[str, AppView]) -> bool:
    """Whether Marathon holds what was sent: same apps, instances and labels (hash and version)."""
    wanted, labels = instances_of(group), labels_of(group)
    if wanted.keys() != live.keys():
        return False
    return all(
        live[app_id].instances == count and dict(live[app_id].labels) == labels[app_id]
        for app_id, count in wanted.items()
    )


def _is_hashed(live: Mapping[str, AppView]) -> bool:
    """Whether equal labels prove equal definitions; in a plain group they prove nothing."""
    return all(names.LABEL_HASH in app.labels for app in live.values())


def _ref_of(client: MarathonClient, live: Mapping[str, AppView], known: set[str]) -> DeploymentRef:
    new = [
        deployment
        for deployment in client.get_deployments()
        if deployment.id not in known and not live.keys().isdisjoint(deployment.affected_apps)
    ]
    if new:
        return DeploymentRef(new[0].id, new[0].version)
    versions = [app.version for app in live.values()]
    return DeploymentRef(None, max(versions, default=None))
