"""The fields of apps and groups: a table of what each is made of, and its default.

Sources: recordings/marathon-schemas/raml, corrected by the recordings (``cpus`` may be 0: a lower
bound counts as its whole part).
"""

from __future__ import annotations

import re
from typing import Any

from pamesos.local.definitions.parts import (
    CONTAINER,
    IP_ADDRESS,
    LABELS,
    LEGACY_NAME,
    NATURAL,
    NETWORK,
    PATH,
    PATH_ID,
    PORT,
    PORT_DEFINITION,
    SCHEME,
    TEXTS,
    URI,
    optional,
    required,
)
from pamesos.local.definitions.readers import (
    Choice,
    Flag,
    ListOf,
    MapOf,
    Moment,
    OneOf,
    Real,
    Record,
    Text,
    Whole,
)

_TIMES = {
    "gracePeriodSeconds": optional(NATURAL, 300),
    "intervalSeconds": optional(NATURAL, 60),
    "maxConsecutiveFailures": optional(NATURAL, 3),
    "timeoutSeconds": optional(Whole(), 20),
    "delaySeconds": optional(NATURAL, 15),
}

HEALTH_CHECK = Record(
    {
        "command": optional(Record({"value": required(Text())}, strict=True)),
        "ignoreHttp1xx": optional(Flag()),
        "path": optional(Text()),
        "port": optional(PORT),
        "portIndex": optional(PORT),
        "protocol": optional(
            Choice(("HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_TCP", "MESOS_HTTP", "MESOS_HTTPS")),
            "HTTP",
        ),
        "ipProtocol": optional(Choice(("IPv4", "IPv6")), "IPv4"),
        **_TIMES,
    }
)

_COMMAND = OneOf(
    (
        Record({"shell": required(Text(1))}),
        Record({"argv": required(ListOf(Text(), min_items=1))}),
    )
)

CHECK = Record(
    {
        "http": optional(
            Record(
                {
                    "portIndex": optional(PORT),
                    "port": optional(PORT),
                    "path": optional(PATH),
                    "scheme": optional(SCHEME, "HTTP"),
                }
            )
        ),
        "tcp": optional(Record({"portIndex": optional(PORT), "port": optional(PORT)})),
        "exec": optional(Record({"command": required(_COMMAND)}, strict=True)),
        "intervalSeconds": optional(NATURAL, 60),
        "timeoutSeconds": optional(NATURAL, 20),
        "delaySeconds": optional(NATURAL, 15),
    }
)

READINESS_CHECK = Record(
    {
        "name": optional(Text(1), "readinessCheck"),
        "protocol": optional(SCHEME, "HTTP"),
        "path": optional(PATH, "/"),
        "portName": optional(LEGACY_NAME, "http-api"),
        "intervalSeconds": optional(NATURAL, 30),
        "timeoutSeconds": optional(Whole(1), 10),
        "httpStatusCodesForReady": optional(ListOf(Whole(), unique=True, min_items=1)),
        "preserveLastResponse": optional(Flag(), False),
    }
)

_UPGRADE = Record(
    {
        "maximumOverCapacity": required(Real(0, 1)),
        "minimumHealthCapacity": required(Real(0, 1)),
    }
)

#: Any text reads as ``disabled`` (facts/marathon.md 6); other JSON as a record of two defaults.
_UNREACHABLE = OneOf(
    (
        Text(),
        Record(
            {
                "inactiveAfterSeconds": optional(Whole(0, bits=64), 0),
                "expungeAfterSeconds": optional(Whole(0, bits=64), 0),
            }
        ),
    )
)

_EXECUTOR_RESOURCES = Record(
    {
        "cpus": optional(Real(0), 0.1),
        "mem": optional(Real(32), 32.0),
        "disk": optional(Real(10), 10.0),
    }
)

_LIMIT = OneOf((Text(), Real()))

_RESIDENCY = Record(
    {
        "relaunchEscalationTimeoutSeconds": optional(Whole(0, bits=64), 3600),
        "taskLostBehavior": optional(
            Choice(("WAIT_FOREVER", "RELAUNCH_AFTER_TIMEOUT")), "WAIT_FOREVER"
        ),
    }
)

_VERSION_INFO = Record(
    {"lastScalingAt": required(Moment()), "lastConfigChangeAt": required(Moment())}, strict=True
)

_EXECUTOR = Text(pattern=re.compile(r"(//cmd)|(/?[^/]+(/[^/]+)*)|"))

APP = Record(
    {
        "id": required(PATH_ID),
        "acceptedResourceRoles": optional(ListOf(Text(), unique=True)),
        "args": optional(TEXTS, ()),
        "backoffFactor": optional(Real(1), 1.15),
        "backoffSeconds": optional(NATURAL, 1),
        "cmd": optional(Text(1)),
        "constraints": optional(ListOf(TEXTS, unique=True), ()),
        "container": optional(CONTAINER),
        "cpus": optional(Real(0), 1.0),
        "dependencies": optional(ListOf(Text(), unique=True), ()),
        "disk": optional(Real(0), 0.0),
        "env": optional(
            MapOf(OneOf((Text(), Record({"secret": required(Text())}, strict=True)))), {}
        ),
        "executor": optional(_EXECUTOR, ""),
        "executorResources": optional(_EXECUTOR_RESOURCES),
        "fetch": optional(
            ListOf(
                Record(
                    {
                        "uri": required(URI),
                        "extract": optional(Flag(), True),
                        "executable": optional(Flag(), False),
                        "cache": optional(Flag(), False),
                        "destPath": optional(PATH),
                    }
                )
            ),
            (),
        ),
        "healthChecks": optional(ListOf(HEALTH_CHECK, unique=True), ()),
        "check": optional(CHECK),
        "instances": optional(NATURAL, 1),
        "labels": optional(LABELS, {}),
        "maxLaunchDelaySeconds": optional(NATURAL, 300),
        "mem": optional(Real(0), 128.0),
        "gpus": optional(NATURAL, 0),
        "ipAddress": optional(IP_ADDRESS),
        "networks": optional(ListOf(NETWORK), ()),
        "ports": optional(ListOf(Whole())),
        "portDefinitions": optional(ListOf(PORT_DEFINITION)),
        "readinessChecks": optional(ListOf(READINESS_CHECK), ()),
        "residency": optional(_RESIDENCY),
        "resourceLimits": optional(
            Record({"cpus": optional(_LIMIT), "mem": optional(_LIMIT)}, strict=True)
        ),
        "requirePorts": optional(Flag(), False),
        "secrets": optional(MapOf(Record({"source": required(Text(1))})), {}),
        "taskKillGracePeriodSeconds": optional(NATURAL),
        "upgradeStrategy": optional(_UPGRADE),
        "uris": optional(TEXTS),
        "user": optional(Text()),
        "version": optional(Moment()),
        "versionInfo": optional(_VERSION_INFO),
        "killSelection": optional(Choice(("YOUNGEST_FIRST", "OLDEST_FIRST")), "YOUNGEST_FIRST"),
        "unreachableStrategy": optional(_UNREACHABLE),
        "tty": optional(Flag()),
        "role": optional(Text(1)),
    }
)

#: An update of an app: the same fields, none required, nothing filled in.
APP_UPDATE = APP.without_defaults()


class _GroupReader:
    """A group update; it holds groups itself, so its record is made when it is first read."""

    def read(self, value: Any, path: str, faults: list[tuple[str, str]]) -> Any:
        return GROUP_UPDATE.read(value, path, faults)


GROUP_UPDATE = Record(
    {
        "id": optional(PATH_ID),
        "apps": optional(ListOf(APP, unique=True)),
        "groups": optional(ListOf(_GroupReader(), unique=True)),
        "dependencies": optional(ListOf(Text(), unique=True)),
        "scaleBy": optional(Real(0)),
        "version": optional(Moment()),
        "enforceRole": optional(Flag()),
    }
)

GROUP_PATCH = Record({"enforceRole": optional(Flag())}, strict=True)
