"""The normal form of an app: what GET shows for what was sent (facts/marathon.md 20 to 22)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pamesos.local.definitions import legacy, paths, rules
from pamesos.local.definitions.fields import APP
from pamesos.local.definitions.readers import Faults, Reader
from pamesos.local.definitions.refusal import invalid_json, message, not_valid
from pamesos.local.definitions.rules import Roles
from pamesos.local.definitions.settings import Settings

Json = dict[str, Any]

#: Left out of the normal form when empty.
_SPARSE = (
    "args",
    "constraints",
    "dependencies",
    "env",
    "fetch",
    "healthChecks",
    "readinessChecks",
    "secrets",
)
#: Kept as they are where they were given.
_OPTIONAL = (
    "cmd",
    "check",
    "executorResources",
    "resourceLimits",
    "taskKillGracePeriodSeconds",
    "user",
    "tty",
    "acceptedResourceRoles",
)
_PLAIN = (
    "id",
    "backoffFactor",
    "backoffSeconds",
    "cpus",
    "disk",
    "executor",
    "instances",
    "labels",
    "maxLaunchDelaySeconds",
    "mem",
    "gpus",
    "killSelection",
    "role",
)
_RESIDENT: Json = {"relaunchEscalationTimeoutSeconds": 3600, "taskLostBehavior": "WAIT_FOREVER"}
_HTTP = ("HTTP", "HTTPS")
_WITH_PATH = ("HTTP", "HTTPS", "MESOS_HTTP", "MESOS_HTTPS")


def read(reader: Reader, value: Any) -> Any:
    """Return what a reader makes of parsed JSON; raises Refusal 422 "Invalid JSON"."""
    noted: Faults = []
    result = reader.read(value, "", noted)
    if noted:
        raise invalid_json(noted)
    return result


def read_app(value: Any) -> Json:
    """Return the fields of an app with their defaults, not yet judged."""
    app: Json = read(APP, value)
    return app


def refuse(found: Iterable[tuple[str, str]]) -> None:
    """Raise Refusal 422 "Object is not valid" if anything was found."""
    noted = list(found)
    if noted:
        raise not_valid(noted)


def canonical(app: Json, settings: Settings, roles: Roles, base: str = "/") -> Json:
    """Return a judged app with today's fields and its defaults; it may be judged again.

    Relative ids are made absolute against ``base``. Raises Refusal.
    """
    refuse(legacy.faults(app))
    app = legacy.migrate_app(app, settings)
    app["id"] = paths.absolute(app["id"], base)
    app["dependencies"] = list(
        dict.fromkeys(paths.absolute(each, base) for each in app["dependencies"])
    )
    app.setdefault("role", roles.default)
    if is_resident(app):
        app.setdefault("residency", _RESIDENT)
    refuse(rules.faults(app, settings, roles))
    return _filled(app, settings)


def _filled(app: Json, settings: Settings) -> Json:
    networks = [named(network, settings) for network in app["networks"]]
    app["networks"] = networks or [{"mode": "host"}]
    on_host = app["networks"][0]["mode"] == "host"
    if not on_host:
        app["requirePorts"] = False
        container = app.get("container") or {
            "type": "MESOS",
            "volumes": [],
            "portMappings": [dict(legacy.DEFAULT_PORT_MAPPING)],
        }
        app["container"] = with_host_ports(container, app["networks"])
    app.setdefault("unreachableStrategy", default_unreachable(app))
    return app


def with_host_ports(container: Json, networks: list[Json]) -> Json:
    """Return the container where, on a bridge, each mapping has a host port."""
    mappings = container.get("portMappings")
    if mappings is None or networks[0]["mode"] != "container/bridge":
        return container
    return {**container, "portMappings": [{"hostPort": 0, **mapping} for mapping in mappings]}


def named(network: Json, settings: Settings) -> Json:
    """Return a container network with a name, that of the operator if it has none itself."""
    if network["mode"] == "container" and "name" not in network and settings.default_network_name:
        return {**network, "name": settings.default_network_name}
    return network


def as_sent(app: Json) -> Json:
    """Return an app in normal form as if it had been sent with every field written out."""
    sent = legacy.without(app, "version", "versionInfo")
    for name in _SPARSE:
        sent.setdefault(name, {} if name in ("env", "secrets") else [])
    return sent


def is_resident(app: Json) -> bool:
    """Tell whether an app has a persistent volume."""
    return _has_volume(app, "persistent")


def _has_volume(app: Json, kind: str) -> bool:
    return any(kind in volume for volume in app.get("container", {}).get("volumes", ()))


def default_unreachable(app: Json) -> Json | str:
    """Return the unreachable strategy of an app that names none (facts/marathon.md 21)."""
    if is_resident(app):
        return "disabled"
    return {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}


def default_upgrade(app: Json) -> Json:
    """Return the upgrade strategy of an app that names none."""
    if is_resident(app) or _has_volume(app, "external"):
        return {"maximumOverCapacity": 0.0, "minimumHealthCapacity": 0.5}
    return {"maximumOverCapacity": 1.0, "minimumHealthCapacity": 1.0}


def normal_form(app: Json) -> Json:
    """Return the normal form of a canonical app, without version; raises Refusal.

    These rules are of the second kind that the real one checks: on what it keeps, not on what was
    sent.
    """
    shown: Json = {name: app[name] for name in _PLAIN}
    shown.update((name, app[name]) for name in _OPTIONAL if name in app)
    shown.update((name, app[name]) for name in _SPARSE if app[name])
    if "healthChecks" in shown:
        shown["healthChecks"] = [_health_check(check) for check in app["healthChecks"]]
    if not shown.get("resourceLimits", True):
        del shown["resourceLimits"]
    _refuse_check(app)
    _show_networks(app, shown)
    shown["upgradeStrategy"] = app.get("upgradeStrategy") or default_upgrade(app)
    shown["unreachableStrategy"] = _unreachable(app["unreachableStrategy"])
    if is_resident(app):
        shown["residency"] = _RESIDENT
    refuse(_kept_faults(shown))
    return in_order(shown)


def in_order(app: Json) -> Json:
    """Return an app with its members in the order in which the real one shows them."""
    return {name: app[name] for name in APP.fields if name in app}


def _unreachable(strategy: Json | str) -> Json | str:
    return "disabled" if isinstance(strategy, str) else strategy


def _health_check(check: Json) -> Json:
    protocol = check["protocol"]
    if "command" in check:
        if protocol != "COMMAND":
            raise message(500, f"illegal protocol {protocol} specified with command")
        return legacy.without(check, "path", "port", "portIndex", "ignoreHttp1xx")
    if protocol == "COMMAND":
        raise message(500, "illegal protocol COMMAND for non-command health check")
    dropped = () if protocol in _WITH_PATH else ("path",)
    shown = legacy.without(check, "ignoreHttp1xx", *dropped)
    if protocol in _HTTP:
        shown["ignoreHttp1xx"] = False  # the real one forgets a true (recordings 07)
    return shown


def _refuse_check(app: Json) -> None:
    check = app.get("check")
    if check is not None and not {"http", "tcp", "exec"} & check.keys():
        raise message(500, "illegal RAML Check: expected one of http, tcp or exec checks")


def _show_networks(app: Json, shown: Json) -> None:
    shown["networks"] = [_without_empty_labels(network) for network in app["networks"]]
    on_host = app["networks"][0]["mode"] == "host"
    shown["requirePorts"] = app["requirePorts"]
    if "container" in app:
        shown["container"] = _container(app["container"], with_mappings=not on_host)
    if on_host:
        definitions = app.get("portDefinitions") or ()
        shown["portDefinitions"] = [_without_empty_labels(each) for each in definitions]


def _without_empty_labels(value: Json) -> Json:
    return value if value.get("labels", True) else legacy.without(value, "labels")


def _container(container: Json, *, with_mappings: bool) -> Json:
    shown: Json = {"type": container["type"]}
    if "docker" in container:
        shown["docker"] = {"parameters": [], **container["docker"]}
    if "linuxInfo" in container:
        shown["linuxInfo"] = container["linuxInfo"]
    shown["volumes"] = [_volume(volume) for volume in container["volumes"]]
    if with_mappings and "portMappings" in container:
        shown["portMappings"] = [_mapping(each) for each in container["portMappings"]]
    return shown


def _mapping(mapping: Json) -> Json:
    shown = {"labels": {}, **mapping}
    return shown if shown.get("networkNames", True) else legacy.without(shown, "networkNames")


def _volume(volume: Json) -> Json:
    if "persistent" in volume:
        info = volume["persistent"]
        return {
            **volume,
            "persistent": {"type": "root", **info, "constraints": list(info["constraints"])},
        }
    options = volume.get("external", {}).get("options")
    if options is None:
        return volume
    kept = {name: value for name, value in options.items() if value not in ({}, [])}
    external = {**volume["external"], "options": kept}
    return {**volume, "external": external if kept else legacy.without(external, "options")}


def _kept_faults(app: Json) -> Iterable[tuple[str, str]]:
    for index, definition in enumerate(app.get("portDefinitions", ())):
        if definition["port"] < 0:
            at = f"/portDefinitions({index})/port"
            yield at, f"got {definition['port']}, expected 0 or more"
    if "residency" in app and app["role"] == "*":
        yield "/role", "Resident apps cannot have the role *"
    strategy = app["unreachableStrategy"]
    if isinstance(strategy, dict):
        inactive, expunge = strategy["inactiveAfterSeconds"], strategy["expungeAfterSeconds"]
        if inactive > expunge:
            yield (
                "/unreachableStrategy/inactiveAfterSeconds",
                f"inactiveAfterSeconds ({inactive}) must be less or equal to "
                f"expungeAfterSeconds, which is {expunge}",
            )
