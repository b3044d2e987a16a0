"""Who may log in, and how processes know one another: the parts of the schema that hold secrets."""

from __future__ import annotations

from typing import Any

from marshmallow import post_load

from pamesos.config.fields import Flag, Many, Password, StrictSchema, Text
from pamesos.config.schema_common import ABSOLUTE, about
from pamesos.core import model


class UserSchema(StrictSchema):
    login = Text(
        required=True,
        pattern=r"[A-Za-z0-9][A-Za-z0-9._@-]*",
        form="letters, digits and inner . _ @ -",
        **about("login name"),
    )
    password = Password(**about("its password; better as ${VAR} than in the file"))
    password_file = Text(
        data_key="passwordFile",
        pattern=ABSOLUTE,
        form="the absolute path of a file on the agent",
        **about("a file on the server's agent that holds the password; read when it starts"),
    )
    groups = Many(
        Text(pattern=r"[A-Za-z0-9][A-Za-z0-9._-]*", form="letters, digits and inner . _ -"),
        required=True,
        **about("ProActive groups, e.g. user, scheduleradmins or server-admins"),
    )

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> model.User:
        password = data.pop("password", None)
        groups = tuple(data.pop("groups"))
        secret = None if password is None else model.Secret(password)
        return model.User(**data, groups=groups, password=secret)


class PnpsSchema(StrictSchema):
    path = Text(
        required=True,
        data_key="keystore",
        pattern=ABSOLUTE,
        form="the absolute path of a PKCS12 file on the agents",
        **about("a PKCS12 file on every agent, with the certificate of server and nodes"),
    )
    password = Password(**about("its password; better as ${VAR} than in the file"))
    password_file = Text(
        data_key="passwordFile",
        pattern=ABSOLUTE,
        form="the absolute path of a file on the agents",
        **about("a file on every agent that holds the password"),
    )
    authenticate = Flag(**about("talk only to those whose certificate is in it; false by default"))

    @post_load
    def freeze(self, data: dict[str, Any], **_: Any) -> model.Keystore:
        password = data.pop("password", None)
        secret = None if password is None else model.Secret(password)
        return model.Keystore(**data, password=secret)
