"""Plan to Marathon group: the JSON that ``PUT /v2/groups/<id>`` receives.

Every value is one that Marathon 1.11 takes (recordings/stack/01-deploy.jsonl) and nothing depends
on time or order of hashing: the same plan gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from pamesos.core import names
from pamesos.core.plan import Check, Plan, PlannedApp


def render_group(plan: Plan) -> dict[str, Any]:
    """Return ``{"id", "apps": [database, scheduler, node sources…]}``."""
    apps = [_render_app(app) for tier in names.TIERS for app in plan.tiers[tier]]
    return {"id": plan.group_id, "apps": apps}


def body_hash(body: dict[str, Any]) -> str:
    """Return 16 hex digits that change when a change of the app would restart it.

    ``instances`` is left out: scaling must not alter a label, since any change of a label restarts
    the app (facts/marathon.md 19).
    """
    relevant = {key: value for key, value in body.items() if key != "instances"}
    canonical = json.dumps(relevant, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _render_app(app: PlannedApp) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": app.app_id,
        "instances": app.instances,
        "cpus": app.resources.cpus,
        "mem": app.resources.mem_mib,
        "disk": app.resources.disk_mib,
    }
    if app.resources.gpus:
        body["gpus"] = app.resources.gpus
    if app.command is not None:
        body["cmd"] = app.command
    body |= _placement(app) | _network(app) | _checks(app) | _restarts(app)
    if app.dependencies:
        body["dependencies"] = list(app.dependencies)
    if app.env:
        body["env"] = dict(sorted(app.env.items()))
    body["labels"] = dict(sorted(app.labels.items()))
    body["labels"][names.LABEL_HASH] = body_hash(body)
    return body


def _placement(app: PlannedApp) -> dict[str, Any]:
    options = app.options
    body: dict[str, Any] = {}
    if app.constraints:
        body["constraints"] = [list(constraint) for constraint in app.constraints]
    if options.user:
        body["user"] = options.user
    if options.role:
        body["role"] = options.role
    if options.accepted_resource_roles:
        body["acceptedResourceRoles"] = list(options.accepted_resource_roles)
    if options.fetch:
        body["fetch"] = [dict(uri) for uri in options.fetch]
    return body


def _network(app: PlannedApp) -> dict[str, Any]:
    """Host network: a dynamic port is 0; a fixed one has to be offered by the agent.

    Bridge: the container has the same port as the agent, so that ProActive may advertise the
    agent's address (facts/proactive.md 2); a dynamic containerPort 0 becomes the agent's port
    (facts/stack.md 16).
    """
    if app.network.mode == "bridge":
        return {"networks": [{"mode": "container/bridge"}], "container": _container(app)}
    if app.network.mode == "container":
        network = {"mode": "container", "name": app.network.name}
        return {"networks": [network], "container": _container(app)}
    ports = [{"port": port, "name": name, "protocol": "tcp"} for name, port in app.ports]
    body: dict[str, Any] = {"networks": [{"mode": "host"}], "portDefinitions": ports}
    if any(port for _, port in app.ports):
        body["requirePorts"] = True
    return body | ({"container": _container(app)} if app.image else {})


def _container(app: PlannedApp) -> dict[str, Any]:
    body: dict[str, Any] = {"type": "DOCKER", "docker": {"image": app.image}}
    if app.alias is not None:
        body["docker"]["parameters"] = [{"key": "network-alias", "value": app.alias}]
    if app.volumes:
        body["volumes"] = [
            {
                "containerPath": volume.container_path or volume.host_path,
                "hostPath": volume.host_path,
                "mode": volume.mode,
            }
            for volume in app.volumes
        ]
    if app.network.mode != "host":
        body["portMappings"] = [_mapping(app, name, port) for name, port in app.ports]
    return body


def _mapping(app: PlannedApp, name: str, port: int) -> dict[str, Any]:
    mapping = {"containerPort": port, "hostPort": port, "name": name, "protocol": "tcp"}
    if app.network.mode == "container" and name not in app.published:
        del mapping["hostPort"]
    return mapping


def _checks(app: PlannedApp) -> dict[str, Any]:
    body: dict[str, Any] = {"healthChecks": [_render_check(app.check)]}
    if app.ready_path is not None:
        body["readinessChecks"] = [
            {
                "name": "ready",
                "protocol": "HTTP",
                "path": app.ready_path,
                "portName": "web",
                "intervalSeconds": 2,
                "timeoutSeconds": 1,
                "httpStatusCodesForReady": [200],
                "preserveLastResponse": True,
            }
        ]
    return body


def _render_check(check: Check) -> dict[str, Any]:
    body: dict[str, Any] = {"protocol": check.protocol}
    if check.protocol == "COMMAND":
        body["command"] = {"value": check.target}
    else:
        body["portIndex"] = 0
        if check.target is not None:
            body["path"] = check.target
    return body | {
        "gracePeriodSeconds": check.grace_s,
        "intervalSeconds": check.interval_s,
        "timeoutSeconds": check.timeout_s,
        "maxConsecutiveFailures": check.failures,
        "delaySeconds": check.delay_s,
    }


def _restarts(app: PlannedApp) -> dict[str, Any]:
    """Single tiers: never two at once. Nodes: at least half stay while they are replaced.

    0.5/0 and not Marathon's 1/1, which deadlocks where constraints leave no room for one more.
    """
    body: dict[str, Any] = {
        "backoffSeconds": 1,
        "backoffFactor": 1.15,
        "maxLaunchDelaySeconds": 60,
        "taskKillGracePeriodSeconds": app.kill_grace_s,
        "upgradeStrategy": {
            "minimumHealthCapacity": 0 if app.is_single or app.instances == 1 else 0.5,
            "maximumOverCapacity": 0,
        },
    }
    return body | ({"unreachableStrategy": "disabled"} if app.is_single else {})
