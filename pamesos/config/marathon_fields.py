"""The fields of Marathon's groups and apps, and what kind of value each one takes.

From the recordings' schemas (marathon-schemas/json-schema-v1.7 and raml/v2/types) and what the
recorded 1.11 accepts. A kind is a name in ``_KINDS``, a nested table, or a list with one kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pamesos.config.fields import near_miss
from pamesos.config.tree import Fault, KeyPath, kind_of

Kind = Any

_PORT_MAPPING: Final[dict[str, Kind]] = {
    "containerPort": "whole",
    "hostPort": "whole",
    "servicePort": "whole",
    "protocol": "text",
    "name": "text",
    "labels": "map",
    "networkNames": ["text"],
}
_VOLUME: Final[dict[str, Kind]] = {
    "containerPath": "text",
    "hostPath": "text",
    "mode": ("RW", "RO"),
    "persistent": "any",
    "external": "any",
    "secret": "text",
}
_DOCKER: Final[dict[str, Kind]] = {
    "image": "text",
    "network": "text",
    "portMappings": [_PORT_MAPPING],
    "privileged": "flag",
    "parameters": [{"key": "text", "value": "text"}],
    "forcePullImage": "flag",
    "credential": "any",
    "pullConfig": "any",
}
_CHECK_PROTOCOLS = ("HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP")
_HEALTH_CHECK: Final[dict[str, Kind]] = {
    "protocol": _CHECK_PROTOCOLS,
    "command": {"value": "text"},
    "path": "text",
    "port": "whole",
    "portIndex": "whole",
    "gracePeriodSeconds": "whole",
    "intervalSeconds": "whole",
    "timeoutSeconds": "whole",
    "delaySeconds": "whole",
    "maxConsecutiveFailures": "whole",
    "ignoreHttp1xx": "flag",
    "ipProtocol": ("IPv4", "IPv6"),
}
_READINESS_CHECK: Final[dict[str, Kind]] = {
    "name": "text",
    "protocol": ("HTTP", "HTTPS"),
    "path": "text",
    "portName": "text",
    "intervalSeconds": "whole",
    "timeoutSeconds": "whole",
    "httpStatusCodesForReady": ["whole"],
    "preserveLastResponse": "flag",
}
_FETCH: Final[dict[str, Kind]] = {
    "uri": "text",
    "extract": "flag",
    "executable": "flag",
    "cache": "flag",
    "destPath": "text",
}
_PORT_DEFINITION: Final[dict[str, Kind]] = {
    "port": "whole",
    "name": "text",
    "protocol": "text",
    "labels": "map",
}
APP_FIELDS: Final[dict[str, Kind]] = {
    "id": "text",
    "acceptedResourceRoles": ["text"],
    "args": ["text"],
    "backoffFactor": "number",
    "backoffSeconds": "whole",
    "check": "any",
    "cmd": "text",
    "constraints": [["text"]],
    "container": {
        "type": ("DOCKER", "MESOS"),
        "docker": _DOCKER,
        "volumes": [_VOLUME],
        "portMappings": [_PORT_MAPPING],
        "linuxInfo": "any",
        "appc": "any",
    },
    "cpus": "number",
    "dependencies": "any",
    "disk": "number",
    "env": "map or object",
    "executor": "text",
    "executorResources": "any",
    "fetch": [_FETCH],
    "gpus": "whole",
    "healthChecks": [_HEALTH_CHECK],
    "instances": "whole",
    "ipAddress": "any",
    "killSelection": ("YOUNGEST_FIRST", "OLDEST_FIRST"),
    "labels": "map",
    "maxLaunchDelaySeconds": "whole",
    "mem": "number",
    "networks": [{"mode": "text", "name": "text", "labels": "map"}],
    "portDefinitions": [_PORT_DEFINITION],
    "ports": ["whole"],
    "readinessChecks": [_READINESS_CHECK],
    "requirePorts": "flag",
    "residency": "any",
    "resourceLimits": "any",
    "role": "text",
    "secrets": "any",
    "taskKillGracePeriodSeconds": "whole",
    "tty": "flag",
    "unreachableStrategy": "strategy",
    "upgradeStrategy": {"minimumHealthCapacity": "number", "maximumOverCapacity": "number"},
    "uris": ["text"],
    "user": "text",
}
GROUP_FIELDS: Final[dict[str, Kind]] = {
    "id": "text",
    "apps": "list",
    "groups": "list",
    "pods": "any",
    "dependencies": "any",
    "enforceRole": "flag",
}
#: Kind -> (what it is in words, the test).
_KINDS: Final[dict[str, tuple[str, Any]]] = {
    "text": ("a string", lambda value: isinstance(value, str)),
    "flag": ("true or false", lambda value: isinstance(value, bool)),
    "number": (
        "a number from 0",
        lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value >= 0,
    ),
    "whole": (
        "a whole number from 0",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    ),
    "list": ("a list, […]", lambda value: isinstance(value, list)),
    "map": (
        "an object of strings",
        lambda value: (
            isinstance(value, dict) and all(isinstance(member, str) for member in value.values())
        ),
    ),
    "map or object": (
        "an object of strings or of {secret}",
        lambda value: (
            isinstance(value, dict)
            and all(isinstance(member, str | dict) for member in value.values())
        ),
    ),
    # Marathon takes any text here and means the default by it (facts/marathon.md 6).
    "strategy": (
        'disabled or {"inactiveAfterSeconds": s, "expungeAfterSeconds": s}',
        lambda value: value == "disabled" or isinstance(value, dict),
    ),
    "any": ("", lambda _: True),
}


def field_faults(value: Any, path: KeyPath, kind: Kind) -> Iterator[Fault]:
    """Yield a fault for each unknown field and each value of another kind."""
    if isinstance(kind, Mapping):
        yield from _object_faults(value, path, kind)
    elif isinstance(kind, list):
        if not isinstance(value, list):
            yield Fault(path, f"expected a list, […], got {kind_of(value)}")
            return
        for at, item in enumerate(value):
            yield from field_faults(item, (*path, at), kind[0])
    elif isinstance(kind, tuple):
        if value not in kind:
            got = f'got "{value}"{near_miss(value, kind)}' if isinstance(value, str) else "got none"
            yield Fault(path, f"expected one of {', '.join(kind)}, {got}")
    elif not _KINDS[kind][1](value):
        yield Fault(path, f"expected {_KINDS[kind][0]}, got {_got(value)}")


def _object_faults(value: Any, path: KeyPath, kinds: Mapping[str, Kind]) -> Iterator[Fault]:
    if not isinstance(value, dict):
        yield Fault(path, f"expected an object, {{…}}, got {kind_of(value)}")
        return
    for key, member in value.items():
        if key == "version":
            yield Fault((*path, key), "Marathon refuses this field of its own answers; remove it")
        elif key not in kinds:
            hint = near_miss(key, kinds)
            yield Fault((*path, key), f"there is no such field{hint}; Marathon would ignore it")
        elif member is not None:
            yield from field_faults(member, (*path, key), kinds[key])


def _got(value: Any) -> str:
    return str(value) if isinstance(value, int | float) else kind_of(value)
