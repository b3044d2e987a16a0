"""Parts of the schema that several tiers share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, post_load

from pamesos.config.fields import (
    Choice,
    Flag,
    Many,
    Number,
    Object,
    Size,
    Strict,
    StrictSchema,
    Text,
    TextMap,
    near_miss,
    quoted,
)
from pamesos.config.tree import kind_of
from pamesos.core.model import Network, Options, Volume

HOST_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"
HOST_FORM = "a host name or an IP address"
ABSOLUTE = r"/[^\x00-\x1f]*"
#: Operator -> whether it needs a value (Marathon's constraint types, raml/v2/types).
_OPERATORS = {
    "UNIQUE": False,
    "CLUSTER": False,
    "GROUP_BY": False,
    "IS": True,
    "LIKE": True,
    "UNLIKE": True,
    "MAX_PER": True,
}


def about(description: str) -> dict[str, Any]:
    """Return the option that tells people and editors what a field means."""
    return {"metadata": {"description": description}}


class ResourcesSchema(StrictSchema):
    cpus = Number(least=0.01, **about("CPU shares"))
    mem_mib = Size(least=32, data_key="mem", **about('memory, "4GiB" or a number of MiB'))
    disk_mib = Size(data_key="disk", **about('disk, "4GiB" or a number of MiB'))
    gpus = Number(least=0, whole=True, **about("GPUs"))


class FetchSchema(StrictSchema):
    uri = Text(required=True, **about("what Mesos fetches into the sandbox"))
    extract = Flag(**about("unpack it; true by default"))
    executable = Flag(**about("make it executable"))
    cache = Flag(**about("keep it in the agent's cache"))
    dest_path = Text(data_key="destPath", **about("its name in the sandbox"))


class Constraint(Strict):
    """Marathon's form: ``[field, operator]`` or ``[field, operator, value]``."""

    expected = 'a constraint such as ["hostname", "UNIQUE"]'

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> tuple[str, ...]:
        if not (
            isinstance(value, list)
            and len(value) in (2, 3)
            and all(isinstance(part, str) for part in value)
        ):
            raise self.refuse(value)
        operator = value[1]
        if operator not in _OPERATORS:
            got = f"got {quoted(operator)}{near_miss(operator, _OPERATORS)}"
            raise ValidationError(f"expected one of {', '.join(_OPERATORS)}, {got}")
        if _OPERATORS[operator] and len(value) == 2:
            raise ValidationError(f"{operator} needs a value as third item")
        if operator == "MAX_PER" and not value[2].isdecimal():
            raise ValidationError('MAX_PER needs a number in quotes, e.g. "2"')
        if operator == "UNIQUE" and len(value) == 3:
            raise ValidationError("UNIQUE takes no value")
        return tuple(str(part) for part in value)


class OptionsSchema(StrictSchema):
    """What every app may have."""

    resources = Object(ResourcesSchema, **about("cpus, mem, disk, gpus"))
    env = TextMap(**about("environment variables"))
    labels = TextMap(**about("Marathon labels"))
    constraints = Many(Constraint(), **about('placement, as in Marathon: [["hostname", "UNIQUE"]]'))
    user = Text(**about("the agent's user that runs the task"))
    role = Text(**about("the Mesos role"))
    accepted_resource_roles = Many(
        Text(), data_key="acceptedResourceRoles", **about("roles whose resources are taken")
    )
    fetch = Many(Object(FetchSchema), **about("files that Mesos fetches into the sandbox"))

    @post_load
    def to_options(self, data: dict[str, Any], **_: Any) -> Any:
        return self.options(data)

    def options(self, data: dict[str, Any]) -> Options:
        """Take the options out of the data."""
        given = {name: data.pop(name) for name in _OPTION_NAMES if name in data}
        for name in ("constraints", "accepted_resource_roles", "fetch"):
            if name in given:
                given[name] = tuple(given[name])
        return Options(**given)


_OPTION_NAMES = tuple(OptionsSchema().fields)


class AppSchema(OptionsSchema):
    """A tier's app: the options, and what it runs."""

    image = Text(pattern=r"\S+", form="an image name", **about("Docker image"))
    command = Text(
        pattern=r"(?s).{2,}",
        form="a command of at least two characters",
        **about("what runs instead of the command that pamesos writes"),
    )

    @post_load
    def to_options(self, data: dict[str, Any], **_: Any) -> Any:
        return data

    def with_options(self, data: dict[str, Any]) -> dict[str, Any]:
        options = self.options(data)
        return {**data, "options": options}


class VolumeSchema(StrictSchema):
    host_path = Text(
        required=True,
        data_key="hostPath",
        pattern=ABSOLUTE,
        form="an absolute path",
        **about("directory of the agent"),
    )
    container_path = Text(
        data_key="containerPath",
        pattern=ABSOLUTE,
        form="an absolute path",
        **about("where it appears in the container; the same path by default"),
    )
    mode = Choice(("RW", "RO"), load_default="RW", **about("RW (default) or RO"))

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> Volume:
        return Volume(**data)


class VolumeField(Strict):
    """A directory of the agent: its absolute path, or ``{hostPath, containerPath, mode}``."""

    expected = 'an absolute path, or {"hostPath": path}'

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.schema = VolumeSchema()

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Volume:
        if isinstance(value, Mapping):
            volume: Volume = self.schema.load(value)
            return volume
        if not isinstance(value, str):
            raise self.refuse(value)
        if not value.startswith("/") or any(ord(letter) < 32 for letter in value):
            raise ValidationError(f"expected {self.expected}, got {quoted(value)}")
        return Volume(str(value))


class NetworkField(Strict):
    """``host``, ``bridge`` or ``{"container": name}``."""

    expected = 'host, bridge or {"container": name}'

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Network:
        if isinstance(value, Mapping):
            if set(value) != {"container"} or not isinstance(value["container"], str):
                raise ValidationError(f"expected {self.expected}")
            return Network("container", str(value["container"]))
        if not isinstance(value, str):
            raise ValidationError(f"expected {self.expected}, got {kind_of(value)}")
        if value not in ("host", "bridge"):
            got = f"got {quoted(value)}{near_miss(value, ('host', 'bridge', 'container'))}"
            raise ValidationError(f"expected {self.expected}, {got}")
        return Network("host" if value == "host" else "bridge")
