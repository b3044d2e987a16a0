"""Each kind of fault in a description has one line: place, path, what was expected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.description.files import GONE, GOOD, changed, faults_of, load_data

MANY = 'expected one of UNIQUE, CLUSTER, GROUP_BY, IS, LIKE, UNLIKE, MAX_PER, got "UNIQ"'
SIZE = 'expected a size such as "4GiB", "512MiB" or 512 (MiB)'


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        pytest.param("nam", "x", "nam: there is no such field; did you mean name?", id="unknown"),
        pytest.param(
            "scheduler.resource",
            {},
            "scheduler.resource: there is no such field; did you mean resources?",
            id="unknown, nested",
        ),
        pytest.param(
            "nodeSources.0.workers",
            2,
            "nodeSources[0].workers: there is no such field; did you mean workersPerNode?",
            id="unknown, in a list",
        ),
        pytest.param(
            "watch.zzz",
            1,
            "watch.zzz: there is no such field; known here: agentFailures, budget, "
            "drainDeadline, grace, killsPerMinute, massShare, registerGrace, window",
            id="unknown, like nothing",
        ),
        pytest.param(
            "watch.massShare",
            1.5,
            "watch.massShare: expected a number from 0.05 to 1, got 1.5",
            id="a share above one",
        ),
        pytest.param(
            "watch.budget",
            2.5,
            "watch.budget: expected a whole number from 0 to 1000, got a fraction",
            id="a fraction of a failure",
        ),
        pytest.param("name", GONE, "name: is missing: the name of the cluster", id="missing"),
        pytest.param("name", 5, "name: expected a string, got a number", id="number for string"),
        pytest.param("name", None, "name: null means nothing here; remove the key", id="null"),
        pytest.param(
            "name",
            "My_Cluster",
            "name: expected lower-case letters, digits and inner hyphens (at most 63, not "
            'restart, tasks, versions), got "My_Cluster"; "my-cluster" would do',
            id="a name that Marathon refuses",
        ),
        pytest.param(
            "nodeSources.0.name",
            "a\n",
            "nodeSources[0].name: expected lower-case letters, digits and inner hyphens "
            '(at most 63, not restart, tasks, versions), got "a\n"; "a" would do',
            id="a name with a newline at its end",
        ),
        pytest.param("scheduler", [], "scheduler: expected an object, {…}", id="list for object"),
        pytest.param("nodeSources", {}, "nodeSources: expected a list, […]", id="object for list"),
        pytest.param(
            "nodeSources",
            [],
            "nodeSources: expected at least one node source",
            id="no node source",
        ),
        pytest.param(
            "nodeSources.0.nodes",
            True,
            "nodeSources[0].nodes: expected a whole number from 0 to 100000, got true or false",
            id="true for number",
        ),
        pytest.param(
            "nodeSources.0.nodes",
            2.5,
            "nodeSources[0].nodes: expected a whole number from 0 to 100000, got a fraction",
            id="a fraction of a node",
        ),
        pytest.param(
            "nodeSources.0.nodes",
            "2",
            "nodeSources[0].nodes: expected a whole number from 0 to 100000, got a string",
            id="a string for a number",
        ),
        pytest.param(
            "scheduler.resources.mem",
            "4GB",
            f'scheduler.resources.mem: {SIZE}, got "4GB"; write "4GiB"',
            id="a wrong unit",
        ),
        pytest.param(
            "scheduler.resources.mem",
            "4g",
            f'scheduler.resources.mem: {SIZE}, got "4g"; write "4GiB"',
            id="a short unit",
        ),
        pytest.param(
            "scheduler.resources.mem",
            "lots",
            f'scheduler.resources.mem: {SIZE}, got "lots"',
            id="no size at all",
        ),
        pytest.param(
            "scheduler.resources.mem",
            8,
            "scheduler.resources.mem: expected at least 32 MiB, got 8 MiB",
            id="too little memory",
        ),
        pytest.param(
            "database.kind",
            "postgres",
            "database.kind: expected one of embedded, postgresql, mariadb, mysql, external, "
            'got "postgres"; did you mean postgresql?',
            id="a near miss of a choice",
        ),
        pytest.param(
            "nodeSources.0.constraints",
            [["hostname", "UNIQ"]],
            f"nodeSources[0].constraints[0]: {MANY}; did you mean UNIQUE?",
            id="an unknown operator",
        ),
        pytest.param(
            "nodeSources.0.constraints",
            [["hostname", "LIKE"]],
            "nodeSources[0].constraints[0]: LIKE needs a value as third item",
            id="an operator without its value",
        ),
        pytest.param(
            "nodeSources.0.constraints",
            ["hostname:UNIQUE"],
            "nodeSources[0].constraints[0]: expected a constraint such as "
            '["hostname", "UNIQUE"], got a string',
            id="a constraint of another form",
        ),
        pytest.param(
            "database.volume",
            "data",
            'database.volume: expected an absolute path, or {"hostPath": path}, got "data"',
            id="a relative volume",
        ),
        pytest.param(
            "database.volume",
            {"hostPath": "/data", "hostPat": "/data"},
            "database.volume.hostPat: there is no such field; did you mean hostPath?",
            id="an unknown field of a volume",
        ),
        pytest.param(
            "network",
            "bridg",
            'network: expected host, bridge or {"container": name}, got "bridg"; '
            "did you mean bridge?",
            id="a near miss of a network",
        ),
        pytest.param(
            "env",
            {"A": 1},
            "env.A: expected a string, got a number; put it in quotes",
            id="a number in env",
        ),
        pytest.param(
            "pnps",
            {"keystore": "/k.p12", "password": "x"},
            "pnps: only pnps has a key store; the protocol is pnp",
            id="key store of another protocol",
        ),
        pytest.param(
            "scheduler.ports",
            {"pamr": 33647},
            "scheduler.ports.pamr: only pamr has a router; the protocol is pnp",
            id="router of another protocol",
        ),
        pytest.param(
            "scheduler.host",
            GONE,
            "scheduler.host: is missing: the agent it runs on, by the name that nodes reach it at",
            id="no host for the scheduler",
        ),
        pytest.param(
            "scheduler.agent",
            "agent-1",
            "scheduler.agent: only with a container network; host is the agent",
            id="an agent beside the host",
        ),
        pytest.param(
            "database.host",
            GONE,
            "database.host: is missing: the host that runs it, or 127.0.0.1 on one machine",
            id="no host for the database",
        ),
        pytest.param(
            "database.host",
            "127.0.0.1",
            "database.host: 127.0.0.1 can be reached from its own machine only; "
            "write the agent's name",
            id="a loopback database of a remote scheduler",
        ),
        pytest.param(
            "database.volume",
            GONE,
            "database.volume: is missing: without a directory of the agent the data is lost "
            "with the sandbox",
            id="no volume for the database",
        ),
        pytest.param(
            "database.kind",
            "mysql",
            "database.image: is missing: only postgresql and mariadb are started without one; "
            "e.g. mysql:8.0",
            id="mysql without image",
        ),
        pytest.param(
            "database.credentials.password",
            GONE,
            "database.credentials.password: is missing: the password, better as ${VAR} than in "
            "the file; or give passwordFile",
            id="no password",
        ),
        pytest.param(
            "database.port",
            8080,
            "scheduler.ports.web: port 8080 of agent-1 is taken by database.port; choose another",
            id="two fixed ports that clash",
        ),
        pytest.param(
            "scheduler.ports",
            {"web": 64738},
            "scheduler.ports.pnp: port 64738 of agent-1 is taken by scheduler.ports.web; "
            "choose another",
            id="web and pnp on one port",
        ),
        pytest.param(
            "database.engine",
            "mysql",
            "database.engine: only an external database says its engine; use kind",
            id="engine beside kind",
        ),
        pytest.param(
            "nodeSources.0.volumes",
            ["/data"],
            "nodeSources[0].volumes: only a container has volumes; give it an image",
            id="a volume without a container",
        ),
        pytest.param(
            "scheduler.users",
            [{"login": "ada", "groups": ["user"]}],
            "scheduler.users[0].password: is missing: the password, better as ${VAR} than in the "
            "file; or give passwordFile",
            id="user without password",
        ),
        pytest.param(
            "scheduler.users",
            [{"login": "ada", "password": "x", "passwordFile": "/p", "groups": ["user"]}],
            "scheduler.users[0].passwordFile: give either password or passwordFile, not both",
            id="user with two passwords",
        ),
        pytest.param(
            "scheduler.users",
            [{"login": "rm", "password": "x", "groups": ["user"]}],
            "scheduler.users[0].login: rm is an account of the server itself, whose password its "
            "own files hold",
            id="internal user",
        ),
        pytest.param(
            "scheduler.users",
            [{"login": "ada", "password": "x", "groups": []}],
            "scheduler.users[0].groups: expected at least one group, e.g. user",
            id="user without groups",
        ),
        pytest.param(
            "scheduler.users",
            [{"login": "ada", "password": "x", "groups": ["user"]}] * 2,
            'scheduler.users[1].login: "ada" is users[0] already',
            id="user twice",
        ),
        pytest.param(
            "scheduler",
            {
                "host": "agent-1",
                "command": "run",
                "users": [{"login": "ada", "password": "x", "groups": ["user"]}],
            },
            "scheduler.users: a command of your own makes its users itself; take them out",
            id="users and command",
        ),
    ],
)
def test_a_fault_says_where_and_what_was_expected(
    tmp_path: Path, path: str, value: Any, fault: str
) -> None:
    found = faults_of(tmp_path, json.dumps(changed(path, value)))
    assert found == [f"1: {fault}"]


def test_a_node_source_may_not_have_the_name_of_a_tier(tmp_path: Path) -> None:
    found = faults_of(tmp_path, json.dumps(changed("nodeSources.0.name", "database")))
    text = '"database" is the name of a tier; give the node source another one'
    assert found == [f"1: nodeSources[0].name: {text}"]


def test_two_node_sources_of_one_name_are_named(tmp_path: Path) -> None:
    source = {"name": "default", "nodes": 1}
    found = faults_of(tmp_path, json.dumps(changed("nodeSources", [source, source])))
    text = '"default" is the name of nodeSources[0] already; each needs its own'
    assert found == [f"1: nodeSources[1].name: {text}"]


def test_the_bridge_asks_for_an_image_of_every_app(tmp_path: Path) -> None:
    found = faults_of(tmp_path, json.dumps(changed("network", "bridge")))
    text = "is missing: the bridge network needs images"
    assert found == [
        f"1: {app}.image: {text}" for app in ("database", "scheduler", "nodeSources[0]")
    ]


def test_a_container_network_wants_images_and_a_place_for_volumes(tmp_path: Path) -> None:
    data = changed("network", {"container": "x"})
    data["database"]["host"] = "127.0.0.1"
    assert set(faults_of(tmp_path, json.dumps(data))) == {
        "1: database.agent: is missing: its volume is a directory of one agent; name the agent",
        "1: database.host: 127.0.0.1 is each container itself on this network; leave it out, or "
        "write its DNS name",
        *(
            f"1: {app}.image: is missing: a container network needs images"
            for app in ("database", "scheduler", "nodeSources[0]")
        ),
    }


def test_an_embedded_database_has_no_host_and_wants_a_place(tmp_path: Path) -> None:
    embedded = changed("database", {"kind": "embedded", "host": "agent-1"})
    assert faults_of(tmp_path, json.dumps(embedded)) == [
        "1: database.host: an embedded database has no host; it lives in the server",
        "1: scheduler.volumes.data: is missing: with an embedded database its jobs would be lost "
        "with the sandbox; name a directory of the agent",
    ]


def test_ten_faults_are_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
name: Big
proactiv: {home: stand-in}
proactive: {home: somewhere}
protocol: rmi
database:
  kind: postgresql
  host: agent-1
  credentials: {user: pa, password: hunter2}
  volume: data
scheduler:
  host: agent-1
  ports: {web: "80"}
  resources: {mem: 4GB}
nodeSources:
  - name: one
    nodes: -1
  - name: one
    nodes: 1
    workersPerNode: ${WORKERS}
"""
    found = faults_of(tmp_path, text, "big.yaml")
    assert [fault.split(": ", 2)[:2] for fault in found] == [
        ["1", "name"],
        ["2", "proactiv"],
        ["3", "proactive.home"],
        ["4", "protocol"],
        ["9", "database.volume"],
        ["12", "scheduler.ports.web"],
        ["13", "scheduler.resources.mem"],
        ["16", "nodeSources[0].nodes"],
        ["17", "nodeSources[1].name"],
        ["19", "nodeSources[1].workersPerNode"],
    ]


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("hunter2\n", id="a newline in it"),
        pytest.param("hünter2", id="not ASCII"),
        pytest.param(["hunter2"], id="a list"),
        pytest.param({"hunter2": "hunter2"}, id="an object"),
    ],
)
def test_a_password_is_in_no_error(tmp_path: Path, password: Any) -> None:
    found = faults_of(tmp_path, json.dumps(changed("database.credentials.password", password)))
    assert len(found) == 1
    assert found[0].startswith("1: database.credentials.password: expected ")
    assert "nter2" not in found[0]


def test_a_value_from_a_variable_is_in_no_error(tmp_path: Path) -> None:
    text = json.dumps(changed("database.kind", "${SECRET}"))
    found = faults_of(tmp_path, text, environ={"SECRET": "hunter2"})
    assert found
    assert "hunter2" not in "".join(found)


def test_a_password_is_in_no_repr(tmp_path: Path) -> None:
    submission = load_data(tmp_path, GOOD)
    assert "hunter2" not in repr(submission.description)
    assert submission.secrets == {"hunter2"}


@pytest.mark.parametrize(
    ("pnps", "fault"),
    [
        pytest.param(
            {"keystore": "/k.p12"},
            "pnps.password: is missing: the password, better as ${VAR} than in the file; or give "
            "passwordFile",
            id="no password",
        ),
        pytest.param(
            {"keystore": "/k.p12", "password": "x", "passwordFile": "/p"},
            "pnps.passwordFile: give either password or passwordFile, not both",
            id="two passwords",
        ),
        pytest.param(
            {"keystore": "k.p12", "password": "x"},
            'pnps.keystore: expected the absolute path of a PKCS12 file on the agents, got "k.p12"',
            id="relative path",
        ),
    ],
)
def test_a_key_store_needs_a_path_and_one_password(
    tmp_path: Path, pnps: dict[str, Any], fault: str
) -> None:
    data = changed("protocol", "pnps") | {"pnps": pnps}
    assert faults_of(tmp_path, json.dumps(data)) == [f"1: {fault}"]


def test_the_routers_port_is_one_of_the_hosts(tmp_path: Path) -> None:
    data = changed("scheduler.ports", {"pamr": 64738}) | {"protocol": "pamr"}
    assert faults_of(tmp_path, json.dumps(data)) == [
        "1: scheduler.ports.pamr: port 64738 of agent-1 is taken by scheduler.ports.pnp; "
        "choose another"
    ]
