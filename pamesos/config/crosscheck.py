"""What no single field can know: pairs of fields that contradict, or that need each other.

These checks read the plain data and take nothing for granted, so that they also speak while other
fields are still wrong: all faults are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pamesos.config.tree import Fault, KeyPath
from pamesos.core import names
from pamesos.core.addresses import DEFAULT_SQL_PORTS
from pamesos.core.launch.authentication import INTERNAL_LOGINS
from pamesos.core.model import is_loopback

_RUN_HERE = ("postgresql", "mariadb", "mysql")
#: The embedded HSQLDB listens there, on loopback (facts/proactive.md 2, "ports").
_HSQLDB_PORT = 9001


def cross_faults(data: Any) -> Iterator[Fault]:
    """Yield the faults; the paths are those of the file."""
    if not isinstance(data, Mapping):
        return
    yield from _node_sources(data)
    yield from _database(data)
    yield from _ports(data)
    yield from _loopback(data)
    yield from _users(data)
    yield from _protocol(data)
    yield from _not_yet(data)
    yield from _containers(data)


def _get(data: Any, *path: str | int) -> Any:
    """Return what is at this path, or None."""
    for key in path:
        if isinstance(data, Mapping):
            data = data.get(key)
        elif isinstance(data, list) and isinstance(key, int) and key < len(data):
            data = data[key]
        else:
            return None
    return data


def _sources(data: Any) -> list[Any]:
    sources = _get(data, "nodeSources")
    return sources if isinstance(sources, list) else []


def _node_sources(data: Any) -> Iterator[Fault]:
    if _get(data, "nodeSources") == []:
        yield Fault(("nodeSources",), "expected at least one node source")
    seen: dict[str, int] = {}
    for at, source in enumerate(_sources(data)):
        name = _get(source, "name")
        if not isinstance(name, str):
            continue
        if name in seen:
            text = f'"{name}" is the name of nodeSources[{seen[name]}] already; each needs its own'
            yield Fault(("nodeSources", at, "name"), text)
        elif name in names.TIERS:
            text = f'"{name}" is the name of a tier; give the node source another one'
            yield Fault(("nodeSources", at, "name"), text)
        seen.setdefault(name, at)


def _database(data: Any) -> Iterator[Fault]:
    database, kind = _get(data, "database"), _get(data, "database", "kind")
    if not isinstance(database, Mapping):
        return
    if kind == "embedded":
        yield from _embedded(data, database)
        return
    if kind != "external" and "engine" in database:
        yield Fault(("database", "engine"), "only an external database says its engine; use kind")
    if kind not in (*_RUN_HERE, "external"):
        return
    if "host" not in database:
        what = "it listens on" if kind == "external" else "runs it, or 127.0.0.1 on one machine"
        yield Fault(("database", "host"), f"is missing: the host that {what}")
    yield from _credentials(database)
    yield from _run_here(database, kind) if kind in _RUN_HERE else _external(database)


def _embedded(data: Any, database: Mapping[str, Any]) -> Iterator[Fault]:
    for key in ("host", "port", "credentials", "databases", "volume", "image", "command", "engine"):
        if key in database:
            yield Fault(
                ("database", key), f"an embedded database has no {key}; it lives in the server"
            )
    if isinstance(_get(data, "scheduler"), Mapping) and not _get(data, "scheduler", "volumes"):
        yield Fault(
            ("scheduler", "volumes", "data"),
            "is missing: with an embedded database its jobs would be lost with the sandbox; "
            "name a directory of the agent",
        )


def _credentials(database: Mapping[str, Any]) -> Iterator[Fault]:
    credentials = database.get("credentials")
    if "credentials" not in database:
        text = "is missing: {user, password}, or {user, passwordFile}"
        yield Fault(("database", "credentials"), text)
    elif isinstance(credentials, Mapping) and not {"password", "passwordFile"} & set(credentials):
        text = "is missing: the password, better as ${VAR} than in the file; or give passwordFile"
        yield Fault(("database", "credentials", "password"), text)


def _run_here(database: Mapping[str, Any], kind: str) -> Iterator[Fault]:
    if "volume" not in database and "command" not in database:
        text = "is missing: without a directory of the agent the data is lost with the sandbox"
        yield Fault(("database", "volume"), text)
    if kind != "postgresql" and not {"image", "command"} & set(database):
        text = f"is missing: without an image only postgresql is started; e.g. {kind}:10.11"
        example = text.replace("mysql:10.11", "mysql:8.0")
        yield Fault(("database", "image"), example)


def _external(database: Mapping[str, Any]) -> Iterator[Fault]:
    for key in ("volume", "image", "command", "resources"):
        if key in database:
            yield Fault(("database", key), f"an external database has no {key}: others run it")


def _ports(data: Any) -> Iterator[Fault]:
    """Two fixed ports of one host must differ."""
    host = _get(data, "scheduler", "host")
    taken: dict[tuple[Any, Any], KeyPath] = {}
    if _get(data, "database", "kind") == "embedded":
        taken[host, _HSQLDB_PORT] = ("database",)
    for path, at_host, port in _fixed_ports(data, host):
        other = taken.setdefault((at_host, port), path)
        if other != path:
            other_text = ".".join(map(str, other))
            yield Fault(path, f"port {port} of {at_host} is taken by {other_text}; choose another")


def _fixed_ports(data: Any, host: Any) -> Iterator[tuple[KeyPath, Any, Any]]:
    kind = _get(data, "database", "kind")
    if kind in _RUN_HERE or kind == "external":
        engine = _get(data, "database", "engine") or "postgresql" if kind == "external" else kind
        port = _get(data, "database", "port") or DEFAULT_SQL_PORTS.get(engine)
        yield ("database", "port"), _get(data, "database", "host"), port
    if _get(data, "scheduler") is not None:
        yield ("scheduler", "ports", "web"), host, _get(data, "scheduler", "ports", "web") or 8080
        yield ("scheduler", "ports", "pnp"), host, _get(data, "scheduler", "ports", "pnp") or 64738
    if _get(data, "protocol") == "pamr":
        port = _get(data, "scheduler", "ports", "pamr") or 33647
        yield ("scheduler", "ports", "pamr"), host, port


def _loopback(data: Any) -> Iterator[Fault]:
    database, scheduler = _get(data, "database", "host"), _get(data, "scheduler", "host")
    if not (isinstance(database, str) and isinstance(scheduler, str)):
        return
    run_here = _get(data, "database", "kind") in _RUN_HERE
    if run_here and is_loopback(database) and not is_loopback(scheduler):
        text = f"{database} can be reached from its own machine only; write the agent's name"
        yield Fault(("database", "host"), text)


def _users(data: Any) -> Iterator[Fault]:
    users = _get(data, "scheduler", "users")
    if not isinstance(users, list) or not users:
        return
    if _get(data, "scheduler", "command"):
        text = "a command of your own makes its users itself; take them out"
        yield Fault(("scheduler", "users"), text)
    seen: dict[str, int] = {}
    for at, user in enumerate(users):
        if isinstance(user, Mapping):
            yield from _user(("scheduler", "users", at), user, seen, at)


def _user(path: KeyPath, user: Mapping[str, Any], seen: dict[str, int], at: int) -> Iterator[Fault]:
    login = user.get("login")
    if login in INTERNAL_LOGINS:
        text = f"{login} is an account of the server itself, whose password its own files hold"
        yield Fault((*path, "login"), text)
    elif isinstance(login, str) and seen.setdefault(login, at) != at:
        yield Fault((*path, "login"), f'"{login}" is users[{seen[login]}] already')
    if user.get("groups") == []:
        yield Fault((*path, "groups"), "expected at least one group, e.g. user")
    yield from _one_password(path, user)


def _protocol(data: Any) -> Iterator[Fault]:
    protocol = _get(data, "protocol") or "pnp"
    if _get(data, "scheduler", "ports", "pamr") and protocol in ("pnp", "pnps"):
        text = f"only pamr has a router; the protocol is {protocol}"
        yield Fault(("scheduler", "ports", "pamr"), text)
    pnps = _get(data, "pnps")
    if not isinstance(pnps, Mapping):
        return
    if protocol in ("pnp", "pamr"):
        yield Fault(("pnps",), f"only pnps has a key store; the protocol is {protocol}")
    yield from _one_password(("pnps",), pnps)


def _one_password(path: KeyPath, data: Mapping[str, Any]) -> Iterator[Fault]:
    given = {"password", "passwordFile"} & set(data)
    if not given:
        text = "is missing: the password, better as ${VAR} than in the file; or give passwordFile"
        yield Fault((*path, "password"), text)
    elif len(given) == 2:
        text = "give either password or passwordFile, not both"
        yield Fault((*path, "passwordFile"), text)


def _not_yet(data: Any) -> Iterator[Fault]:
    if isinstance(_get(data, "network"), Mapping):
        text = "container networks are not supported yet; use host or bridge"
        yield Fault(("network",), text)


def _containers(data: Any) -> Iterator[Fault]:
    bridge = _get(data, "network") == "bridge"
    for path, app in _apps(data):
        if bridge and not app.get("image"):
            yield Fault((*path, "image"), "is missing: the bridge network needs images")
        if path[0] == "nodeSources" and app.get("volumes") and not app.get("image"):
            yield Fault((*path, "volumes"), "only a container has volumes; give it an image")
        if bridge and isinstance(app.get("host"), str) and is_loopback(app["host"]):
            text = f"{app['host']} is each container itself on the bridge; write the agent's name"
            yield Fault((*path, "host"), text)


def _apps(data: Any) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
    if _get(data, "database", "kind") in _RUN_HERE:
        yield ("database",), data["database"]
    if isinstance(_get(data, "scheduler"), Mapping):
        yield ("scheduler",), data["scheduler"]
    for at, source in enumerate(_sources(data)):
        if isinstance(source, Mapping):
            yield ("nodeSources", at), source
