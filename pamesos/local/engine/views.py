"""What the API shows of apps, tasks, deployments and the queue; members in Marathon's order."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pamesos.local.deployments.runner import Runner
from pamesos.local.events.render import ip_addresses, steps_json
from pamesos.local.health.monitor import Monitor
from pamesos.local.health.state import Health
from pamesos.local.instances import model
from pamesos.local.instances.model import Instance
from pamesos.local.launcher import backoff
from pamesos.local.launcher.agents import Agent
from pamesos.local.launcher.ports import is_host_network
from pamesos.local.launcher.queue import Entry
from pamesos.local.times import from_iso

Json = dict[str, Any]

_NO_ADDRESS = frozenset({model.STAGING, model.STARTING, model.UNREACHABLE})


def task_json(instance: Instance, agent: Agent | None, health: Iterable[Health]) -> Json | None:
    """Return a task of ``/v2/tasks``, None for an instance that never had one.

    A task that ended shows neither ports nor times (facts/marathon.md 23).
    """
    task = instance.task
    if task is None:
        return None
    has_address = task.state not in _NO_ADDRESS and task.started_at is not None
    shown: Json = {
        "appId": instance.app_id,
        "healthCheckResults": [result.as_json(instance.id) for result in health],
        "host": task.host,
        "id": task.id,
        "ipAddresses": ip_addresses(task) if has_address else [],
        "ports": list(task.ports) if task.may_run else [],
        # Only GET /v2/tasks fills them in (recordings 02 and 04).
        "servicePorts": [],
        "slaveId": task.agent,
        "state": task.state,
    }
    if task.may_run:
        shown["stagedAt"] = task.staged_at
        if task.started_at is not None:
            shown["startedAt"] = task.started_at
        shown["version"] = instance.version
    shown["localVolumes"] = []
    if agent is not None and agent.region is not None:
        shown["region"] = agent.region
    if agent is not None and agent.zone is not None:
        shown["zone"] = agent.zone
    shown["role"] = instance.app.get("role", "*")
    return shown


def service_ports(app: Mapping[str, Any]) -> list[int]:
    """Return the ports that an app's clients know it by, on whatever network it is."""
    mappings = (app.get("container") or {}).get("portMappings")
    if mappings and not is_host_network(app):
        return [mapping.get("servicePort", 0) for mapping in mappings]
    return [definition["port"] for definition in app.get("portDefinitions") or ()]


def counts(instances: Iterable[Instance], monitor: Monitor) -> Json:
    """Return ``tasksStaged`` and so on."""
    of = _counts(instances, monitor)
    return {f"tasks{name.capitalize()}": number for name, number in of.items()}


def _counts(instances: Iterable[Instance], monitor: Monitor) -> Json:
    found = {"staged": 0, "running": 0, "healthy": 0, "unhealthy": 0}
    for instance in instances:
        if not instance.is_active:
            continue
        if not instance.is_running:
            found["staged"] += 1
            continue
        found["running"] += 1
        results = monitor.results(instance)
        found["healthy"] += bool(results) and all(result.alive for result in results)
        found["unhealthy"] += any(not result.alive for result in results)
    return found


def task_stats(
    app: Mapping[str, Any], instances: Iterable[Instance], monitor: Monitor, now: datetime
) -> Json:
    """Return ``tasksStats``: counts and ages of the tasks, by how recent their definition is."""
    active = [instance for instance in instances if instance.is_active]
    info = app.get("versionInfo") or {}
    config_at = info.get("lastConfigChangeAt", app["version"])
    groups = {
        "startedAfterLastScaling": [
            i for i in active if _staged(i) >= info.get("lastScalingAt", app["version"])
        ],
        "withLatestConfig": [i for i in active if i.version >= config_at],
        "withOutdatedConfig": [i for i in active if i.version < config_at],
        "totalSummary": active,
    }
    return {
        name: {"stats": _stats(members, monitor, now)}
        for name, members in groups.items()
        if members
    }


def _staged(instance: Instance) -> str:
    return instance.task.staged_at if instance.task is not None else ""


def _stats(instances: list[Instance], monitor: Monitor, now: datetime) -> Json:
    stats: Json = {"counts": _counts(instances, monitor)}
    ages = [
        round((now - from_iso(instance.task.started_at)).total_seconds(), 3)
        for instance in instances
        if instance.task is not None and instance.task.started_at is not None
    ]
    if ages:
        stats["lifeTime"] = {
            "averageSeconds": round(statistics.fmean(ages), 3),
            "medianSeconds": statistics.median(ages),
        }
    return stats


def deployment_json(runner: Runner, readiness: Mapping[str, list[Json]]) -> Json:
    """Return a deployment of ``/v2/deployments``; ``readiness`` has the results by app."""
    affected = list(dict.fromkeys(a.app for step in runner.plan.steps for a in step))
    return {
        "id": runner.plan.id,
        "steps": steps_json(runner.plan),
        "version": runner.plan.version,
        "affectedApps": affected,
        "affectedPods": [],
        "currentActions": [
            {
                "action": action.action,
                "app": action.app,
                "readinessCheckResults": readiness.get(action.app, []),
            }
            for action in runner.current
        ],
        "currentStep": runner.step,
        "totalSteps": len(runner.plan.steps),
    }


def queue_json(
    app: Mapping[str, Any], waiting: list[Instance], entry: Entry, now: datetime, offers: bool
) -> Json:
    """Return an entry of ``/v2/queue``."""
    left = backoff.seconds_left(entry.delay, now)
    shown: Json = {
        "count": len(waiting),
        "role": app.get("role", "*"),
        "delay": {"timeLeftSeconds": int(left), "overdue": left <= 0},
        "since": min(instance.since for instance in waiting),
        "processedOffersSummary": _summary(entry),
    }
    if offers:
        shown["lastUnusedOffers"] = [
            {
                "offer": offer_json(unused.left, number),
                "reason": [unused.refused],
                "timestamp": unused.at,
            }
            for number, unused in enumerate(entry.unused_offers)
        ]
    shown["app"] = dict(app)
    return shown


def _summary(entry: Entry) -> Json:
    shown: Json = {
        "processedOffersCount": entry.processed,
        "unusedOffersCount": entry.unused,
    }
    if entry.last_unused_at is not None:
        shown["lastUnusedOfferAt"] = entry.last_unused_at
    if entry.last_used_at is not None:
        shown["lastUsedOfferAt"] = entry.last_used_at
    shown["rejectSummaryLastOffers"] = entry.last.as_json()
    shown["rejectSummaryLaunchAttempt"] = entry.attempt.as_json()
    return shown


def offer_json(agent: Agent, number: int) -> Json:
    """Return what an agent offers."""
    scalars = {"cpus": agent.cpus, "mem": agent.mem, "disk": agent.disk}
    return {
        "id": f"{agent.id}-O{number}",
        "hostname": agent.hostname,
        "agentId": agent.id,
        "resources": [
            *({"name": n, "role": "*", "scalar": float(v)} for n, v in scalars.items()),
            {
                "name": "ports",
                "role": "*",
                "ranges": [{"begin": first, "end": last} for first, last in agent.ports],
            },
        ],
        "attributes": [{"name": n, "text": v} for n, v in agent.attributes.items()],
    }
