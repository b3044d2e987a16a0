"""The cluster description as values: what the user asked for, checked, nothing computed yet.

``config`` builds these from the file; ``plan`` reads them. Sizes are MiB, durations seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

#: The word that stands for a ProActive home where the stand-in runs instead.
STAND_IN = "stand-in"
LOOPBACK = ("localhost", "127.0.0.1", "::1")

Engine = Literal["postgresql", "mariadb", "mysql"]
Protocol = Literal["pnp", "pnps", "pamr"]


class Secret:
    """A text that must not be shown; only :meth:`reveal` gives it out."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(******)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


@dataclass(frozen=True)
class Resources:
    cpus: float
    mem_mib: int
    disk_mib: int = 0
    gpus: int = 0


@dataclass(frozen=True)
class Credentials:
    user: str
    password: Secret


@dataclass(frozen=True)
class Network:
    """``host``: the agent's network; ``bridge``: Docker's; ``container``: the one called name."""

    mode: Literal["host", "bridge", "container"] = "host"
    name: str | None = None


@dataclass(frozen=True)
class ProActive:
    home: str
    java: str | None = None

    @property
    def is_stand_in(self) -> bool:
        return self.home == STAND_IN


@dataclass(frozen=True)
class Options:
    """What every app may have and ``defaults`` may give; names as in a Marathon app.

    ``resources`` holds only what was given, by the field names of ``Resources``.
    """

    resources: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[tuple[str, ...], ...] = ()
    user: str | None = None
    role: str | None = None
    accepted_resource_roles: tuple[str, ...] = ()
    fetch: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Volume:
    """A directory of the agent; ``container_path`` where it appears inside an image."""

    host_path: str
    container_path: str | None = None
    mode: Literal["RW", "RO"] = "RW"


@dataclass(frozen=True)
class Database:
    """``embedded`` is ProActive's own HSQLDB inside the server; ``external`` is run by others."""

    kind: Literal["embedded", "postgresql", "mariadb", "mysql", "external"]
    engine: Engine | None = None
    host: str | None = None
    agent: str | None = None
    port: int | None = None
    credentials: Credentials | None = None
    rm_name: str = "rm"
    scheduler_name: str = "scheduler"
    volume: Volume | None = None
    image: str | None = None
    command: str | None = None
    options: Options = field(default_factory=Options)

    @property
    def is_run_here(self) -> bool:
        """Whether the cluster has an app for it."""
        return self.kind not in ("embedded", "external")


@dataclass(frozen=True)
class User:
    """A login of the server. Exactly one of ``password`` and ``password_file`` is given.

    ``password_file`` is on the agent, and read when the server starts.
    """

    login: str
    groups: tuple[str, ...]
    password: Secret | None = None
    password_file: str | None = None


@dataclass(frozen=True)
class Keystore:
    """A PKCS12 file on every agent, for pnps. One of the passwords is given.

    With ``authenticate`` only processes whose certificate is in it are talked to.
    """

    path: str
    password: Secret | None = None
    password_file: str | None = None
    authenticate: bool = False


@dataclass(frozen=True)
class Scheduler:
    """``agent`` keeps it there where ``host`` is a name of a container network."""

    host: str = ""
    agent: str | None = None
    web_port: int = 8080
    pnp_port: int = 64738
    pamr_port: int = 33647
    data: Volume | None = None
    logs: Volume | None = None
    image: str | None = None
    command: str | None = None
    java_options: str = ""
    users: tuple[User, ...] = ()
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class NodeSource:
    name: str
    nodes: int
    workers_per_node: int = 1
    volumes: tuple[Volume, ...] = ()
    image: str | None = None
    command: str | None = None
    java_options: str = ""
    options: Options = field(default_factory=Options)


@dataclass(frozen=True)
class Description:
    name: str
    proactive: ProActive
    database: Database
    scheduler: Scheduler
    node_sources: tuple[NodeSource, ...]
    parent: str = "/"
    protocol: Protocol = "pnp"
    keystore: Keystore | None = None
    network: Network = field(default_factory=Network)
    defaults: Options = field(default_factory=Options)
    #: Labels ``org.pamesos.watch.*`` of the node sources: how the cluster is watched.
    watch: Mapping[str, str] = field(default_factory=dict)

    @property
    def group_id(self) -> str:
        """Return the absolute Marathon group id: parent ``/teams`` and ``small``: /teams/small."""
        return f"{self.parent.rstrip('/')}/{self.name}"


@dataclass(frozen=True)
class Submission:
    """What is sent: ``group`` is the body of ``PUT /v2/groups{group_id}``.

    ``description`` is None for a file that already was a Marathon group. ``secrets`` are the
    values that must be masked wherever the group is shown; ``warnings`` are sentences about what
    may be sent as it is but should be known.
    """

    name: str
    group_id: str
    group: dict[str, Any]
    source: str
    description: Description | None = field(default=None, repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    warnings: tuple[str, ...] = ()


def with_common(defaults: Options, env: Mapping[str, str], labels: Mapping[str, str]) -> Options:
    """Return the defaults with the env and labels of all apps; those of defaults win."""
    return replace(defaults, env={**env, **defaults.env}, labels={**labels, **defaults.labels})


def with_aliases(description: Description) -> Description:
    """Return it with a name for each tier that has none, unique on a container network."""
    if description.network.mode != "container":
        return description
    prefix = description.group_id.strip("/").replace("/", "-")
    database, scheduler = description.database, description.scheduler
    if database.is_run_here and database.host is None:
        database = replace(database, host=f"{prefix}-database")
    if not scheduler.host:
        scheduler = replace(scheduler, host=f"{prefix}-scheduler")
    return replace(description, database=database, scheduler=scheduler)


def is_loopback(host: str) -> bool:
    """Return whether this name can only mean the machine itself; such a host pins no agent."""
    return host in LOOPBACK or host.startswith("127.")
