"""Apps: normal form, legacy fields, rules, partial and whole updates."""

from __future__ import annotations

from typing import Any

import pytest

from pamesos.local.definitions import constraint_rules, updates
from pamesos.local.definitions.refusal import Refusal
from pamesos.local.definitions.settings import Settings
from pamesos.local.definitions.settle import settle
from pamesos.local.store.root import Root, put_app, put_apps

SETTINGS = Settings()
OLD, NEW = "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"
RESTART = frozenset({"/x"})
EMPTY = Root.empty(OLD)
BRIDGE = {"type": "DOCKER", "docker": {"image": "a:1", "network": "BRIDGE"}}


def created(**fields: Any) -> dict[str, Any]:
    return updates.create({"id": "/x", "cmd": "sleep 1", **fields}, EMPTY, SETTINGS)


def faults_of(call: Any, *args: Any, **fields: Any) -> dict[str, list[str]]:
    with pytest.raises(Refusal) as caught:
        call(*args, **fields)
    assert caught.value.status == 422
    body = caught.value.body
    assert isinstance(body, dict)
    return {fault["path"]: fault["errors"] for fault in body["details"]}


def test_an_app_gets_the_recorded_defaults() -> None:
    assert created() == {
        "id": "/x",
        "backoffFactor": 1.15,
        "backoffSeconds": 1,
        "cmd": "sleep 1",
        "cpus": 1.0,
        "disk": 0.0,
        "executor": "",
        "instances": 1,
        "labels": {},
        "maxLaunchDelaySeconds": 300,
        "mem": 128.0,
        "gpus": 0,
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": 0, "name": "default", "protocol": "tcp"}],
        "requirePorts": False,
        "upgradeStrategy": {"maximumOverCapacity": 1.0, "minimumHealthCapacity": 1.0},
        "killSelection": "YOUNGEST_FIRST",
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "role": "*",
    }


@pytest.mark.parametrize(
    ("sent", "name", "shown"),
    [
        pytest.param(
            {"uris": ["http://a/b.tgz"]},
            "fetch",
            [{"uri": "http://a/b.tgz", "extract": True, "executable": False, "cache": False}],
            id="uris",
        ),
        pytest.param(
            {"ports": [0, 80]},
            "portDefinitions",
            [{"port": 0, "protocol": "tcp"}, {"port": 80, "protocol": "tcp"}],
            id="ports",
        ),
        pytest.param(
            {"container": BRIDGE}, "networks", [{"mode": "container/bridge"}], id="docker.network"
        ),
        pytest.param(
            {"ipAddress": {"networkName": "n", "labels": {"a": "b"}}},
            "networks",
            [{"mode": "container", "name": "n", "labels": {"a": "b"}}],
            id="ipAddress",
        ),
        pytest.param(
            {"unreachableStrategy": "NOPE"}, "unreachableStrategy", "disabled", id="any word"
        ),
        pytest.param(
            {"dependencies": ["../y", "z", "z"]}, "dependencies", ["/y", "/z"], id="dependencies"
        ),
    ],
)
def test_what_is_sent_in_other_forms_is_shown_in_one(
    sent: dict[str, Any], name: str, shown: Any
) -> None:
    assert created(**sent)[name] == shown


def test_fields_that_mean_nothing_any_more_are_dropped() -> None:
    sent = {"storeUrls": ["x"], "residency": {}, "args": [], "env": {}, "anything": 1}
    assert created(**sent) == created()


def test_a_normal_form_sent_back_is_the_same_but_for_the_port_of_health_checks() -> None:
    app = created(healthChecks=[{"protocol": "TCP"}])
    again = updates.replace(app, "/x", EMPTY, SETTINGS)
    assert again["healthChecks"][0].pop("portIndex") == 0
    assert again == app


@pytest.mark.parametrize(
    ("sent", "path", "error"),
    [
        pytest.param({"cmd": "a"}, "/", "must not be an empty string", id="one letter"),
        pytest.param({"role": "x"}, "/role", "got x, expected one of: [*]", id="role"),
        pytest.param(
            {"constraints": [["a", "MAX_PER", "x"]]},
            "/constraints",
            "MAX_PER requires an integer value",
            id="constraint",
        ),
        pytest.param({"ports": [80, 80]}, "/", "ports must be unique", id="ports twice"),
        pytest.param(
            {"networks": [{"mode": "container"}]},
            "/networks",
            "Network name must be specified when container network is selected.",
            id="network without a name",
        ),
        pytest.param(
            {"fetch": [{"uri": "a b"}]}, "/fetch(0)/uri", "URI has invalid syntax.", id="uri"
        ),
        pytest.param(
            {"healthChecks": [{"protocol": "TCP", "portIndex": 3}]},
            "/healthChecks(0)",
            "Health check port indices must address an element of the ports array or container "
            "port mappings.",
            id="port index",
        ),
        pytest.param(
            {"resourceLimits": {"cpus": 0.5}},
            "/resourceLimits/cpus",
            "resource limit must be greater than or equal to requested resource (1.0)",
            id="limit below the request",
        ),
    ],
)
def test_a_rule_that_is_broken_is_named_at_its_path(
    sent: dict[str, Any], path: str, error: str
) -> None:
    assert faults_of(created, **sent)[path] == [error]


@pytest.mark.parametrize(
    ("pattern", "accepted"),
    [
        pytest.param("a.*", True, id="plain"),
        pytest.param(r"\p{Alpha}+", True, id="a class of Java's"),
        pytest.param("(?<zone>a|b)", True, id="a named group of Java's"),
        pytest.param("[[a]", True, id="a set that Python warns of"),
        pytest.param("(", False, id="open"),
        pytest.param("*a", False, id="nothing to repeat"),
    ],
)
def test_a_like_takes_what_java_takes(pattern: str, accepted: bool) -> None:
    assert constraint_rules.is_pattern(pattern) is accepted


def test_a_put_holds_rules_about_defaults_that_a_post_does_not() -> None:
    assert "residency" not in created(residency={})
    sent = {"cmd": "sleep 1", "residency": {}}
    assert faults_of(updates.replace, sent, "/x", EMPTY, SETTINGS) == {
        "/upgradeStrategy/maximumOverCapacity": ["got 1.0, expected 0.0"],
        "/": ["unreachableStrategy must be disabled for resident tasks"],
    }


def settled(app: dict[str, Any], root: Root = EMPTY, version: str = OLD) -> Root:
    return settle(root, put_app(root, app, version), SETTINGS)


def merged(root: Root, **update: Any) -> dict[str, Any]:
    read = updates.read_update(update, SETTINGS)
    return updates.merge(read, root.apps["/x"], root, SETTINGS)


def test_a_partial_update_keeps_what_it_does_not_name() -> None:
    root = settled(created(env={"A": "1"}, cpus=0.5))
    app = merged(root, instances=3)
    assert (app["env"], app["cpus"], app["instances"]) == ({"A": "1"}, 0.5, 3)


def test_a_version_stands_alone_in_an_update() -> None:
    update = {"version": OLD, "cmd": "sleep 2"}
    error = "The 'version' field may only be combined with the 'id' field."
    assert faults_of(updates.read_update, update, SETTINGS) == {"/": [error]}


def test_service_ports_are_assigned_once_and_kept() -> None:
    root = settled(created())
    assert root.apps["/x"]["portDefinitions"][0]["port"] == 10000
    other = settled(created(id="/y"), root, NEW)
    assert other.apps["/y"]["portDefinitions"][0]["port"] == 10001
    again = settled(merged(root, portDefinitions=[{"port": 0}], cpus=2), other, NEW)
    assert again.apps["/x"]["portDefinitions"] == [{"port": 10000, "protocol": "tcp"}]


@pytest.mark.parametrize(
    ("update", "info"),
    [
        pytest.param({}, (OLD, OLD, OLD), id="nothing changes"),
        pytest.param({"instances": 2}, (NEW, NEW, OLD), id="scaled"),
        pytest.param({"cpus": 2}, (NEW, NEW, NEW), id="changed"),
        pytest.param({"cpus": 2, "instances": 2}, (NEW, NEW, NEW), id="changed and scaled"),
    ],
)
def test_versions_say_what_changed_last(update: dict[str, Any], info: tuple[str, ...]) -> None:
    root = settled(created())
    app = settled(merged(root, **update), root, NEW).apps["/x"]
    times = app["versionInfo"]
    assert (app["version"], times["lastScalingAt"], times["lastConfigChangeAt"]) == info


def test_a_restart_counts_as_a_change_of_the_definition_only() -> None:
    root = settled(created())
    again = settle(root, put_app(root, dict(root.apps["/x"]), NEW), SETTINGS, restart=RESTART)
    times = again.apps["/x"]["versionInfo"]
    assert (times["lastScalingAt"], times["lastConfigChangeAt"]) == (OLD, NEW)


def test_an_app_that_does_not_change_stays_the_same_object() -> None:
    root = settled(created(constraints=[["a", "UNIQUE"], ["b", "UNIQUE"]]))
    turned = merged(root, constraints=[["b", "UNIQUE"], ["a", "UNIQUE"]])
    target = settle(root, put_apps(root, [turned], NEW), SETTINGS)
    assert target.apps["/x"] is root.apps["/x"]
