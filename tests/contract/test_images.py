"""The commands of apps with images, in real containers as Mesos would run them.

What Mesos gives a container is recorded in recordings/stack/10-docker-inspect.json: /bin/sh as its
entry point, the sandbox as a volume, ports and host in the environment.
"""

from __future__ import annotations

import contextlib
import ipaddress
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests

from pamesos.clients.proactive import NodeState, ProActiveClient
from pamesos.core.jobs import Credentials
from tests.conftest import wait_for
from tests.contract.launched import environment, free_port, rendered

ROOT = Path(__file__).resolve().parents[2]
POSTGRESQL, MARIADB = "pamesos/postgresql:15", "pamesos/mariadb:10.11"
STAND_IN = "pamesos/stand-in"
SANDBOX = "/mnt/mesos/sandbox"
STARTING_S = 60


def docker(*arguments: str, check: bool = True) -> str:
    result = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    if check:
        assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def _missing() -> str | None:
    if shutil.which("docker") is None or not docker("info", "-f", "{{.ID}}", check=False):
        return "no Docker Engine answers"
    for image in (POSTGRESQL, MARIADB, STAND_IN):
        if not docker("images", "-q", image):
            return f"the image {image} is missing; run scripts/build-images"
    return None


@pytest.fixture(autouse=True, scope="module")
def engine() -> None:
    missing = _missing()
    if missing:
        pytest.skip(missing)


pytestmark = pytest.mark.docker


@dataclass
class Containers:
    """Starts tasks as Mesos does; all of them end with the test."""

    directory: Path
    names: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)

    def network(self) -> str:
        name = f"pamesos-test-{uuid.uuid4().hex[:8]}"
        docker("network", "create", name)
        self.networks.append(name)
        return name

    def start(self, app: dict[str, Any], host: str, *, writable: bool = True) -> str:
        """Start the app; a port 0 becomes a free one, the same inside and outside."""
        sandbox = self.directory / f"sandbox-{len(self.names)}"
        sandbox.mkdir(mode=0o755)
        if writable:
            sandbox.chmod(0o777)
        container, network = app["container"], app["networks"][0]
        ports, options = {}, []
        for mapping in container.get("portMappings", ()):
            ports[mapping["name"]] = mapping["containerPort"] or free_port()
            if "hostPort" in mapping:
                port = mapping["hostPort"] or ports[mapping["name"]]
                options += ["-p", f"{port}:{ports[mapping['name']]}"]
        environ = environment(app, Path(SANDBOX), ports) | {"HOST": host}
        del environ["PATH"]  # a container has its image's
        if network["mode"] == "container":  # these speak of the agent there
            environ = {key: value for key, value in environ.items() if not key.startswith("PORT")}
        for parameter in container["docker"].get("parameters", ()):
            options.append(f"--{parameter['key']}={parameter['value']}")
        for volume in container.get("volumes", ()):
            options += [
                "-v",
                f"{volume['hostPath']}:{volume['containerPath']}:{volume['mode'].lower()}",
            ]
        name = f"mesos-{uuid.uuid4()}"
        self.names.append(name)
        docker(
            "run", "-d", "--name", name, "--network", network.get("name", "bridge"),
            "--memory", f"{app['mem']}m", "-v", f"{sandbox}:{SANDBOX}", *options,
            *(f"--env={key}={value}" for key, value in environ.items()),
            "--entrypoint", "/bin/sh", container["docker"]["image"], "-c", app["cmd"],
        )  # fmt: skip
        return name

    def log(self, name: str) -> str:
        result = subprocess.run(
            ["docker", "logs", name], check=False, capture_output=True, text=True
        )
        return result.stdout + result.stderr

    def wait_until_healthy(self, name: str, app: dict[str, Any]) -> None:
        """Make its COMMAND check as Mesos does, in the container."""
        command = app["healthChecks"][0]["command"]["value"]

        def is_healthy() -> bool:
            running = docker("inspect", "-f", "{{.State.Running}}", name)
            assert running == "true", self.log(name)
            check = ["docker", "exec", name, "/bin/sh", "-c", command]
            return subprocess.run(check, check=False, capture_output=True).returncode == 0

        wait_for(is_healthy, STARTING_S, f"a healthy task: {app['id']}")

    def wait_for_log(self, name: str, text: str) -> None:
        def said() -> bool:
            log = self.log(name)
            assert docker("inspect", "-f", "{{.State.Running}}", name) == "true", log
            return text in log

        wait_for(said, STARTING_S, f"{text!r} in the log of {name}")

    def close(self) -> None:
        for name in self.names:
            docker("rm", "-f", "-v", name, check=False)
        for name in self.networks:
            docker("network", "rm", name, check=False)


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    made = Containers(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def volume() -> Iterator[Path]:
    """A directory of this machine whose files belong to users of containers."""
    name = f"pamesos-test-{uuid.uuid4().hex[:8]}"
    path = Path(
        docker("volume", "inspect", "-f", "{{.Mountpoint}}", docker("volume", "create", name))
    )
    yield path / "database"
    docker("volume", "rm", "-f", name)


def description(volume: Path, home: str, image: str, **parts: Any) -> dict[str, Any]:
    return {
        "name": "small",
        "proactive": {"home": home},
        "database": {
            "kind": "postgresql",
            "image": POSTGRESQL,
            "port": free_port(),
            "credentials": {"password": "p'a\\s$w"},
            "volume": str(volume),
        },
        "scheduler": {
            "image": image,
            "ports": {"web": free_port(), "pnp": free_port(), "pamr": free_port()},
            "users": [{"login": "ada", "password": "love lace", "groups": ["user"]}],
        },
        "nodeSources": [{"name": "default", "image": image, "nodes": 1, "workersPerNode": 2}],
        **parts,
    }


def gateway() -> str:
    """Return the address at which containers on the bridge reach this machine."""
    subnet = docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", "bridge")
    return str(next(ipaddress.ip_network(subnet).hosts()))


def on_bridge(volume: Path, home: str, image: str, **parts: Any) -> dict[str, Any]:
    data = description(volume, home, image, network="bridge", **parts)
    if parts.get("protocol") != "pamr":
        del data["scheduler"]["ports"]["pamr"]
    data["database"]["host"] = data["scheduler"]["host"] = gateway()
    return data


def run_cluster(
    containers: Containers, apps: dict[str, dict[str, Any]], *, writable: bool = True
) -> tuple[str, str, str]:
    """Start the tiers in their order, each when the one before it is healthy."""
    host = gateway()
    database = containers.start(apps["database"], host)
    containers.wait_until_healthy(database, apps["database"])
    server = containers.start(apps["scheduler"], host, writable=writable)
    containers.wait_for_log(server, "ProActive started in")
    node = containers.start(apps["default"], host, writable=writable)
    containers.wait_for_log(node, "Connected to the resource manager")
    return database, server, node


def check_cluster(web: int, protocol: str = "pnp") -> None:
    """The described user logs in through the published port and sees both workers."""
    url = f"http://127.0.0.1:{web}/rest"
    assert requests.get(f"{url}/rm/version", timeout=10).status_code == 200
    client = ProActiveClient(url, Credentials("ada", "love lace"), retry_for_s=10)
    with contextlib.closing(client):
        nodes = client.get_nodes()
    assert [node.name for node in nodes] == ["default-0123abcd-1_0", "default-0123abcd-1_1"]
    assert {node.state for node in nodes} == {NodeState.FREE}
    assert all(node.url.startswith(f"{protocol}://") for node in nodes)


@pytest.mark.parametrize("protocol", ["pnp", "pnps", "pamr"])
def test_a_cluster_runs_on_the_bridge(
    tmp_path: Path, containers: Containers, volume: Path, protocol: str
) -> None:
    data = on_bridge(volume, "stand-in", STAND_IN, protocol=protocol)
    apps = rendered(tmp_path, data)
    _, _, node = run_cluster(containers, apps)
    check_cluster(data["scheduler"]["ports"]["web"], protocol)
    if protocol == "pamr":
        containers.wait_until_healthy(node, apps["default"])


def test_a_cluster_runs_with_mariadb(tmp_path: Path, containers: Containers, volume: Path) -> None:
    data = on_bridge(volume, "stand-in", STAND_IN)
    data["database"] |= {"kind": "mariadb", "image": MARIADB}
    run_cluster(containers, rendered(tmp_path, data))
    check_cluster(data["scheduler"]["ports"]["web"])


def test_a_cluster_runs_on_a_network_by_its_name(
    tmp_path: Path, containers: Containers, volume: Path
) -> None:
    data = description(volume, "stand-in", STAND_IN, network={"container": containers.network()})
    del data["scheduler"]["ports"]["pamr"]
    data["database"]["agent"] = "127.0.0.1"
    run_cluster(containers, rendered(tmp_path, data), writable=False)
    check_cluster(data["scheduler"]["ports"]["web"])


def test_the_data_of_a_replaced_database_is_still_there(
    tmp_path: Path, containers: Containers, volume: Path
) -> None:
    data = on_bridge(volume, "stand-in", STAND_IN)
    apps = rendered(tmp_path, data)
    ask = ["psql", "-h", "127.0.0.1", "-p", str(data["database"]["port"]), "-U", "proactive"]
    password = f"--env=PGPASSWORD={data['database']['credentials']['password']}"

    def query(name: str, sql: str) -> str:
        return docker("exec", password, name, *ask, "-t", "-A", "-d", "scheduler", "-c", sql)

    first = containers.start(apps["database"], gateway())
    containers.wait_until_healthy(first, apps["database"])
    query(first, "create table t as select 7 as x")
    docker("rm", "-f", first)
    second = containers.start(apps["database"], gateway())
    containers.wait_until_healthy(second, apps["database"])
    assert query(second, "select x from t") == "7"


@pytest.fixture
def distribution_image(tmp_path: Path) -> Iterator[str]:
    """docker/proactive with a distribution whose programs are the stand-in."""
    context = tmp_path / "image"
    shutil.copytree(ROOT / "docker" / "proactive", context)
    distribution = context / "distribution"
    for program, role in (
        ("bin/proactive-server", "server"),
        ("bin/proactive-node", "node"),
        ("tools/proactive-users", "users"),
    ):
        path = distribution / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec pamesos-stand-in {role} "$@"\n')
        path.chmod(0o755)
    delivered = distribution / "config" / "authentication"
    delivered.mkdir(parents=True)
    for name in ("login.cfg", "group.cfg"):
        (delivered / name).write_text("")
    settings = distribution / "config" / "rm" / "settings.ini"
    settings.parent.mkdir()
    settings.write_text(
        "pa.rm.defaultloginfilename=config/authentication/login.cfg\n"
        "pa.rm.defaultgroupfilename=config/authentication/group.cfg\n"
    )
    tag = f"pamesos-test/proactive:{uuid.uuid4().hex[:8]}"
    docker("build", "-q", "--build-arg", f"BASE={STAND_IN}", "-t", tag, str(context))
    yield tag
    docker("rmi", "-f", tag)


def test_a_distribution_in_an_image_runs_and_stays_as_it_is(
    tmp_path: Path, containers: Containers, volume: Path, distribution_image: str
) -> None:
    data = on_bridge(volume, "/opt/proactive", distribution_image)
    _, server, node = run_cluster(containers, rendered(tmp_path, data))
    check_cluster(data["scheduler"]["ports"]["web"])
    for name in (server, node):
        changes = docker("diff", name)
        assert "/opt/proactive" not in changes
    logs = [path.name for path in (tmp_path / "sandbox-1").iterdir()]
    assert {"rm.properties", "logs", "authentication"} <= set(logs)


def test_the_entry_point_of_the_image_runs_server_and_node(
    containers: Containers, distribution_image: str
) -> None:
    network = containers.network()
    server, node = f"{network}-server", f"{network}-node"
    url = f"--env=PROACTIVE_RM_URL=pnp://{server}:64738"
    for name, role, text in (
        (server, "server", "ProActive started in"),
        (node, "node", "Connected to the resource manager"),
    ):
        containers.names.append(name)
        options = ["--name", name, "--network", network, "--health-interval=1s", url]
        docker("run", "-d", *options, distribution_image, role)
        containers.wait_for_log(name, text)
    for name in (server, node):
        health = ["inspect", "-f", "{{.State.Health.Status}}", name]
        wait_for(lambda ask=health: docker(*ask) == "healthy", STARTING_S, f"a healthy {name}")
