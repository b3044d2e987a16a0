"""From the fields of earlier Marathons to today's (facts/marathon.md 22), and their own rules.

``uris`` become ``fetch``, ``ports`` port definitions, ``ipAddress`` and ``docker.network``
networks, ``docker.portMappings`` and discovery ports the container's port mappings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pamesos.local.definitions import uris
from pamesos.local.definitions.refusal import Refusal, message
from pamesos.local.definitions.settings import Settings

Json = dict[str, Any]

DEFAULT_PORT_MAPPING: Json = {
    "containerPort": 0,
    "name": "default",
    "protocol": "tcp",
    "servicePort": 0,
}
EMPTY_PORT_MAPPING: Json = {"containerPort": 0, "protocol": "tcp", "servicePort": 0}
DEFAULT_PORT_DEFINITION: Json = {"port": 0, "name": "default", "protocol": "tcp"}
_MESOS: Json = {"type": "MESOS", "volumes": []}
_PACKED = (".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip")
_MODES = {"HOST": "host", "USER": "container", "BRIDGE": "container/bridge"}


def faults(app: Json) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the legacy fields of an app and how they are mixed with others."""
    container = app.get("container") or {}
    docker = container.get("docker")
    if docker is not None:
        yield from _docker_faults(container, docker)
    yield from _uri_faults(app)
    discovery = (app.get("ipAddress") or {}).get("discovery")
    if container.get("type") == "DOCKER" and discovery is not None:
        yield "/ipAddress", "ipAddress/discovery is not allowed for Docker containers"
    for rule, text in _MIXTURES:
        if rule(app):
            yield "/", text


def _docker_faults(container: Json, docker: Json) -> Iterator[tuple[str, str]]:
    at = "/container/docker"
    if "credential" in docker:
        yield f"{at}/credential", "must be empty"
    if container["type"] == "MESOS":
        for name in ("network", "portMappings"):
            if name in docker:
                yield f"{at}/{name}", "must be empty"
        if docker.get("parameters"):
            yield f"{at}/parameters", "must be empty"
    names = [m["name"] for m in docker.get("portMappings", ()) if "name" in m]
    if len(names) != len(set(names)):
        yield f"{at}/portMappings", "Port names must be unique."


def _uri_faults(app: Json) -> Iterator[tuple[str, str]]:
    given = app.get("uris") or ()
    for index, uri in enumerate(given):
        if not uris.is_valid(uri):
            yield f"/uris({index})", "URI has invalid syntax."
    if given and app.get("fetch"):
        yield "/uris", "may not be set in conjunction with fetch"


def _networks_mixed(app: Json) -> bool:
    docker = (app.get("container") or {}).get("docker") or {}
    return "network" in docker and bool(app.get("networks"))


def _ports_repeat(app: Json) -> bool:
    chosen = [port for port in app.get("ports") or () if port]
    return len(chosen) != len(set(chosen))


def _ports_mixed(app: Json) -> bool:
    ports, definitions = app.get("ports"), app.get("portDefinitions")
    if ports is None or definitions is None:
        return False
    return bool(ports != [definition["port"] for definition in definitions])


_MIXTURES: tuple[tuple[Callable[[Json], bool], str], ...] = (
    (_networks_mixed, "must not specify both container.docker.network and networks"),
    (
        lambda app: "ipAddress" in app and bool(app.get("networks")),
        "must not specify both networks and ipAddress",
    ),
    (_ports_repeat, "ports must be unique"),
    (
        lambda app: "ipAddress" in app and bool(app.get("ports") or app.get("portDefinitions")),
        "cannot specify both an IP address and port",
    ),
    (_ports_mixed, "cannot specify both ports and port definitions"),
)


def migrate_app(app: Json, settings: Settings) -> Json:
    """Return an app without legacy fields; raises Refusal 500 where the real one throws."""
    networks = translate_networks(app, settings) or []
    definitions = _port_definitions(app)
    container = migrate_container(app)
    if container is not None:
        container = _fit_port_mappings(container, networks, definitions)
    if any(network["mode"] != "host" for network in networks):
        kept: list[Json] | None = None
    else:
        kept = [dict(DEFAULT_PORT_DEFINITION)] if definitions is None else definitions
    result = without(app, "uris", "ipAddress", "ports", "container", "portDefinitions")
    result["fetch"] = fetched(app) or []
    result["networks"] = networks
    if container is not None:
        result["container"] = container
    if kept is not None:
        result["portDefinitions"] = kept
    if app.get("portDefinitions") or "portMappings" in (container or {}):
        result["healthChecks"] = with_port_index(app["healthChecks"])
    result["readinessChecks"] = [with_status_codes(check) for check in app["readinessChecks"]]
    return result


def migrate_update(update: Json, settings: Settings) -> Json:
    """Return an update of an app without legacy fields; what is left out stays out."""
    result = without(update, "uris", "ipAddress", "ports", "container")
    fetch = fetched(update)
    if fetch is not None:
        result["fetch"] = fetch
    networks = translate_networks(update, settings)
    if networks is not None:
        result["networks"] = networks
    container = migrate_container(update)
    if container is not None:
        result["container"] = container
    definitions = _port_definitions(update)
    if definitions is not None:
        result["portDefinitions"] = definitions
    if "healthChecks" in update:
        result["healthChecks"] = with_port_index(update["healthChecks"])
    if "readinessChecks" in update:
        result["readinessChecks"] = [with_status_codes(c) for c in update["readinessChecks"]]
    return result


def without(value: Json, *names: str) -> Json:
    """Return a copy without some members."""
    return {name: member for name, member in value.items() if name not in names}


def fetched(app: Json) -> list[Json] | None:
    """Return what is to be fetched, from ``uris`` where ``fetch`` says nothing."""
    given, fetch = app.get("uris"), app.get("fetch")
    if not given:
        return None if fetch is None else list(fetch)
    if fetch:
        raise message(500, "cannot specify both uris and fetch fields")
    return [
        {"uri": uri, "extract": uri.endswith(_PACKED), "executable": False, "cache": False}
        for uri in given
    ]


def translate_networks(app: Json, settings: Settings) -> list[Json] | None:
    """Return the networks that ``networks``, ``ipAddress`` and ``docker.network`` mean."""
    address = app.get("ipAddress")
    docker = (app.get("container") or {}).get("docker") or {}
    kind, networks = docker.get("network"), app.get("networks")
    if address is None and kind is None:
        return None if networks is None else list(networks)
    if networks:
        raise message(500, "cannot mix deprecated and canonical network APIs")
    if kind is not None and kind not in _MODES:
        raise message(500, f"unsupported docker network type {kind}")
    address = address or {}
    mode = _MODES[kind] if kind is not None else "container"
    name = address.get("networkName")
    if kind is None and name == settings.mesos_bridge_name:
        mode = "container/bridge"
    network: Json = {"mode": mode}
    if mode == "container" and name is not None:
        network["name"] = name
    if mode != "host" and address.get("labels"):
        network["labels"] = address["labels"]
    return [network]


def _port_definitions(app: Json) -> list[Json] | None:
    definitions, ports = app.get("portDefinitions"), app.get("ports")
    if definitions is not None:
        return list(definitions)
    return None if ports is None else [{"port": port, "protocol": "tcp"} for port in ports]


def migrate_container(app: Json) -> Json | None:
    """Return the container with Docker's port mappings and discovery ports as its own."""
    container, address = app.get("container"), app.get("ipAddress")
    if container is None:
        if address is None:
            return None
        container = _MESOS
    docker = container.get("docker")
    if docker is not None:
        container = _with_docker_mappings(container, docker)
    ports = ((address or {}).get("discovery") or {}).get("ports")
    return _with_discovery(container, ports) if ports else dict(container)


def _with_docker_mappings(container: Json, docker: Json) -> Json:
    mappings = docker.get("portMappings")
    result = {**container, "docker": without(docker, "portMappings", "network")}
    if mappings is None:
        return result
    if mappings and container.get("portMappings") is not None:
        raise message(500, "cannot specify both portMappings and docker.portMappings")
    if container.get("portMappings") is None:
        result["portMappings"] = mappings
    return result


def _with_discovery(container: Json, ports: list[Json]) -> Json:
    if container["type"] != "MESOS":
        kind = container["type"].capitalize()
        raise message(500, f"ipAddress.discovery.ports do not apply for container type {kind}")
    if container.get("portMappings") is not None:
        raise _both_set()
    mappings = [
        {
            "containerPort": port["number"],
            "name": port["name"],
            "protocol": port["protocol"],
            "servicePort": 0,
            **({"labels": port["labels"]} if port.get("labels") else {}),
        }
        for port in ports
    ]
    return {**container, "portMappings": mappings}


def _both_set() -> Refusal:
    return message(500, "container.portMappings and ipAddress.discovery.ports must not both be set")


def _fit_port_mappings(
    container: Json, networks: list[Json], definitions: list[Json] | None
) -> Json:
    """Drop port mappings under host networking; else give each port definition a mapping."""
    if not networks or any(network["mode"] == "host" for network in networks):
        return without(container, "portMappings")
    mappings = container.get("portMappings")
    if mappings is None:
        mappings = [dict(DEFAULT_PORT_MAPPING)]
    lacking = len(definitions or ()) - len(mappings)
    added = [dict(EMPTY_PORT_MAPPING) for _ in range(lacking)]
    return {**container, "portMappings": [*mappings, *added]}


def with_port_index(checks: list[Json]) -> list[Json]:
    """Return health checks where those over the network name a port (facts/marathon.md 20)."""
    return [
        check
        if check["protocol"] == "COMMAND" or "port" in check or "portIndex" in check
        else {**check, "portIndex": 0}
        for check in checks
    ]


def with_status_codes(check: Json) -> Json:
    """Return a readiness check that says which HTTP status means ready."""
    return (
        check
        if check.get("httpStatusCodesForReady")
        else {
            **check,
            "httpStatusCodesForReady": [200],
        }
    )
