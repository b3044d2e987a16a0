"""What no single field can know: pairs of fields that contradict, or that need each other.

These checks read the plain data and take nothing for granted, so that they also speak while other
fields are still wrong: all faults are reported at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pamesos.config.crosscheck_network import network_faults
from pamesos.config.lookup import RUN_HERE, get, has_container_network, sources
from pamesos.config.tree import Fault, KeyPath
from pamesos.core import names
from pamesos.core.launch.authentication import INTERNAL_LOGINS


def cross_faults(data: Any) -> Iterator[Fault]:
    """Yield the faults; the paths are those of the file."""
    if not isinstance(data, Mapping):
        return
    yield from _node_sources(data)
    yield from _database(data)
    yield from _users(data)
    yield from _protocol(data)
    yield from network_faults(data)


def _node_sources(data: Any) -> Iterator[Fault]:
    if get(data, "nodeSources") == []:
        yield Fault(("nodeSources",), "expected at least one node source")
    seen: dict[str, int] = {}
    for at, source in enumerate(sources(data)):
        name = get(source, "name")
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
    database, kind = get(data, "database"), get(data, "database", "kind")
    if not isinstance(database, Mapping):
        return
    if kind == "embedded":
        yield from _embedded(data, database)
        return
    if kind != "external" and "engine" in database:
        yield Fault(("database", "engine"), "only an external database says its engine; use kind")
    if kind not in (*RUN_HERE, "external"):
        return
    if "host" not in database and not (kind in RUN_HERE and has_container_network(data)):
        what = "it listens on" if kind == "external" else "runs it, or 127.0.0.1 on one machine"
        yield Fault(("database", "host"), f"is missing: the host that {what}")
    yield from _credentials(database)
    yield from _run_here(database, kind) if kind in RUN_HERE else _external(database)


def _embedded(data: Any, database: Mapping[str, Any]) -> Iterator[Fault]:
    for key in ("host", "port", "credentials", "databases", "volume", "image", "command", "engine"):
        if key in database:
            yield Fault(
                ("database", key), f"an embedded database has no {key}; it lives in the server"
            )
    if isinstance(get(data, "scheduler"), Mapping) and not get(data, "scheduler", "volumes"):
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
    if kind == "mysql" and not {"image", "command"} & set(database):
        text = "is missing: only postgresql and mariadb are started without one; e.g. mysql:8.0"
        yield Fault(("database", "image"), text)


def _external(database: Mapping[str, Any]) -> Iterator[Fault]:
    for key in ("volume", "image", "command", "resources"):
        if key in database:
            yield Fault(("database", key), f"an external database has no {key}: others run it")


def _users(data: Any) -> Iterator[Fault]:
    users = get(data, "scheduler", "users")
    if not isinstance(users, list) or not users:
        return
    if get(data, "scheduler", "command"):
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
    protocol = get(data, "protocol") or "pnp"
    if get(data, "scheduler", "ports", "pamr") and protocol in ("pnp", "pnps"):
        text = f"only pamr has a router; the protocol is {protocol}"
        yield Fault(("scheduler", "ports", "pamr"), text)
    pnps = get(data, "pnps")
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
