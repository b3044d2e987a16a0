"""Why is an app not up? One sentence from what was observed; "Waiting" is not an answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pamesos.core.observed import AppView, Health, OfferView, QueueView
from pamesos.core.uptime import Uptime, is_ready

#: Marathon's words for a refused offer (``rejectSummaryLastOffers``), as a person would say them.
_REASONS = {
    "UnfulfilledRole": "reserved for another role",
    "UnfulfilledConstraint": "a constraint of the app",
    "NoCorrespondingReservationFound": "no matching reservation",
    "AgentMaintenance": "agent in maintenance",
    "InsufficientCpus": "too few cpus",
    "InsufficientMemory": "too little memory",
    "InsufficientDisk": "too little disk",
    "InsufficientGpus": "too few gpus",
    "InsufficientPorts": "the ports are not free",
    "DeclinedScarceResources": "kept for apps that need gpus",
}


def why_not_up(
    app: AppView, uptime: Uptime, queue: Mapping[str, QueueView], down: Collection[str] = ()
) -> str:
    """Return why this app is not up, the most telling observation first.

    ``down`` are ids of apps that are not up either: one that is depended on explains the rest.
    """
    queued = queue.get(app.id)
    if queued is not None and queued.count > 0:
        return _why_queued(app, queued)
    needed = [app_id for app_id in app.dependencies if app_id in down]
    if needed and app.deployment_ids and uptime.running + uptime.staging == 0:
        return f"waits until {', '.join(needed)} is up"
    if uptime.unreachable:
        return f"{uptime.unreachable} of its tasks cannot be reached: their agent does not answer"
    if uptime.staging:
        return f"{uptime.staging} of {uptime.wanted} are still starting{_last_failure(app)}"
    return _why_not_well(app) or _why_not_enough(app, uptime)


def _why_not_enough(app: AppView, uptime: Uptime) -> str:
    if uptime.outdated:
        return f"{uptime.outdated} tasks of its old definition still run"
    if uptime.settles_at is not None:
        return "its tasks started just now and have no check"
    if uptime.running < uptime.wanted:
        return f"{uptime.running} of {uptime.wanted} run{_last_failure(app)}"
    return str(uptime)


def _why_not_well(app: AppView) -> str | None:
    running = [task for task in app.running_tasks() if app.is_current(task)]
    for task in running:
        health = task.health(app.health_checks)
        if app.health_checks and health is Health.UNHEALTHY:
            causes = [r.cause for r in task.health_results if not r.alive and r.cause]
            return f"a task on {task.host} is unhealthy{': ' + causes[0] if causes else ''}"
        if app.health_checks and health is Health.UNKNOWN:
            since = f" since {task.started_at:%H:%M:%S} UTC" if task.started_at else ""
            return f"a task runs on {task.host}{since}, but its health check has not passed yet"
        if app.deployment_ids and not is_ready(app, task):
            return _why_not_ready(app, task.id)
    return None


def _why_not_ready(app: AppView, task_id: str) -> str:
    result = next(r for r in app.readiness if r.task_id == task_id and not r.ready)
    answer = f"HTTP {result.status}" if result.status is not None else "nothing yet"
    return f"its readiness check {result.name} answers {answer}"


def _why_queued(app: AppView, queued: QueueView) -> str:
    if queued.waiting_for_delay:
        return (
            f"Marathon delays the next start by {queued.delay_s:g} s after failures"
            f"{_last_failure(app)}"
        )
    refused = [item for item in queued.rejections if item.declined]
    if not refused:
        return f"{queued.count} of {app.instances} wait for an offer of Mesos{_last_failure(app)}"
    reasons = ", ".join(
        f"{_REASONS.get(item.reason, item.reason)} ({item.declined} of {item.processed} offers)"
        for item in refused
    )
    asked = f"cpus {app.cpus:g}, memory {app.mem_mib:g} MiB, disk {app.disk_mib:g} MiB"
    return f"no offer fits: asked {asked}; refused for {reasons}{_best_offer(queued.unused_offers)}"


def _best_offer(offers: tuple[OfferView, ...]) -> str:
    if not offers:
        return ""
    best = max(offers, key=lambda offer: (offer.cpus, offer.mem_mib))
    return (
        f"; best offer: cpus {best.cpus:g}, memory {best.mem_mib:g} MiB, "
        f"disk {best.disk_mib:g} MiB on {best.host}"
    )


def _last_failure(app: AppView) -> str:
    failure = app.last_failure
    if failure is None:
        return ""
    where = f" on {failure.host}" if failure.host else ""
    return f"; last failure{where}: {failure.message.strip() or failure.state}"
