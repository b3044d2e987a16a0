"""What is remembered of the place a cluster's server runs at: row 7 of the watcher's table.

Marathon does nothing for dependants when a scheduler comes back as another task or elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pamesos.core import names
from pamesos.core.jobs import RunningTask
from pamesos.core.snapshot import ClusterSnapshot, is_ready

_SURE = timedelta(minutes=2)


@dataclass(frozen=True)
class ServerMemory:
    """One server: the ready scheduler task that was seen last."""

    task_id: str = ""
    #: ``host:port,port`` as Marathon shows them.
    address: str = ""
    #: Whether it took the place of another task that this watcher had seen.
    is_successor: bool = False
    #: Since when it has been ready without a break; None while it is not.
    ready_since: datetime | None = None
    #: When its RM could first be read: nodes that are missing then lost their server.
    first_viewed_at: datetime | None = None
    #: When it started at another address than the last; by Mesos' clock. None: nothing is left of
    #: the old address, or it did not move.
    moved_at: datetime | None = None

    @property
    def moved(self) -> bool:
        return self.moved_at is not None


def remember_server(known: ServerMemory, snapshot: ClusterSnapshot, now: datetime) -> ServerMemory:
    """Return the memory after a look; a server that is not ready changes nothing else."""
    apps = snapshot.tier(names.TIER_SCHEDULER)
    running = apps[0].running_tasks() if len(apps) == 1 else ()
    if len(running) != 1 or not is_ready(apps[0]):
        return replace(known, ready_since=None)
    task = running[0]
    address = f"{task.host}:{','.join(map(str, task.ports))}"
    if task.id != known.task_id:
        moved = bool(known.address) and known.address != address
        known = ServerMemory(
            task.id,
            address,
            is_successor=bool(known.task_id),
            moved_at=(task.started_at or now) if moved else known.moved_at,
        )
    if known.first_viewed_at is None and snapshot.rm_nodes is not None:
        known = replace(known, first_viewed_at=now)
    known = replace(known, ready_since=known.ready_since or now)
    return replace(known, moved_at=None) if _is_over(known, snapshot, now) else known


def _is_over(server: ServerMemory, snapshot: ClusterSnapshot, now: datetime) -> bool:
    """Whether nothing of the old address is left; not believed of a server that just came up."""
    tasks, since = snapshot.workflow_tasks, server.ready_since
    if tasks is None or since is None or now - since < _SURE:
        return False
    return not any(ghosts(server, tasks, ()))


def settled_at(server: ServerMemory, grace: timedelta) -> datetime | None:
    """Return when nodes have had their time to come back to it; None while it is not ready."""
    return server.ready_since + grace if server.ready_since is not None else None


def ghosts(
    server: ServerMemory, tasks: Collection[RunningTask], done: Collection[str]
) -> Iterator[RunningTask]:
    """Yield the workflow tasks that ran when the server moved to another address.

    They report their end to the old address once and stay RUNNING, their node Busy, for ever
    (facts/proactive.md 3, GHOST TASKS; recordings/proactive/09-server-moves). No call tells one
    that still computes from one that has ended, and neither can deliver its result.
    """
    if server.moved_at is None:
        return
    for task in tasks:
        began = task.started_at
        if began is not None and began < server.moved_at and str(task) not in done:
            yield task
