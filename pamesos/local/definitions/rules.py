"""The rules for an app that types alone cannot say, in its present-day form.

Each yields ``(path, error)`` with the words of the recordings (01, marathon-fuzz).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

from pamesos.local.definitions import container_rules, paths, uris
from pamesos.local.definitions.constraint_rules import constraint_error
from pamesos.local.definitions.settings import GPU_RESOURCES, SECRETS, Settings

Json = dict[str, Any]
Found = Iterator[tuple[str, str]]

_OVER_NETWORK = ("HTTP", "HTTPS", "TCP")
_MESOS_CHECKS = ("COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP")
_PORT_INDEX = (
    "Health check port indices must address an element of the ports array or container port "
    "mappings."
)


@dataclasses.dataclass(frozen=True, slots=True)
class Roles:
    """The roles that an app may have, and the one it gets when it names none."""

    valid: tuple[str, ...] = ("*",)
    default: str = "*"


def faults(app: Json, settings: Settings, roles: Roles) -> Found:
    """Yield what is wrong with a canonical app."""
    if "container" in app:
        yield from container_rules.faults(app, settings)
    for rule in _RULES:
        yield from rule(app)
    yield from _secret_rules(app, settings)
    yield from _role_rules(app, roles)
    yield from _gpu_rules(app, settings)
    yield from _network_rules(app, settings)


def _id_rules(app: Json) -> Found:
    for error in paths.faults(app["id"]):
        yield "/id", error
    if app["id"] == "/":
        yield "/id", "Path must contain at least one path element"
        yield "/", "must not be root"
    for index, dependency in enumerate(app["dependencies"]):
        for error in paths.faults(dependency):
            yield f"/dependencies({index})", error


def _command_rules(app: Json) -> Found:
    cmd, args = "cmd" in app, bool(app["args"])
    image = "docker" in app.get("container", {})
    if not (cmd != args or (not (cmd and args) and image)):
        yield "/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."
    if cmd and len(app["cmd"]) <= 1:
        yield "/", "must not be an empty string"


def _port_rules(app: Json) -> Found:
    definitions = app.get("portDefinitions") or ()
    names = [definition["name"] for definition in definitions if "name" in definition]
    if len(names) != len(set(names)):
        yield "/portDefinitions", "Port names must be unique."
    ports = [definition["port"] for definition in definitions if definition["port"]]
    if len(ports) != len(set(ports)):
        yield "/portDefinitions", "Ports must be unique."


def _health_rules(app: Json) -> Found:
    mappings = app.get("container", {}).get("portMappings")
    count = len(app.get("portDefinitions") or () if mappings is None else mappings)
    docker = app.get("container", {}).get("type") == "DOCKER"
    for index, check in enumerate(app["healthChecks"]):
        if not _names_a_port(check, count):
            yield f"/healthChecks({index})", _PORT_INDEX
        over_mesos = check["protocol"] in _MESOS_CHECKS[1:]
        if check["ipProtocol"] != "IPv4" and not (over_mesos and docker):
            yield (
                f"/healthChecks({index})",
                "IPv6 can only be used for container type DOCKER and Mesos http/https/tcp "
                "health checks",
            )
    by_mesos = [
        check
        for check in app["healthChecks"]
        if check["protocol"] in _MESOS_CHECKS and "command" not in check
    ]
    if len(by_mesos) > 1:
        yield "/", "AppDefinition can contain at most one Mesos health check"


def _names_a_port(check: Json, count: int) -> bool:
    if "command" in check or check["protocol"] not in _OVER_NETWORK:
        return True
    if "portIndex" in check:
        return 0 <= int(check["portIndex"]) < count
    return "port" in check or count == 1


def _readiness_rules(app: Json) -> Found:
    checks = app["readinessChecks"]
    if len(checks) > 1:
        yield "/readinessChecks/size", f"got {len(checks)}, expected 1 or less"
    mappings = app.get("container", {}).get("portMappings")
    ports = app.get("portDefinitions") or () if mappings is None else mappings
    names = {port.get("name") for port in ports}
    for index, check in enumerate(checks):
        at, name = f"/readinessChecks({index})", check["portName"]
        if name not in names:
            yield f"{at}/portName", f"No port definition reference for portName {name}"
        timeout, interval = check["timeoutSeconds"], check["intervalSeconds"]
        if timeout >= interval:
            yield f"{at}/timeoutSeconds", f"got {timeout}, expected less than {interval}"


def _fetch_rules(app: Json) -> Found:
    for index, artifact in enumerate(app["fetch"]):
        if not uris.is_valid(artifact["uri"]):
            yield f"/fetch({index})/uri", "URI has invalid syntax."


def _residency_rules(app: Json) -> Found:
    upgrade = app.get("upgradeStrategy")
    if app["labels"].get("MARATHON_SINGLE_INSTANCE_APP") == "true":
        if app["instances"] > 1:
            yield "/", "Single instance app may only have one instance"
        for name in ("minimumHealthCapacity", "maximumOverCapacity") if upgrade else ():
            if upgrade and upgrade[name] != 0:
                yield f"/upgradeStrategy/{name}", f"got {upgrade[name]}, expected 0.0"
    elif "residency" in app and upgrade and upgrade["maximumOverCapacity"] != 0:
        over = upgrade["maximumOverCapacity"]
        yield "/upgradeStrategy/maximumOverCapacity", f"got {over}, expected 0.0"
    if "residency" in app and app.get("unreachableStrategy", "disabled") != "disabled":
        yield "/", "unreachableStrategy must be disabled for resident tasks"


def _constraint_rules(app: Json) -> Found:
    for constraint in app["constraints"]:
        error = constraint_error(constraint)
        if error is not None:
            yield "/constraints", error


def _limit_rules(app: Json) -> Found:
    for name, limit in app.get("resourceLimits", {}).items():
        at, asked = f"/resourceLimits/{name}", app[name]
        if isinstance(limit, str):
            if limit != "unlimited":
                yield (
                    at,
                    f"'{limit}' is an invalid resource limit. It must be 'unlimited' or a number",
                )
        elif limit < asked:
            yield (
                at,
                f"resource limit must be greater than or equal to requested resource ({asked})",
            )


def _migration_rules(app: Json) -> Found:
    labels = app["labels"]
    version = labels.get("DCOS_MIGRATION_API_VERSION")
    others = ("DCOS_PACKAGE_FRAMEWORK_NAME", "DCOS_MIGRATION_API_PATH")
    if version and not (version == "v1" and all(labels.get(name) for name in others)):
        yield (
            "/",
            "DCOS_PACKAGE_FRAMEWORK_NAME and DCOS_MIGRATION_API_PATH must be defined when using "
            "DCOS_MIGRATION_API_VERSION",
        )


_RULES: tuple[Callable[[Json], Found], ...] = (
    _id_rules,
    _command_rules,
    _port_rules,
    _health_rules,
    _readiness_rules,
    _fetch_rules,
    _residency_rules,
    _constraint_rules,
    _limit_rules,
    _migration_rules,
)


def not_enabled(feature: str) -> str:
    """Return the words for a feature that the operator has not switched on."""
    return f"Feature {feature} is not enabled. Enable with --enable_features {feature})"


def _secret_rules(app: Json, settings: Settings) -> Found:
    enabled = SECRETS in settings.features
    if app["secrets"] and not enabled:
        yield "/secrets", not_enabled(SECRETS)
    for index, name in enumerate(app["env"]):
        if not name:
            yield f"/env/keys({index})", "must not be empty"
    references = {name: value for name, value in app["env"].items() if isinstance(value, dict)}
    if references and not enabled:
        yield (
            "/env",
            "use of secret-references in the environment requires the secrets feature to be "
            "enabled",
        )
    for name, reference in references.items():
        if reference["secret"] not in app["secrets"]:
            yield f"/env/{name}/secret", "references an undefined secret"


def _role_rules(app: Json, roles: Roles) -> Found:
    accepted, role = app.get("acceptedResourceRoles"), app["role"]
    if role not in roles.valid:
        yield "/role", f"got {role}, expected one of: [{', '.join(roles.valid)}]"
    if accepted is None:
        return
    if not accepted:
        yield "/acceptedResourceRoles", "must not be empty"
    for index, name in enumerate(accepted):
        if "/" in name:
            yield (
                f"/acceptedResourceRoles({index + 1})",
                "A role name must not include a slash (\\x2f) character.",
            )
    allowed = dict.fromkeys(("*", role))
    if any(name not in allowed for name in accepted):
        words = " and ".join(allowed)
        yield "/acceptedResourceRoles", f"acceptedResourceRoles can only contain {words}"


def _gpu_rules(app: Json, settings: Settings) -> Found:
    if not app["gpus"]:
        return
    if app.get("container", {}).get("type") == "DOCKER":
        yield "/", "GPU resources only work with the Mesos containerizer"
    if GPU_RESOURCES not in settings.features:
        yield "/", not_enabled(GPU_RESOURCES)


def _network_rules(app: Json, settings: Settings) -> Found:
    networks = app["networks"]
    modes = [network["mode"] for network in networks]
    hosts = [network for network in networks if network["mode"] == "host"]
    if any(network.get("name") or network.get("labels") for network in hosts):
        yield "/networks", "Host networks may not have names or labels"
    bridges = [network for network in networks if network["mode"] == "container/bridge"]
    if any(network.get("name") for network in bridges):
        yield "/networks", "Bridge networks may not have names"
    names = [network["name"] for network in networks if "name" in network]
    unnamed = [n for n in networks if n["mode"] == "container" and "name" not in n]
    if len(unnamed) > 1 or len(names) != len(set(names)):
        yield "/networks", "Duplicate networks are not allowed"
    if len(set(modes)) > 1 or len(hosts) > 1 or len(bridges) > 1:
        yield (
            "/networks",
            "May specify a single host network, single bridge network, or else 1-to-n container "
            "networks",
        )
    if unnamed and settings.default_network_name is None:
        yield (
            "/networks",
            "Network name must be specified when container network is selected.",
        )
