"""Marathon's replies become values: tolerant of fields it adds, strict about what is relied on.

A field that Marathon leaves out (empty lists, checks) is normal; a reply of another shape raises
``ValueError``, which the client turns into an error with a remedy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pamesos.core.observed import (
    AppView,
    DeploymentView,
    FailureView,
    GroupView,
    HealthResult,
    MarathonInfo,
    OfferView,
    QueueView,
    ReadinessView,
    Rejection,
    TaskView,
)

Json = Mapping[str, Any]


def parse_time(text: Any) -> datetime | None:
    """Return an aware datetime of ``2026-11-22T16:31:33.819Z``; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed if parsed.tzinfo is not None else None


def _objects(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value) if isinstance(value, list) else ()


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def parse_task(task: Json) -> TaskView:
    """Turn one entry of ``tasks`` into a value."""
    return TaskView(
        id=str(task["id"]),
        app_id=str(task["appId"]),
        state=str(task.get("state", "TASK_STAGING")),
        host=_text(task.get("host")),
        ports=tuple(int(port) for port in task.get("ports") or ()),
        agent_id=_text(task.get("slaveId")),
        staged_at=parse_time(task.get("stagedAt")),
        started_at=parse_time(task.get("startedAt")),
        version=_text(task.get("version")),
        health_results=tuple(
            HealthResult(
                alive=bool(result.get("alive")),
                last_success_at=parse_time(result.get("lastSuccess")),
                last_failure_at=parse_time(result.get("lastFailure")),
                cause=_text(result.get("lastFailureCause")),
            )
            for result in _objects(task.get("healthCheckResults"))
        ),
    )


def _parse_failure(failure: Any) -> FailureView | None:
    if not isinstance(failure, dict):
        return None
    return FailureView(
        task_id=str(failure.get("taskId", "")),
        state=str(failure.get("state", "")),
        message=str(failure.get("message", "")),
        host=_text(failure.get("host")),
        at=parse_time(failure.get("timestamp")),
        version=_text(failure.get("version")),
    )


def _parse_readiness(result: Json) -> ReadinessView:
    status = (result.get("lastResponse") or {}).get("status")
    return ReadinessView(
        task_id=str(result.get("taskId", "")),
        name=str(result.get("name", "")),
        ready=bool(result.get("ready")),
        status=status if isinstance(status, int) else None,
    )


def _port_names(app: Json) -> tuple[str, ...]:
    container = app.get("container") or {}
    ports = container.get("portMappings") or app.get("portDefinitions")
    return tuple(str(port.get("name", "")) for port in _objects(ports))


def parse_app(app: Json) -> AppView:
    """Turn an app (of a group, or under ``app``) into a value."""
    info = app.get("versionInfo") or {}
    version = str(app.get("version", ""))
    return AppView(
        id=str(app["id"]),
        instances=int(app.get("instances", 1)),
        version=version,
        last_scaling_at=str(info.get("lastScalingAt", version)),
        last_config_change_at=str(info.get("lastConfigChangeAt", version)),
        labels={str(key): str(value) for key, value in (app.get("labels") or {}).items()},
        dependencies=_strings(app.get("dependencies")),
        cpus=_number(app.get("cpus")),
        mem_mib=_number(app.get("mem")),
        disk_mib=_number(app.get("disk")),
        health_checks=len(_objects(app.get("healthChecks"))),
        readiness_checks=len(_objects(app.get("readinessChecks"))),
        port_names=_port_names(app),
        staged=int(app.get("tasksStaged", 0)),
        running=int(app.get("tasksRunning", 0)),
        healthy=int(app.get("tasksHealthy", 0)),
        unhealthy=int(app.get("tasksUnhealthy", 0)),
        deployment_ids=tuple(str(item["id"]) for item in _objects(app.get("deployments"))),
        tasks=tuple(parse_task(task) for task in _objects(app.get("tasks"))),
        readiness=tuple(_parse_readiness(r) for r in _objects(app.get("readinessCheckResults"))),
        last_failure=_parse_failure(app.get("lastTaskFailure")),
        definition=app,
    )


def _flat_apps(group: Json) -> Iterator[AppView]:
    for app in _objects(group.get("apps")):
        yield parse_app(app)
    for child in _objects(group.get("groups")):
        yield from _flat_apps(child)


def parse_group(group: Json) -> GroupView:
    """Turn a group into a value, its nested groups flattened."""
    apps = sorted(_flat_apps(group), key=lambda app: app.id)
    return GroupView(id=str(group["id"]), version=str(group.get("version", "")), apps=tuple(apps))


def parse_deployment(deployment: Json) -> DeploymentView:
    """Turn one entry of ``/v2/deployments`` into a value."""
    return DeploymentView(
        id=str(deployment["id"]),
        version=str(deployment.get("version", "")),
        affected_apps=_strings(deployment.get("affectedApps")),
        current_step=int(deployment.get("currentStep", 0)),
        total_steps=int(deployment.get("totalSteps", 0)),
        current_actions=tuple(
            (str(action.get("action", "")), str(action.get("app") or action.get("pod") or ""))
            for action in _objects(deployment.get("currentActions"))
        ),
    )


def _parse_offer(unused: Json) -> OfferView:
    offer = unused.get("offer") or {}
    amounts: dict[str, float] = {}
    ports = 0
    for resource in _objects(offer.get("resources")):
        name = str(resource.get("name", ""))
        amounts[name] = amounts.get(name, 0.0) + _number(resource.get("scalar"))
        if name == "ports":
            ranges = _objects(resource.get("ranges"))
            ports += sum(int(r.get("end", 0)) - int(r.get("begin", 0)) + 1 for r in ranges)
    return OfferView(
        host=str(offer.get("hostname", "")),
        reasons=_strings(unused.get("reason")),
        cpus=amounts.get("cpus", 0.0),
        mem_mib=amounts.get("mem", 0.0),
        disk_mib=amounts.get("disk", 0.0),
        ports=ports,
    )


def parse_queue_entry(entry: Json) -> QueueView:
    """Turn one entry of ``/v2/queue`` into a value (pods too; their id is the app id)."""
    delay = entry.get("delay") or {}
    summary = entry.get("processedOffersSummary") or {}
    run_spec = entry.get("app") or entry.get("pod") or {}
    return QueueView(
        app_id=str(run_spec.get("id", "")),
        count=int(entry.get("count", 0)),
        delay_s=_number(delay.get("timeLeftSeconds")),
        overdue=bool(delay.get("overdue", True)),
        since=parse_time(entry.get("since")),
        rejections=tuple(
            Rejection(
                str(item.get("reason", "")),
                int(item.get("declined", 0)),
                int(item.get("processed", 0)),
            )
            for item in _objects(summary.get("rejectSummaryLastOffers"))
        ),
        unused_offers=tuple(_parse_offer(item) for item in _objects(entry.get("lastUnusedOffers"))),
    )


def parse_info(info: Json) -> MarathonInfo:
    """Turn ``/v2/info`` into a value."""
    config = info.get("marathon_config") or {}
    return MarathonInfo(
        version=str(info.get("version", "")),
        leader=_text(info.get("leader")),
        framework_id=_text(info.get("frameworkId")),
        mesos_url=_text(config.get("mesos_leader_ui_url")),
    )
