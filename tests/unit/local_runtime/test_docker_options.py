"""What an app's definition becomes on the command line of Docker."""

from __future__ import annotations

from typing import Any

import pytest

from pamesos.local.executors.docker_options import creation, variables
from pamesos.local.instances import model
from pamesos.local.instances.model import Instance, Task
from pamesos.local.instances.ports import address, addresses

Json = dict[str, Any]

_PLAIN: Json = {
    "id": "/a",
    "cmd": "run",
    "cpus": 0.5,
    "mem": 64.0,
    "disk": 0.0,
    "gpus": 0,
    "labels": {},
    "version": "v",
    "networks": [{"mode": "host"}],
}


def _instance(ports: tuple[int, ...] = (), **fields: Any) -> Instance:
    docker = {"image": "box", **fields.pop("docker", {})}
    container = {"type": "DOCKER", "docker": docker, **fields.pop("container", {})}
    task = Task(
        id="a.instance-1._app.1",
        incarnation=1,
        state=model.RUNNING,
        agent="S0",
        host="agent",
        ip="10.0.0.1",
        ports=ports,
        container="uuid",
        staged_at="now",
        container_ip="172.17.0.9",
    )
    app = {**_PLAIN, "container": container, **fields}
    return Instance("a.instance-1", "/a", app, "Running", model.GOAL_RUNNING, "now", task)


def _arguments(instance: Instance, volumes: dict[str, str] | None = None) -> list[str]:
    return list(creation(instance, "/sandbox", volumes or {}).arguments)


def _mapped(*mappings: Json, mode: str = "container/bridge", name: str | None = None) -> Json:
    network = {"mode": mode} | ({"name": name} if name else {})
    return {"networks": [network], "container": {"portMappings": list(mappings)}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, ["--network=host"], id="the host's network"),
        pytest.param({"docker": {"privileged": True}}, ["--privileged"], id="privileged"),
        pytest.param(
            {"docker": {"parameters": [{"key": "ulimit", "value": "nofile=9"}]}},
            ["--ulimit=nofile=9"],
            id="parameters",
        ),
        pytest.param({"mem": 1.0}, ["--memory=33554432"], id="least memory"),
        pytest.param({"cpus": 0.0}, ["--cpu-shares=2"], id="least share"),
        pytest.param(
            {"resourceLimits": {"cpus": 2.0, "mem": 128.0}},
            ["--cpu-quota=200000", "--memory=134217728", "--memory-reservation=67108864"],
            id="limits",
        ),
        pytest.param(
            _mapped({"containerPort": 80, "hostPort": 0, "protocol": "udp,tcp"}),
            ["--network=bridge", "--publish=31000:80/udp", "--publish=31000:80/tcp"],
            id="both protocols",
        ),
        pytest.param(
            _mapped({"containerPort": 0, "hostPort": 0}),
            ["--publish=31000:31000/tcp"],
            id="the host's port inside",
        ),
        pytest.param(
            _mapped({"containerPort": 80}, mode="container", name="net"),
            ["--network=net"],
            id="a named network",
        ),
        pytest.param(
            {"container": {"volumes": [{"hostPath": "h", "containerPath": "c", "mode": "RO"}]}},
            ["--volume=/sandbox/h:/mnt/mesos/sandbox/c:ro"],
            id="relative paths",
        ),
    ],
)
def test_a_definition_becomes_options(fields: Json, expected: list[str]) -> None:
    arguments = _arguments(_instance(ports=(31000,), **fields))
    assert [each for each in expected if each not in arguments] == []


def test_what_is_not_asked_for_is_no_option() -> None:
    arguments = " ".join(_arguments(_instance()))
    words = ("--privileged", "--publish", "--cpu-quota", "--memory-reservation")
    assert [word for word in words if word in arguments] == []
    unlimited = _arguments(_instance(resourceLimits={"cpus": "unlimited", "mem": "unlimited"}))
    assert not [each for each in unlimited if each.startswith(("--memory=", "--cpu-quota"))]


def test_a_persistent_volume_lies_in_the_sandbox() -> None:
    arguments = _arguments(_instance(), {"data": "/work/volumes/x"})
    assert "--volume=/work/volumes/x:/mnt/mesos/sandbox/data" in arguments


@pytest.mark.parametrize(
    ("fields", "end"),
    [
        pytest.param({}, ["--entrypoint=/bin/sh", "box", "-c", "run"], id="cmd"),
        pytest.param({"cmd": None, "args": ["a", "b"]}, ["box", "a", "b"], id="args"),
        pytest.param({"cmd": None}, ["box"], id="the image's own"),
    ],
)
def test_the_command_comes_last(fields: Json, end: list[str]) -> None:
    assert _arguments(_instance(**fields))[-len(end) :] == end


def test_values_that_are_no_line_of_a_file_are_passed_on() -> None:
    odd = {"LINES": "a\nb", "LONG": "x" * 70_000, "RETURN": "a\r"}
    made = creation(_instance(env={"PLAIN": " v = 1", **odd}), "/sandbox", {})
    assert made.passed_on == odd
    assert "PLAIN= v = 1\n" in made.env_file
    assert {f"--env={name}" for name in odd} <= set(made.arguments)
    assert not [each for each in made.arguments if "=a\nb" in each]


def test_nothing_of_the_agent_is_in_the_environment_unless_the_app_says_it() -> None:
    assert "PATH" not in variables(_instance())
    assert variables(_instance(env={"PATH": "/own"}))["PATH"] == "/own"


def test_a_mapping_without_a_host_port_counts_with_the_containers() -> None:
    mappings = ({"containerPort": 80, "name": "in"}, {"containerPort": 81, "hostPort": 0})
    instance = _instance(ports=(31000,), **_mapped(*mappings, mode="container", name="net"))
    found = variables(instance)
    ports = {key: value for key, value in found.items() if key.startswith("PORT")}
    assert ports == {
        "PORT": "80",
        "PORT0": "80",
        "PORT1": "31000",
        "PORTS": "80,31000",
        "PORT_80": "80",
        "PORT_81": "31000",
        "PORT_IN": "80",
    }
    assert addresses(instance) == [("172.17.0.9", 80), ("10.0.0.1", 31000)]
    assert address(instance, 99) == ("172.17.0.9", 99)


def test_a_bridged_container_is_reached_at_its_agent() -> None:
    instance = _instance(ports=(31000,), **_mapped({"containerPort": 80, "hostPort": 0}))
    assert addresses(instance) == [("10.0.0.1", 31000)]
    assert address(instance, 99) == ("10.0.0.1", 99)
