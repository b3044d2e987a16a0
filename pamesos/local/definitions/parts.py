"""What apps are made of: scalars, networks, ports, containers and their volumes."""

from __future__ import annotations

import re
from typing import Any

from pamesos.local.definitions.readers import (
    MISSING,
    Choice,
    Field,
    Flag,
    ListOf,
    MapOf,
    OneOf,
    Reader,
    Record,
    Text,
    Whole,
)

_SEGMENT = r"([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])"
PATH_PATTERN = re.compile(rf"(/?((\.\.)|({_SEGMENT}\.)*{_SEGMENT})?($|/))+")

_NAME = Text(1, 63, re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"))
_NETWORK_NAME = Text(1, 63, re.compile(r"[a-z0-9]([-a-z0-9_]*[a-z0-9])?"))
LEGACY_NAME = Text(1, None, re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"))
PATH_ID = Text(1, None, PATH_PATTERN)
URI = Text(1, 1024)
PATH = Text(1, 1024)
PORT = Whole(0, 65535)
TEXTS = ListOf(Text())
LABELS = MapOf(Text())
_PROTOCOL = Choice(("tcp", "udp", "udp,tcp"))
SCHEME = Choice(("HTTP", "HTTPS"))


def optional(reader: Reader, default: Any = MISSING) -> Field:
    return Field(reader, default=default)


def required(reader: Reader) -> Field:
    return Field(reader, required=True)


NATURAL = Whole(0)

NETWORK = Record(
    {
        "name": optional(_NETWORK_NAME),
        "mode": optional(Choice(("container", "container/bridge", "host")), "container"),
        "labels": optional(LABELS),
    }
)

PORT_DEFINITION = Record(
    {
        "port": optional(PORT, 0),
        "labels": optional(LABELS),
        "name": optional(LEGACY_NAME),
        "protocol": optional(_PROTOCOL, "tcp"),
    }
)

PORT_MAPPING = Record(
    {
        "containerPort": optional(PORT, 0),
        "hostPort": optional(PORT),
        "labels": optional(LABELS),
        "name": optional(LEGACY_NAME),
        "protocol": optional(_PROTOCOL, "tcp"),
        "servicePort": optional(PORT, 0),
        "networkNames": optional(TEXTS),
    }
)

IP_ADDRESS = Record(
    {
        "discovery": optional(
            Record(
                {
                    "ports": optional(
                        ListOf(
                            Record(
                                {
                                    "number": optional(PORT, 0),
                                    "name": required(LEGACY_NAME),
                                    "protocol": optional(_PROTOCOL, "tcp"),
                                    "labels": optional(LABELS),
                                }
                            )
                        )
                    )
                }
            )
        ),
        "groups": optional(ListOf(Text(), unique=True)),
        "labels": optional(LABELS),
        "networkName": optional(Text(1)),
    }
)

_DOCKER = Record(
    {
        "credential": optional(
            Record({"principal": required(Text()), "secret": optional(Text())}, strict=True)
        ),
        "pullConfig": optional(Record({"secret": required(Text(1))})),
        "forcePullImage": optional(Flag(), False),
        "image": required(Text(1)),
        "network": optional(Choice(("BRIDGE", "HOST", "NONE", "USER"))),
        "parameters": optional(
            ListOf(Record({"key": required(Text(1)), "value": required(Text())}))
        ),
        "portMappings": optional(ListOf(PORT_MAPPING)),
        "privileged": optional(Flag(), False),
    }
)

_LINUX_INFO = Record(
    {
        "seccomp": optional(
            Record({"profileName": optional(Text()), "unconfined": required(Flag())}, strict=True)
        ),
        "ipcInfo": optional(
            Record(
                {
                    "mode": required(Choice(("PRIVATE", "SHARE_PARENT"))),
                    "shmSize": optional(Whole()),
                },
                strict=True,
            )
        ),
    },
    strict=True,
)

_MODE = required(Choice(("RO", "RW")))
_CONTAINER_PATH = required(Text(1))

_PERSISTENT = Record(
    {
        "type": optional(Choice(("root", "path", "mount"))),
        "size": required(Whole(0, bits=64)),
        "maxSize": optional(Whole(0, bits=64)),
        "profileName": optional(Text()),
        "constraints": optional(ListOf(TEXTS, unique=True), ()),
    }
)

_DVDI = Record(
    {
        "size": optional(Whole(0, bits=64)),
        "name": optional(Text()),
        "provider": optional(Text()),
        "options": optional(LABELS),
        "shared": optional(Flag(), False),
    }
)

_CSI = Record(
    {
        "name": required(Text()),
        "provider": required(Choice(("csi",))),
        "options": required(
            Record(
                {
                    "pluginName": required(Text(1)),
                    "capability": required(
                        Record(
                            {
                                "accessMode": required(
                                    Choice(
                                        (
                                            "SINGLE_NODE_WRITER",
                                            "SINGLE_NODE_READER_ONLY",
                                            "MULTI_NODE_READER_ONLY",
                                            "MULTI_NODE_SINGLE_WRITER",
                                            "MULTI_NODE_MULTI_WRITER",
                                        )
                                    )
                                ),
                                "accessType": required(Choice(("block", "mount"))),
                                "fsType": optional(Text()),
                                "mountFlags": optional(TEXTS),
                            }
                        )
                    ),
                    "nodeStageSecret": optional(LABELS),
                    "nodePublishSecret": optional(LABELS),
                    "volumeContext": optional(LABELS),
                }
            )
        ),
    }
)

VOLUME = OneOf(
    (
        Record(
            {
                "containerPath": _CONTAINER_PATH,
                "persistent": required(_PERSISTENT),
                "mode": _MODE,
            }
        ),
        Record(
            {
                "containerPath": _CONTAINER_PATH,
                "external": required(OneOf((_DVDI, _CSI))),
                "mode": _MODE,
            }
        ),
        Record({"containerPath": _CONTAINER_PATH, "secret": required(Text(1))}),
        Record({"containerPath": _CONTAINER_PATH, "hostPath": required(Text(1)), "mode": _MODE}),
    )
)

CONTAINER = Record(
    {
        "type": optional(Choice(("MESOS", "DOCKER")), "DOCKER"),
        "docker": optional(_DOCKER),
        "linuxInfo": optional(_LINUX_INFO),
        "volumes": optional(ListOf(VOLUME), ()),
        "portMappings": optional(ListOf(PORT_MAPPING)),
    }
)
