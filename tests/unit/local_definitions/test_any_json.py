"""Whatever JSON is sent, the answer is a definition or a refusal, and never a failure of ours."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pamesos.local.definitions import groups, jsontext, updates
from pamesos.local.definitions.fields import APP, GROUP_UPDATE
from pamesos.local.definitions.parts import CONTAINER
from pamesos.local.definitions.refusal import Refusal
from pamesos.local.definitions.settings import Settings
from pamesos.local.definitions.settle import settle
from pamesos.local.store.root import Root, put_app

SETTINGS = Settings()
EMPTY = Root.empty("2026-01-01T00:00:00.000Z")
VERSION = "2026-01-02T00:00:00.000Z"

_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 70_000),
    st.floats(allow_nan=False),
    st.sampled_from(
        [
            *("", "a", "/a", "/a/b", "..", "*", "host", "container", "container/bridge", "DOCKER"),
            *("MESOS", "HTTP", "COMMAND", "BRIDGE", "USER", "RW", "UNIQUE", "LIKE", "(", "é"),
            *("disabled", "2026-01-01T00:00:00.000Z", "tcp", "unlimited", "\ud800"),
        ]
    ),
)
_KEYS = st.sampled_from(
    [
        *APP.fields,
        *CONTAINER.fields,
        *GROUP_UPDATE.fields,
        *("name", "mode", "protocol", "port", "portIndex", "value", "uri", "image", "network"),
        *("containerPath", "hostPath", "persistent", "size", "secret", "discovery", "tcp"),
    ]
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=12,
)
_APP = st.dictionaries(st.sampled_from(list(APP.fields)), _JSON, max_size=6).map(
    lambda fields: {"id": "/a", "cmd": "sleep 1", **fields}
)
_MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def survives(call: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        result = call(*args, **kwargs)
    except Refusal as refused:
        assert refused.status in (400, 404, 409, 422, 500)
        json.dumps(refused.body)
        return None
    return result


@_MANY
@given(_APP | _JSON)
def test_any_app_is_created_or_refused(value: Any) -> None:
    app = survives(updates.create, value, EMPTY, SETTINGS)
    if app is not None:
        root = survives(lambda: settle(EMPTY, put_app(EMPTY, app, VERSION), SETTINGS))
        if root is not None:
            again = survives(updates.replace, app, app["id"], root, SETTINGS)
            assert again is None or again["id"] == app["id"]


@_MANY
@given(_APP, _APP | _JSON)
def test_any_update_is_merged_or_refused(first: Any, second: Any) -> None:
    app = survives(updates.create, first, EMPTY, SETTINGS)
    if app is None:
        return
    root = survives(lambda: settle(EMPTY, put_app(EMPTY, app, VERSION), SETTINGS))
    if root is None:
        return
    update = survives(updates.read_update, second, SETTINGS)
    if update is not None:
        survives(updates.merge, update, root.apps[app["id"]], root, SETTINGS)


@_MANY
@given(st.dictionaries(st.sampled_from(list(GROUP_UPDATE.fields)), _JSON | st.lists(_APP)) | _JSON)
def test_any_group_is_changed_or_refused(value: Any) -> None:
    change = survives(groups.read_change, value, "/c", EMPTY, SETTINGS, creation=False)
    if change is None:
        return
    survives(groups.dry_run, EMPTY, change, None)
    survives(lambda: settle(EMPTY, groups.apply(EMPTY, change, VERSION), SETTINGS))


@_MANY
@given(st.binary(max_size=40) | st.text(max_size=20).map(str.encode))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    survives(jsontext.parse, body)
