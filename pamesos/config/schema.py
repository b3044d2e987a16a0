"""The description's schema: every field with what it means, and how it becomes the model."""

from __future__ import annotations

from functools import cache
from typing import Any

from marshmallow import post_load

from pamesos.config.fields import (
    Choice,
    Many,
    Name,
    Number,
    Object,
    Password,
    StrictSchema,
    Text,
    TextMap,
)
from pamesos.config.schema_access import PnpsSchema, UserSchema
from pamesos.config.schema_common import (
    ABSOLUTE,
    HOST_FORM,
    HOST_PATTERN,
    AppSchema,
    NetworkField,
    OptionsSchema,
    VolumeField,
    about,
)
from pamesos.config.schema_watch import WatchSchema
from pamesos.core import model

_AGENT = "the agent it is kept on, where a container network hides it"
_IDENTIFIER = r"[a-z_][a-z0-9_]{0,62}"
_IDENTIFIER_FORM = "lower-case letters, digits and underscores"
_PORT: dict[str, Any] = {"least": 1, "most": 65535, "whole": True}


class ProActiveSchema(StrictSchema):
    home = Text(
        required=True,
        pattern=r"stand-in|/[^\x00-\x1f]*",
        form="the absolute path of a ProActive distribution on the agents, or stand-in",
        **about("path of a ProActive distribution on the agents, or the word stand-in"),
    )
    java = Text(
        pattern=ABSOLUTE,
        form="an absolute path",
        **about("JAVA_HOME on the agents; a distribution with its own jre/ prefers that"),
    )

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> model.ProActive:
        return model.ProActive(**data)


class CredentialsSchema(StrictSchema):
    user = Text(
        load_default="proactive",
        pattern=_IDENTIFIER,
        form=_IDENTIFIER_FORM,
        **about("the role that ProActive uses; proactive by default"),
    )
    password = Password(**about("its password; better as ${VAR} than in the file"))
    password_file = Text(
        data_key="passwordFile",
        **about("a file that holds the password, relative to this file; read when submitting"),
    )

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> model.Credentials:
        return model.Credentials(data["user"], model.Secret(data.get("password", "")))


class DatabaseNamesSchema(StrictSchema):
    rm = Text(
        load_default="rm",
        pattern=_IDENTIFIER,
        form=_IDENTIFIER_FORM,
        **about("database of the Resource Manager; rm by default"),
    )
    scheduler = Text(
        load_default="scheduler",
        pattern=_IDENTIFIER,
        form=_IDENTIFIER_FORM,
        **about("database of the Scheduler; scheduler by default"),
    )


class DatabaseSchema(AppSchema):
    kind = Choice(
        ("embedded", "postgresql", "mariadb", "mysql", "external"),
        required=True,
        **about(
            "embedded (in the server), postgresql, mariadb, mysql, or external (run by others)"
        ),
    )
    engine = Choice(
        ("postgresql", "mariadb", "mysql"),
        **about("what an external database is; postgresql by default"),
    )
    host = Text(
        pattern=HOST_PATTERN,
        form=HOST_FORM,
        **about(
            "the agent it runs on, by the name or address that others reach it at; on a container "
            "network its DNS name there"
        ),
    )
    agent = Text(pattern=HOST_PATTERN, form=HOST_FORM, **about(_AGENT))
    port = Number(**_PORT, **about("its port; 5432 for PostgreSQL, 3306 for MariaDB and MySQL"))
    credentials = Object(CredentialsSchema, **about("the role that ProActive uses"))
    databases = Object(DatabaseNamesSchema, **about("the names of its two databases"))
    volume = VolumeField(**about("the directory on the agent that holds the data"))

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> model.Database:
        names = data.pop("databases", {})
        kind, engine = data["kind"], data.pop("engine", "postgresql")
        if kind != "external":
            engine = None if kind == "embedded" else kind
        return model.Database(
            **self.with_options(data),
            engine=engine,
            rm_name=names.get("rm", "rm"),
            scheduler_name=names.get("scheduler", "scheduler"),
        )


class PortsSchema(StrictSchema):
    web = Number(**_PORT, load_default=8080, **about("port of the REST API; 8080 by default"))
    pnp = Number(**_PORT, load_default=64738, **about("port of PNP; 64738 by default"))
    pamr = Number(
        **_PORT, load_default=33647, **about("port of its router, with pamr; 33647 by default")
    )


class SchedulerVolumesSchema(StrictSchema):
    data = VolumeField(**about("directory for data spaces, statistics and the embedded database"))
    logs = VolumeField(**about("directory for logs; the sandbox by default"))


class SchedulerSchema(AppSchema):
    host = Text(
        pattern=HOST_PATTERN,
        form=HOST_FORM,
        **about(
            "the agent it runs on, by the name or address that nodes reach it at; on a container "
            "network its DNS name there"
        ),
    )
    agent = Text(pattern=HOST_PATTERN, form=HOST_FORM, **about(_AGENT))
    ports = Object(PortsSchema, **about("its fixed ports"))
    users = Many(Object(UserSchema), **about("logins made when the server starts, beside its own"))
    volumes = Object(SchedulerVolumesSchema, **about("where its files are kept"))
    java_options = Text(
        data_key="javaOptions", **about("options of its JVM; memory follows resources.mem")
    )

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> model.Scheduler:
        ports = data.pop("ports", {})
        users = tuple(data.pop("users", ()))
        volumes = data.pop("volumes", {})
        return model.Scheduler(
            **self.with_options(data),
            **volumes,
            users=users,
            **{f"{name}_port": port for name, port in ports.items()},
        )


class NodeSourceSchema(AppSchema):
    name = Name(required=True, **about("its name, which its app and its nodes bear"))
    nodes = Number(
        least=0, most=100_000, whole=True, required=True, **about("how many node processes")
    )
    workers_per_node = Number(
        least=1,
        most=1000,
        whole=True,
        load_default=1,
        data_key="workersPerNode",
        **about("how many nodes of the Resource Manager each process holds; 1 by default"),
    )
    volumes = Many(VolumeField(), **about("directories of the agent in its containers"))
    java_options = Text(
        data_key="javaOptions", **about("options of its JVM; memory follows resources.mem")
    )

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> model.NodeSource:
        volumes = tuple(data.pop("volumes", ()))
        return model.NodeSource(**self.with_options(data), volumes=volumes)


class DescriptionSchema(StrictSchema):
    schema_ = Text(data_key="$schema", **about("where this schema is; read by editors only"))
    name = Name(required=True, **about("the name of the cluster"))
    group = Text(
        load_default="/",
        pattern=r"/|(?:/[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+/?",
        form="an absolute Marathon group such as /teams/blue",
        **about("the Marathon group that the cluster's group is in; / by default"),
    )
    proactive = Object(ProActiveSchema, required=True, **about('{"home": path or stand-in}'))
    protocol = Choice(
        ("pnp", "pnps", "pamr"), load_default="pnp", **about("how nodes talk; pnp by default")
    )
    pnps = Object(PnpsSchema, **about("the key store of pnps; without one it only ciphers"))
    network = NetworkField(**about('host (default), bridge, or {"container": name}'))
    database = Object(DatabaseSchema, required=True, **about("the database tier"))
    scheduler = Object(SchedulerSchema, required=True, **about("the scheduler tier"))
    node_sources = Many(
        Object(NodeSourceSchema),
        required=True,
        data_key="nodeSources",
        **about("a list of node sources, [{name, nodes, …}]"),
    )
    defaults = Object(OptionsSchema, **about("what every app gets unless it says otherwise"))
    env = TextMap(**about("environment of every app"))
    labels = TextMap(**about("labels of every app"))
    watch = Object(WatchSchema, **about("how `pamesos watch` treats this cluster"))

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> model.Description:
        defaults: model.Options = data.get("defaults", model.Options())
        description = model.Description(
            name=data["name"],
            parent=data["group"],
            proactive=data["proactive"],
            protocol=data["protocol"],
            keystore=data.get("pnps"),
            network=data.get("network", model.Network()),
            database=data["database"],
            scheduler=data["scheduler"],
            node_sources=tuple(data["node_sources"]),
            defaults=model.with_common(defaults, data.get("env", {}), data.get("labels", {})),
            watch=data.get("watch", {}),
        )
        return model.with_aliases(description)


@cache
def description_schema() -> DescriptionSchema:
    """Return the schema; an instance costs as much as loading a description with it."""
    return DescriptionSchema()
