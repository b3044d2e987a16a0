"""The settings file: strict, so that a misspelt key is an error and not a silence."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

_SECONDS = validate.Range(min=0, min_inclusive=False, max=3600)


class _OneOrMany(fields.Field[Any]):
    """A string, or a list of strings."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[str]:
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(item, str) for item in values):
            raise ValidationError("a URL or a list of URLs is expected")
        return values


class MarathonSchema(Schema):
    """``marathon:`` of the settings file."""

    url = _OneOrMany()
    user = fields.String()
    password_file = fields.String(data_key="passwordFile")
    token_file = fields.String(data_key="tokenFile")
    ca_bundle = fields.String(data_key="caBundle")
    client_cert = fields.String(data_key="clientCert")
    client_key = fields.String(data_key="clientKey")
    connect_timeout = fields.Float(data_key="connectTimeout", validate=_SECONDS)
    read_timeout = fields.Float(data_key="readTimeout", validate=_SECONDS)


class ProActiveSchema(Schema):
    """``proactive:`` of the settings file."""

    user = fields.String()
    password_file = fields.String(data_key="passwordFile")


class SettingsSchema(Schema):
    """The whole file."""

    marathon = fields.Nested(MarathonSchema)
    proactive = fields.Nested(ProActiveSchema)


def check(document: Any) -> tuple[dict[str, Any], list[str]]:
    """Return the settings of a parsed file, and its faults as ``path: what is wrong``."""
    try:
        loaded: dict[str, Any] = SettingsSchema().load(document)
    except ValidationError as error:
        return {}, _faults(error.messages, "")
    return loaded, []


def _faults(messages: Any, path: str) -> list[str]:
    if isinstance(messages, dict):
        children = ((f"{path}.{key}" if path else str(key), m) for key, m in messages.items())
        return [fault for child, m in children for fault in _faults(m, child)]
    texts = messages if isinstance(messages, list) else [messages]
    return [f"{path.removesuffix('._schema')}: {text}" for text in texts]
