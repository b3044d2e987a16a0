"""The fields of each event, in the order of the recordings (recordings/stack/*.sse).

``eventType`` or ``timestamp`` of None only mark their place; the bus fills them in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pamesos.local.deployments.plan import Action, DeploymentPlan
from pamesos.local.instances.model import Instance, Task

Fields = dict[str, Any]


def steps_json(plan: DeploymentPlan) -> list[Fields]:
    """Return the steps as they are shown everywhere."""
    return [step_json(step) for step in plan.steps]


def step_json(step: tuple[Action, ...]) -> Fields:
    """Return one step as it is shown everywhere."""
    return {"actions": [{"action": action.action, "app": action.app} for action in step]}


def plan_json(plan: DeploymentPlan) -> Fields:
    """Return a plan without its groups: the light format, whatever was asked (fact 25)."""
    return {"id": plan.id, "steps": steps_json(plan), "version": plan.version}


def deployment_step(plan: DeploymentPlan, step: tuple[Action, ...]) -> Fields:
    """Fields of ``deployment_info``, ``deployment_step_success``."""
    return {"plan": plan_json(plan), "currentStep": step_json(step)}


def deployment_end(plan: DeploymentPlan, reason: str | None = None) -> Fields:
    """Fields of ``deployment_success``, and with a reason of ``deployment_failed``."""
    fields: Fields = {"id": plan.id, "plan": plan_json(plan), "eventType": None, "timestamp": None}
    return fields if reason is None else {**fields, "reason": reason}


def group_change(group: str, version: str, reason: str | None = None) -> Fields:
    """Fields of ``group_change_success``, and with a reason of ``group_change_failed``."""
    fields: Fields = {"groupId": group, "version": version}
    return fields if reason is None else {**fields, "reason": reason}


def instance_changed(instance: Instance) -> Fields:
    """Fields of ``instance_changed_event``; an instance never launched has no host."""
    task = instance.task
    return {
        "instanceId": instance.id,
        "condition": instance.condition,
        "runSpecId": instance.app_id,
        "agentId": task.agent if task else None,
        "host": task.host if task else None,
        "runSpecVersion": instance.version,
        "timestamp": None,
        "eventType": None,
    }


def unknown_instance_terminated(instance: Instance) -> Fields:
    """Fields of ``unknown_instance_terminated_event``."""
    return {
        "instanceId": instance.id,
        "runSpecId": instance.app_id,
        "condition": instance.condition,
    }


def ip_addresses(task: Task) -> list[Fields]:
    """Return the addresses of a task that was started."""
    return [{"ipAddress": task.container_ip or task.ip, "protocol": "IPv4"}]


def status_update(instance: Instance, task: Task, message: str) -> Fields:
    """Fields of ``status_update_event``; the state is the task's."""
    return {
        "slaveId": task.agent,
        "taskId": task.id,
        "taskStatus": task.state,
        "message": message,
        "appId": instance.app_id,
        "host": task.host,
        "ipAddresses": ip_addresses(task),
        "ports": list(task.ports),
        "version": instance.version,
    }


def instance_health_changed(instance: Instance, healthy: bool | None) -> Fields:
    """Fields of ``instance_health_changed_event``; None: nothing is known (the task ended)."""
    return {
        "instanceId": instance.id,
        "runSpecId": instance.app_id,
        "healthy": healthy,
        "runSpecVersion": instance.version,
        "timestamp": None,
        "eventType": None,
    }


def health_status_changed(instance: Instance, *, alive: bool) -> Fields:
    """Fields of ``health_status_changed_event``: one check flipped."""
    return {
        "appId": instance.app_id,
        "instanceId": instance.id,
        "version": instance.version,
        "alive": alive,
    }


def failed_health_check(instance: Instance, check: Mapping[str, Any]) -> Fields:
    """Fields of ``failed_health_check_event``; its ``taskId`` is the instance's id."""
    return {
        "appId": instance.app_id,
        "eventType": None,
        "healthCheck": dict(check),
        "taskId": instance.id,
        "timestamp": None,
    }


def unhealthy_kill(instance: Instance, task: Task, reason: str) -> Fields:
    """Fields of ``unhealthy_instance_kill_event``."""
    return {
        "appId": instance.app_id,
        "taskId": task.id,
        "instanceId": instance.id,
        "version": instance.version,
        "reason": reason,
        "host": task.host,
        "slaveId": task.agent,
    }


def add_health_check(app: Mapping[str, Any], check: Mapping[str, Any]) -> Fields:
    """Fields of ``add_health_check_event``."""
    return {
        "appId": app["id"],
        "eventType": None,
        "healthCheck": dict(check),
        "timestamp": None,
        "version": app["version"],
    }


def api_post(client: str, uri: str, app: Mapping[str, Any]) -> Fields:
    """Fields of ``api_post_event``; whole numbers lose their ``.0`` there (recordings 03)."""
    return {"clientIp": client, "uri": uri, "appDefinition": whole_numbers(app)}


def whole_numbers(value: Any) -> Any:
    """Return JSON with ``1.0`` written as ``1``."""
    if isinstance(value, Mapping):
        return {key: whole_numbers(member) for key, member in value.items()}
    if isinstance(value, list):
        return [whole_numbers(member) for member in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
