"""Description to plan: which apps there are, in which order, with which command and checks.

The plan knows tiers; it does not know Marathon's JSON (that is ``group``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pamesos.core import names
from pamesos.core.addresses import Addresses, SqlAddress
from pamesos.core.launch import (
    authentication,
    containers,
    mariadb,
    network,
    node,
    postgresql,
    protocol,
    server,
)
from pamesos.core.model import (
    Database,
    Description,
    Network,
    NodeSource,
    Options,
    Resources,
    Volume,
    is_loopback,
)

#: Version of the meaning of our labels, not of the program: a release must not restart clusters.
LABELS_VERSION = "1"


@dataclass(frozen=True)
class Check:
    """A Marathon health check; ``target`` is the path of HTTP or the command line of COMMAND."""

    protocol: str
    grace_s: int
    target: str | None = None
    interval_s: int = 5
    timeout_s: int = 5
    failures: int = 3
    #: Marathon's default of 15 s would be spent before the first check of every start.
    delay_s: int = 2


@dataclass(frozen=True)
class PlannedApp:
    """One Marathon app. ``ports`` are (name, port); port 0 lets Marathon choose.

    On a container network ``alias`` is its name there, and only the ``published`` ports are
    reachable on the agent.
    """

    app_id: str
    tier: str
    instances: int
    resources: Resources
    command: str | None
    ports: tuple[tuple[str, int], ...]
    check: Check
    kill_grace_s: int
    ready_path: str | None = None
    image: str | None = None
    network: Network = field(default_factory=Network)
    alias: str | None = None
    published: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    dependencies: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    constraints: tuple[tuple[str, ...], ...] = ()
    options: Options = field(default_factory=Options)

    @property
    def is_single(self) -> bool:
        """Database and scheduler: a second one beside the first would corrupt data."""
        return self.tier != names.TIER_NODES


@dataclass(frozen=True)
class Plan:
    group_id: str
    apps: tuple[PlannedApp, ...]

    @property
    def tiers(self) -> Mapping[str, tuple[PlannedApp, ...]]:
        return {tier: tuple(app for app in self.apps if app.tier == tier) for tier in names.TIERS}


def build_plan(description: Description, addresses: Addresses) -> Plan:
    """Return the apps of a cluster in the order of their dependency."""
    apps = [_scheduler_app(description, addresses)]
    if description.database.is_run_here:
        apps.insert(0, _database_app(description, addresses))
    apps += [_node_app(description, addresses, source) for source in description.node_sources]
    return Plan(description.group_id, tuple(_common(description, app) for app in apps))


def _database_app(description: Description, addresses: Addresses) -> PlannedApp:
    database, sql = description.database, addresses.database
    assert sql is not None, "the schema gives a database that is run here an address"
    resources = _resources(description, database.options, Resources(0.5, 512))
    command, check = _database_launch(database, sql, resources, description.network)
    return PlannedApp(
        app_id=names.app_id(description.group_id, names.TIER_DATABASE),
        tier=names.TIER_DATABASE,
        instances=1,
        resources=resources,
        command=command,
        image=database.image,
        volumes=_database_volumes(database),
        ports=(("sql", sql.port),),
        check=check,
        kill_grace_s=30,
        env=_database_env(database),
        alias=network.alias(description.network, sql.host),
        constraints=_pin(database.agent or _agent(description.network, sql.host)),
        options=database.options,
    )


def _database_launch(
    database: Database, sql: SqlAddress, resources: Resources, on: Network
) -> tuple[str, Check]:
    """A command of the user's own may be any database: only its port can be asked then."""
    if database.command:
        return database.command, Check("MESOS_TCP", 60)
    if database.image:
        ports = network.ports(on, (("sql", sql.port),))
        command, check = containers.launch(database, ports), containers.check(database, sql)
    elif database.kind == "postgresql":
        command = postgresql.launch(database, sql, resources)
        check = postgresql.check(database, sql)
    else:
        command = mariadb.launch(database, sql, resources)
        check = mariadb.check(database)
    return command, Check("COMMAND", 60, check, interval_s=2, timeout_s=2, failures=10)


def _database_volumes(database: Database) -> tuple[Volume, ...]:
    if database.volume is None or not database.image:
        return ()
    path = database.volume.container_path or containers.DATA_PATHS[database.kind]
    return (replace(database.volume, container_path=path),)


def _database_env(database: Database) -> dict[str, str]:
    assert database.credentials is not None
    return {
        "PAMESOS_DATABASE_USER": database.credentials.user,
        "PAMESOS_DATABASE_PASSWORD": database.credentials.password.reveal(),
    }


def _scheduler_app(description: Description, addresses: Addresses) -> PlannedApp:
    scheduler, database = description.scheduler, description.database
    resources = _resources(description, scheduler.options, Resources(1.0, 2048))
    volumes = tuple(volume for volume in (scheduler.data, scheduler.logs) if volume)
    files = authentication.password_files(scheduler.users) + protocol.keystore_paths(description)
    depends_on = names.app_id(description.group_id, names.TIER_DATABASE)
    return PlannedApp(
        app_id=names.app_id(description.group_id, names.TIER_SCHEDULER),
        tier=names.TIER_SCHEDULER,
        instances=1,
        resources=resources,
        command=scheduler.command or server.launch(description, addresses, resources),
        image=scheduler.image,
        volumes=volumes + _mounted(files) if scheduler.image else (),
        ports=protocol.scheduler_ports(description),
        # Measured boots: 13 to 42 s, longer while the agent is busy. The web port answers 503
        # when /rest failed to deploy, so the path matters (facts/proactive.md 2).
        check=Check(
            _http(description.network),
            180,
            "/rest/rm/version",
            interval_s=3,
            timeout_s=3,
            failures=10,
        ),
        ready_path="/rest/rm/version",
        kill_grace_s=25,
        dependencies=(depends_on,) if database.is_run_here else (),
        env=_proactive_env(description)
        | (_database_env(database) if addresses.database is not None else {})
        | authentication.environment(scheduler.users),
        labels={names.LABEL_REST: addresses.scheduler.rest_url},
        alias=network.alias(description.network, scheduler.host),
        published=("web",),
        constraints=_pin(scheduler.agent or _agent(description.network, scheduler.host)),
        options=scheduler.options,
    )


def _node_app(description: Description, addresses: Addresses, source: NodeSource) -> PlannedApp:
    resources = _resources(description, source.options, Resources(0.5, 512))
    files = protocol.keystore_paths(description)
    return PlannedApp(
        app_id=names.app_id(description.group_id, names.TIER_NODES, source.name),
        tier=names.TIER_NODES,
        instances=source.nodes,
        resources=resources,
        command=source.command or node.launch(description, addresses, source, resources),
        image=source.image,
        volumes=source.volumes + _mounted(files) if source.image else (),
        ports=protocol.node_ports(description),
        check=_node_check(description, addresses),
        kill_grace_s=10,
        dependencies=(names.app_id(description.group_id, names.TIER_SCHEDULER),),
        env=_proactive_env(description),
        labels={
            names.LABEL_NODE_SOURCE: source.name,
            names.LABEL_WORKERS: str(source.workers_per_node),
        },
        options=source.options,
    )


def _http(on: Network) -> str:
    """Marathon, which asks from afar, may not reach a container network; Mesos is beside it."""
    return "MESOS_HTTP" if on.mode == "container" else "HTTP"


def _node_check(description: Description, addresses: Addresses) -> Check:
    if description.protocol != "pamr":
        return Check("MESOS_TCP", 120)
    return Check("COMMAND", 120, protocol.router_check(addresses.scheduler))


def _mounted(paths: tuple[str, ...]) -> tuple[Volume, ...]:
    """Files of the agent that a command reads are at the same path in a container."""
    return tuple(Volume(path, mode="RO") for path in dict.fromkeys(paths))


def _common(description: Description, app: PlannedApp) -> PlannedApp:
    """Add what the file says for all apps; what an app says itself wins."""
    defaults, own = description.defaults, app.options
    labels = {names.LABEL_CLUSTER: description.name, names.LABEL_TIER: app.tier}
    labels |= {names.LABEL_VERSION: LABELS_VERSION}
    if description.proactive.is_stand_in and app.tier != names.TIER_DATABASE:
        labels[names.LABEL_STAND_IN] = "true"
    if app.tier == names.TIER_NODES:  # a change of them must not restart the database
        labels |= description.watch
    return replace(
        app,
        network=description.network,
        env={**defaults.env, **own.env, **app.env},
        labels={**defaults.labels, **own.labels, **labels, **app.labels},
        constraints=app.constraints + (own.constraints or defaults.constraints),
        options=replace(
            own,
            user=own.user or defaults.user,
            role=own.role or defaults.role,
            accepted_resource_roles=own.accepted_resource_roles or defaults.accepted_resource_roles,
            fetch=own.fetch or defaults.fetch,
        ),
    )


def _resources(description: Description, own: Options, fallback: Resources) -> Resources:
    return replace(fallback, **{**description.defaults.resources, **own.resources})


def _proactive_env(description: Description) -> dict[str, str]:
    env = protocol.environment(description)
    if description.proactive.is_stand_in:
        return env
    env["PROACTIVE_HOME"] = description.proactive.home
    return env | ({"JAVA_HOME": description.proactive.java} if description.proactive.java else {})


def _agent(on: Network, host: str) -> str | None:
    """Return the agent that a host is; on a container network it is none."""
    return None if on.mode == "container" else host


def _pin(host: str | None) -> tuple[tuple[str, ...], ...]:
    """Keep a tier with an address that others know on its agent (recordings/stack/01-deploy)."""
    return () if host is None or is_loopback(host) else (("hostname", "CLUSTER", host),)
