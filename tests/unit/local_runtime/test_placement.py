"""Which agent takes an instance: constraints, resources, ports."""

from __future__ import annotations

import pytest

from pamesos.local.launcher import ports
from pamesos.local.launcher.constraints import fulfils
from pamesos.local.launcher.offers import Used, match
from tests.unit.local_runtime.values import agent, app

A0, A1, A2, A3 = (agent(number) for number in range(4))
BARE = agent(9, attributes={})
KNOWN = (A0, A1, A2, A3)


@pytest.mark.parametrize(
    ("constraint", "candidate", "placed", "expected"),
    [
        pytest.param(["hostname", "UNIQUE"], A0, [A1], True, id="unique, other host"),
        pytest.param(["hostname", "UNIQUE"], A0, [A0], False, id="unique, same host"),
        pytest.param(["@hostname", "UNIQUE"], A0, [A0], False, id="unique, new name of the field"),
        pytest.param(["rack", "UNIQUE"], A2, [A0], False, id="unique rack, taken"),
        pytest.param(["hostname", "CLUSTER", "agent-0"], A0, [], True, id="cluster, this host"),
        pytest.param(["hostname", "CLUSTER", "agent-0"], A1, [], False, id="cluster, not this"),
        pytest.param(["rack", "CLUSTER"], A2, [A0], True, id="cluster, with the others"),
        pytest.param(["rack", "CLUSTER"], A1, [A0], False, id="cluster, apart from the others"),
        pytest.param(["rack", "LIKE", "r[01]"], A0, [], True, id="like"),
        pytest.param(["rack", "LIKE", "r"], A0, [], False, id="like, only a part"),
        pytest.param(["rack", "LIKE", ".*"], BARE, [], False, id="like, no such attribute"),
        pytest.param(["rack", "UNLIKE", "r0"], A1, [], True, id="unlike"),
        pytest.param(["rack", "UNLIKE", "r0"], A0, [], False, id="unlike, but it is"),
        pytest.param(["rack", "UNLIKE", "r0"], BARE, [], True, id="unlike, no such attribute"),
        pytest.param(["rack", "IS", "r1"], A1, [], True, id="is"),
        pytest.param(["rack", "IS", "r1"], A0, [], False, id="is not"),
        pytest.param(["rack", "MAX_PER", "2"], A0, [A2], True, id="max per, one left"),
        pytest.param(["rack", "MAX_PER", "2"], A0, [A0, A2], False, id="max per, none left"),
        pytest.param(["rack", "GROUP_BY"], A1, [A0], True, id="group by, the emptier"),
        pytest.param(["rack", "GROUP_BY"], A0, [A0], False, id="group by, the fuller"),
        pytest.param(["rack", "GROUP_BY"], A0, [A0, A1], True, id="group by, even"),
        pytest.param(["rack", "GROUP_BY", "3"], A0, [A0, A1], False, id="group by, one unseen"),
    ],
)
def test_a_constraint_decides_by_where_the_others_are(
    constraint: list[str], candidate: object, placed: list[object], expected: bool
) -> None:
    assert fulfils([constraint], candidate, placed, KNOWN) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "used", "reason"),
    [
        pytest.param({}, Used(), None, id="fits"),
        pytest.param({"cpus": 0.1}, Used(cpus=3.9), None, id="fits exactly"),
        pytest.param({"cpus": 4.1}, Used(), "InsufficientCpus", id="cpus"),
        pytest.param({"mem": 513.0}, Used(mem=512.0), "InsufficientMemory", id="mem"),
        pytest.param({"disk": 2000.0}, Used(), "InsufficientDisk", id="disk"),
        pytest.param({"gpus": 1}, Used(), "InsufficientGpus", id="gpus"),
        pytest.param(
            {"constraints": [["rack", "IS", "x"]], "cpus": 99},
            Used(),
            "UnfulfilledConstraint",
            id="the first reason counts",
        ),
        pytest.param({"requirePorts": True}, Used(ports={10000}), "InsufficientPorts", id="port"),
    ],
)
def test_an_offer_is_refused_for_the_first_reason(
    fields: dict[str, object], used: Used, reason: str | None
) -> None:
    found = match(app(**fields), A0, used, [], KNOWN, lambda _port, _protocol: True)
    assert found.refused == reason


def _no(_port: int, _protocol: str) -> bool:
    return False


def _yes(_port: int, _protocol: str) -> bool:
    return True


def test_a_dynamic_port_comes_from_the_range_for_them() -> None:
    [port] = ports.pick(ports.wanted(app()), A0, frozenset(), _yes) or ()
    assert 31000 <= port <= 32000


def test_a_fixed_port_is_given_as_it_is() -> None:
    fixed = app(requirePorts=True)
    assert ports.pick(ports.wanted(fixed), A0, frozenset(), _yes) == (10000,)


def test_the_last_free_port_is_found() -> None:
    used = frozenset(range(31000, 32001)) - {31007}
    assert ports.pick([(0, "tcp")], A0, used, _yes) == (31007,)


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([(0, "tcp")], id="dynamic"),
        pytest.param([(5432, "tcp")], id="fixed"),
        pytest.param([(0, "tcp"), (0, "udp")], id="two"),
    ],
)
def test_no_port_is_given_when_none_is_free(asked: list[tuple[int | None, str]]) -> None:
    assert ports.pick(asked, A0, frozenset(), _no) is None


def test_one_fixed_port_is_not_given_twice_to_a_task() -> None:
    assert ports.pick([(5000, "tcp"), (5000, "tcp")], A0, frozenset(), _yes) is None


def test_a_container_network_asks_for_its_host_ports() -> None:
    mappings = [{"hostPort": 0}, {"hostPort": 80, "protocol": "udp"}, {"containerPort": 1}]
    bridged = app(networks=[{"mode": "container/bridge"}], container={"portMappings": mappings})
    assert ports.wanted(bridged) == [(0, "tcp"), (80, "udp"), (None, "tcp")]
    assert ports.pick([(None, "tcp")], A0, frozenset(), _no) == ()
