"""The rules for an app's container: image, port mappings, volumes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pamesos.local.definitions.constraint_rules import is_pattern
from pamesos.local.definitions.settings import EXTERNAL_VOLUMES, SECRETS, Settings

Json = dict[str, Any]
Found = Iterator[tuple[str, str]]

_AT = "/container"
_NAMED_NETWORK = (
    "networkNames must be a single item list when hostPort is specified and more than 1 container "
    "network is defined"
)


def faults(app: Json, settings: Settings) -> Found:
    """Yield what is wrong with the container of a canonical app that has one."""
    container = app["container"]
    yield from _image_rules(app, settings)
    yield from _mapping_rules(app)
    yield from _volume_rules(app, settings)
    networks = [network for network in app["networks"] if network["mode"] == "container"]
    if container["type"] == "DOCKER" and len(networks) > 1:
        yield (
            "/",
            "may only specify a single container network when using the Docker container engine",
        )


def _not_enabled(feature: str) -> str:
    return f"Feature {feature} is not enabled. Enable with --enable_features {feature})"


def _image_rules(app: Json, settings: Settings) -> Found:
    container = app["container"]
    docker = container.get("docker")
    if docker is None:
        if container["type"] == "DOCKER":
            yield f"{_AT}/docker", "not defined"
        return
    pull = docker.get("pullConfig")
    if pull is None:
        return
    at = f"{_AT}/docker/pullConfig"
    if container["type"] == "DOCKER":
        yield at, "pullConfig is not supported with Docker containerizer"
        return
    if SECRETS not in settings.features:
        yield at, "must be empty"
        yield at, _not_enabled(SECRETS)
    if pull["secret"] not in app["secrets"]:
        yield at, "pullConfig.secret must refer to an existing secret"


def _mapping_rules(app: Json) -> Found:
    mappings = app["container"].get("portMappings") or ()
    names = [mapping["name"] for mapping in mappings if "name" in mapping]
    if len(names) != len(set(names)):
        yield f"{_AT}/portMappings", "Port names must be unique."
    networks = [network for network in app["networks"] if network["mode"] == "container"]
    known = [network["name"] for network in app["networks"] if "name" in network]
    for index, mapping in enumerate(mappings):
        at, chosen = f"{_AT}/portMappings({index})", mapping.get("networkNames") or ()
        if len(networks) > 1 and "hostPort" in mapping and len(chosen) != 1:
            yield at, _NAMED_NETWORK
        for position, name in enumerate(chosen):
            if name not in known:
                yield f"{at}/networkNames({position})", f"is not one of ({','.join(known)})"


def _volume_rules(app: Json, settings: Settings) -> Found:
    volumes = app["container"]["volumes"]
    external = [v["external"]["name"] for v in volumes if "name" in v.get("external", {})]
    if len(external) != len(set(external)):
        yield f"{_AT}/volumes", "Volume names must be unique"
    if any("secret" in volume for volume in volumes) and SECRETS not in settings.features:
        yield f"{_AT}/secretVolumes(container)", "must be empty"
        yield f"{_AT}/secretVolumes(container)", _not_enabled(SECRETS)
    for index, volume in enumerate(volumes):
        at = f"{_AT}/volumes({index})"
        if "persistent" in volume:
            yield from _persistent_rules(at, volume)
        elif "secret" in volume and volume["secret"] not in app["secrets"]:
            yield at, "volume.secret must refer to an existing secret"
        elif "external" in volume and EXTERNAL_VOLUMES not in settings.features:
            yield at, _not_enabled(EXTERNAL_VOLUMES)


def _persistent_rules(at: str, volume: Json) -> Found:
    path, info = volume["containerPath"], volume["persistent"]
    if path in (".", ".."):
        yield f"{at}/containerPath", "can not be one of (.,..)"
    if "/" in path:
        yield f"{at}/containerPath", 'value must not contain "/"'
    if volume["mode"] != "RW":
        yield f"{at}/mode", "must be equal to 'RW'"
    if info["size"] <= 0:
        yield f"{at}/persistent/size", f"got {info['size']}, expected more than 0"
    kind = info.get("type", "root")
    if "maxSize" in info and kind != "mount":
        yield f"{at}/persistent", "Only mount volumes can have maxSize"
    if "maxSize" in info and info["maxSize"] <= info["size"]:
        yield f"{at}/persistent", "Max size must be larger than size"
    if info["constraints"] and kind == "root":
        yield f"{at}/persistent", "Constraints on root volumes are not supported"
    for index, constraint in enumerate(info["constraints"]):
        error = _volume_constraint_error(constraint)
        if error is not None:
            yield f"{at}/persistent/constraints({index})", error


def _volume_constraint_error(constraint: list[str]) -> str | None:
    if not constraint:
        return "Missing field and operator"
    if len(constraint) < 3 or constraint[0] != "path":
        return f"Unsupported constraint {','.join(constraint)}"
    if constraint[1] not in ("LIKE", "UNLIKE"):
        return "Operator must be one of LIKE, UNLIKE"
    return None if is_pattern(constraint[2]) else "Invalid regular expression"
