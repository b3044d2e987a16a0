"""pnps and pamr: what server and nodes are told, and that they find one another with it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pamesos.clients.proactive import NodeState, ProActiveClient
from pamesos.core.jobs import Credentials
from tests.conftest import wait_for
from tests.contract.launched import Task, environment, free_port, rendered, running

SHELLS = ["dash", "bash"]
PASSWORD = " p'a\\s$w `d`"
RECORDER = f"""#!{sys.executable}
import json, os, sys
from pathlib import Path
files = {{path.name: (path.read_text(), path.stat().st_mode & 0o777)
          for path in Path().glob("*.ini")}}
Path("recorded.json").write_text(json.dumps(
    {{"arguments": sys.argv[1:], "environment": dict(os.environ), "files": files}}))
"""


def description(tmp_path: Path, home: str, **parts: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "proactive": {"home": home},
        "database": {"kind": "embedded"},
        "scheduler": {"host": "127.0.0.1", "volumes": {"data": str(tmp_path / "data")}},
        "nodeSources": [{"name": "default", "nodes": 1, "workersPerNode": 2}],
        **parts,
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "proactive"
    (home / "config" / "network").mkdir(parents=True)
    for part in ("server", "node"):
        program = home / "bin" / f"proactive-{part}"
        program.parent.mkdir(exist_ok=True)
        program.write_text(RECORDER)
        program.chmod(0o755)
        delivered = f"proactive.pamr.agent.id=0\n# {part}"
        (home / "config" / "network" / f"{part}.ini").write_text(delivered)
    return home


def record(tmp_path: Path, app: dict[str, Any], shell: str) -> dict[str, Any]:
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    ports = {"web": 8080, "pnp": 64738, "pamr": 33647}
    subprocess.run([shell, "-n", "-c", app["cmd"]], check=True)
    subprocess.run(
        [shell, "-c", app["cmd"]], cwd=sandbox, env=environment(app, sandbox, ports), check=True
    )
    recorded: dict[str, Any] = json.loads((sandbox / "recorded.json").read_text())
    return recorded


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("protocol", "app", "expected"),
    [
        pytest.param(
            "pamr",
            "scheduler",
            [
                "-Dproactive.pnp.port=64738",
                "-Dproactive.communication.protocol=pnp",
                "-Dproactive.communication.additional_protocols=pamr",
                "-Dproactive.pamr.router.address=localhost",
                "-Dproactive.pamr.router.port=33647",
            ],
            id="a server with a router",
        ),
        pytest.param(
            "pamr",
            "default",
            [
                "-Dproactive.communication.protocol=pamr",
                "-Dproactive.pamr.router.address=127.0.0.1",
                "-Dproactive.pamr.router.port=33647",
            ],
            id="a node behind a router",
        ),
        pytest.param(
            "pnps",
            "scheduler",
            ["-Dproactive.communication.protocol=pnps", "-Dproactive.pnps.port=64738"],
            id="a server with TLS",
        ),
        pytest.param(
            "pnps",
            "default",
            ["-Dproactive.communication.protocol=pnps", "-Dproactive.pnps.port=64738"],
            id="a node with TLS",
        ),
    ],
)
def test_each_end_is_told_what_the_protocol_needs(
    tmp_path: Path, home: Path, shell: str, protocol: str, app: str, expected: list[str]
) -> None:
    apps = rendered(tmp_path, description(tmp_path, str(home), protocol=protocol))
    arguments = record(tmp_path, apps[app], shell)["arguments"]
    told = [one for one in arguments if ".pnp" in one or ".pamr" in one or ".communication" in one]
    assert told == expected


@pytest.mark.parametrize(
    ("protocol", "url"),
    [
        pytest.param("pnp", "pnp://127.0.0.1:64738", id="pnp"),
        pytest.param("pnps", "pnps://127.0.0.1:64738", id="pnps"),
        pytest.param("pamr", "pamr://0", id="pamr"),
    ],
)
def test_a_node_joins_by_the_protocols_url(
    tmp_path: Path, home: Path, protocol: str, url: str
) -> None:
    apps = rendered(tmp_path, description(tmp_path, str(home), protocol=protocol))
    assert record(tmp_path, apps["default"], "sh")["arguments"][:2] == ["-r", url]


def test_only_the_server_has_ports_with_a_router(tmp_path: Path, home: Path) -> None:
    apps = rendered(tmp_path, description(tmp_path, str(home), protocol="pamr"))
    ports = [(port["name"], port["port"]) for port in apps["scheduler"]["portDefinitions"]]
    assert ports == [("web", 8080), ("pnp", 64738), ("pamr", 33647)]
    assert apps["default"]["portDefinitions"] == []
    assert apps["default"]["healthChecks"][0]["protocol"] == "COMMAND"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("app", ["scheduler", "default"])
@pytest.mark.parametrize("by_file", [False, True], ids=["by variable", "by file"])
def test_the_key_stores_password_is_in_a_private_file_only(
    tmp_path: Path, home: Path, shell: str, app: str, *, by_file: bool
) -> None:
    keystore, secret = tmp_path / "key store.p12", tmp_path / "secret"
    keystore.write_bytes(b"")
    secret.write_text(PASSWORD)
    given = {"passwordFile": str(secret)} if by_file else {"password": PASSWORD}
    pnps = {"keystore": str(keystore), "authenticate": True, **given}
    data = description(tmp_path, str(home), protocol="pnps", pnps=pnps)
    rendered_app = rendered(tmp_path, data)[app]
    recorded = record(tmp_path, rendered_app, shell)
    assert f"-Dproactive.configuration={tmp_path}/sandbox/network.ini" in recorded["arguments"]
    text, mode = recorded["files"]["network.ini"]
    part = {"scheduler": "server", "default": "node"}[app]
    escaped = PASSWORD.replace("\\", "\\\\")
    assert mode == stat.S_IRUSR | stat.S_IWUSR
    assert text == (
        f"proactive.pamr.agent.id=0\n# {part}\n"
        f"proactive.pnps.keystore={keystore}\n"
        "proactive.pnps.authenticate=true\n"
        f"proactive.pnps.keystore.password=\\{escaped}\n"
    )
    shown = [*recorded["arguments"], *recorded["environment"].values(), rendered_app["cmd"]]
    assert not [one for one in shown if PASSWORD.strip() in one]


def test_a_key_store_that_is_not_there_is_named(tmp_path: Path) -> None:
    pnps = {"keystore": "/nowhere/k.p12", "password": "x"}
    data = description(tmp_path, "stand-in", protocol="pnps", pnps=pnps)
    app = rendered(tmp_path, data)["default"]
    with running(tmp_path / "node", app, {"pnp": free_port()}) as task:
        assert task.process.wait(10) == 1
        assert task.output == "/nowhere/k.p12: the key store cannot be read on this agent\n"


# -- with the stand-in -------------------------------------------------------------------------


@contextlib.contextmanager
def cluster(tmp_path: Path, protocol: str, **parts: Any) -> Iterator[tuple[Task, Task, int]]:
    """Run server and node of a description; gives their tasks and the web port."""
    ports = {"web": free_port(), "pnp": free_port()}
    if protocol == "pamr":
        ports["pamr"] = free_port()
    data = description(tmp_path, "stand-in", protocol=protocol, **parts)
    data["scheduler"]["ports"] = ports
    apps = rendered(tmp_path, data)
    node_ports = {} if protocol == "pamr" else {"pnp": free_port()}
    with running(tmp_path / "server", apps["scheduler"], ports) as server:
        server.wait_for_output("ProActive started in")
        with running(tmp_path / "node", apps["default"], node_ports) as node:
            yield server, node, ports["web"]


@pytest.mark.parametrize("protocol", ["pnps", "pamr"])
def test_nodes_join_with_every_protocol(tmp_path: Path, protocol: str) -> None:
    with cluster(tmp_path, protocol) as (_, node, web):
        node.wait_for_output("Connected to the resource manager")
        client = ProActiveClient(f"http://127.0.0.1:{web}/rest", Credentials(), retry_for_s=10)
        with contextlib.closing(client):
            nodes = client.get_nodes()
        assert [each.name for each in nodes] == ["default-0123abcd-1_0", "default-0123abcd-1_1"]
        assert {each.state for each in nodes} == {NodeState.FREE}
        assert all(each.url.startswith(f"{protocol}://") for each in nodes)


def test_a_node_behind_a_router_is_healthy_while_it_is_connected(tmp_path: Path) -> None:
    with cluster(tmp_path, "pamr") as (server, node, _):
        wait_for(node.is_healthy, 30, f"a healthy node: {node.output}")
        os.killpg(server.process.pid, signal.SIGKILL)
        wait_for(lambda: not node.is_healthy(), 10, "an unhealthy node")
        assert node.process.poll() is None


def test_a_node_that_is_gone_is_not_healthy_by_anothers_connection(tmp_path: Path) -> None:
    with cluster(tmp_path, "pamr") as (_, node, _):
        wait_for(node.is_healthy, 30, f"a healthy node: {node.output}")
        with running(tmp_path / "second", node.app, {}) as second:
            wait_for(second.is_healthy, 30, f"a healthy node: {second.output}")
            os.killpg(second.process.pid, signal.SIGKILL)
            second.process.wait(10)
            assert not second.is_healthy()
            assert node.is_healthy()
