"""The commands of server and node, run by real shells against a distribution that only records.

Its two programs write down what they were given, as the real ones could not be run here.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pamesos.config.description import load
from pamesos.core.show import all_apps

RECORDER = f"""#!{sys.executable}
import json, os, sys
from pathlib import Path
files = {{path.name: (path.read_text(), path.stat().st_mode & 0o777)
          for path in Path().glob("*.properties")}}
Path("recorded.json").write_text(json.dumps(
    {{"arguments": sys.argv[1:], "environment": dict(os.environ), "files": files}}))
"""
DELIVERED = "hibernate.connection.url=jdbc:hsqldb:hsql://localhost:9001/rm\nhibernate.hikari.x=1"
PASSWORD = "p'a\\s$w `d`"
SHELLS = ["dash", "bash"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "proactive"
    for part in ("server", "node"):
        program = home / "bin" / f"proactive-{part}"
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(RECORDER)
        program.chmod(0o755)
    for part in ("rm", "scheduler"):
        (home / "config" / part).mkdir(parents=True)
        (home / "config" / part / "database.properties").write_text(DELIVERED)
    (home / "config" / "log").mkdir()
    for part in ("server", "node"):
        text = "log4j.appender.A.File=${proactive.home}/logs/Scheduler.log\n"
        (home / "config" / "log" / f"{part}.properties").write_text(text)
    return home


def description(home: Path, host: str, engine: str = "postgresql") -> dict[str, Any]:
    return {
        "name": "small",
        "proactive": {"home": str(home), "java": "/opt/java"},
        "database": {
            "kind": "external",
            "engine": engine,
            "host": "db",
            "credentials": {"user": "pa", "password": PASSWORD},
        },
        "scheduler": {"host": host, "javaOptions": "-Dmine=1", "resources": {"mem": "2GiB"}},
        "nodeSources": [{"name": "default", "nodes": 1, "workersPerNode": 2}],
    }


def run(tmp_path: Path, data: dict[str, Any], app_id: str, shell: str, host: str) -> dict[str, Any]:
    """Run the command of an app as Mesos does, and return what its program recorded."""
    path = tmp_path / "small.json"
    path.write_text(json.dumps(data))
    submission = load(path, environ={})
    app = next(app for app in all_apps(submission.group) if app["id"] == app_id)
    sandbox = tmp_path / "sandbox"
    sandbox.mkdir()
    ports = {"PORT_WEB": "8080", "PORT_PNP": "64738", "PORT0": "8080", "PORT1": "64738"}
    task_id = "small_nodes_default.instance-0123abcd-0000-4000-8000-000000000000._app.3"
    environment = {
        "PATH": os.defpath,
        "HOST": host,
        "MESOS_TASK_ID": task_id,
        **ports,
        **app.get("env", {}),
    }
    subprocess.run([shell, "-n", "-c", app["cmd"]], check=True)
    subprocess.run([shell, "-c", app["cmd"]], cwd=sandbox, env=environment, check=True)
    recorded: dict[str, Any] = json.loads((sandbox / "recorded.json").read_text())
    recorded["sandbox"] = sandbox
    return recorded


@pytest.mark.parametrize("shell", SHELLS)
def test_the_server_gets_its_own_files_and_addresses(
    tmp_path: Path, home: Path, shell: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    recorded = run(tmp_path, description(home, "agent-1"), "/small/scheduler", shell, "agent-1")
    sandbox, arguments = recorded["sandbox"], recorded["arguments"]
    assert arguments[:3] == ["-ln", "0", "--no-discovery"]
    for expected in (
        "-Dproactive.hostname=agent-1",
        "-Dproactive.useIPaddress=false",
        "-Dweb.http.port=8080",
        "-Dproactive.pnp.port=64738",
        "-Dpa.rm.preserve.nodes.on.shutdown=true",
        f"-Dpa.rm.db.hibernate.configuration={sandbox}/rm.properties",
        f"-Dpa.scheduler.db.hibernate.configuration={sandbox}/scheduler.properties",
        f"-Dpa.scheduler.dataspace.defaultuser.localpath={sandbox}/data/defaultuser",
    ):
        assert expected in arguments
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


@pytest.mark.parametrize("shell", SHELLS)
def test_the_database_file_adds_to_the_delivered_one_and_is_private(
    tmp_path: Path, home: Path, shell: str
) -> None:
    recorded = run(tmp_path, description(home, "agent-1"), "/small/scheduler", shell, "agent-1")
    text, mode = recorded["files"]["scheduler.properties"]
    assert mode == stat.S_IRUSR | stat.S_IWUSR
    assert text.startswith(f"{DELIVERED}\n")
    properties = dict(line.split("=", 1) for line in text.splitlines())
    assert properties == {
        "hibernate.connection.driver_class": "org.postgresql.Driver",
        "hibernate.connection.url": "jdbc:postgresql://db:5432/scheduler",
        "hibernate.connection.username": "pa",
        "hibernate.connection.password": PASSWORD.replace("\\", "\\\\"),
        "hibernate.dialect": "org.hibernate.dialect.PostgreSQL94Dialect",
        "hibernate.hbm2ddl.auto": "update",
        "hibernate.hikari.x": "1",
    }


def test_the_password_reaches_neither_arguments_nor_environment(tmp_path: Path, home: Path) -> None:
    recorded = run(tmp_path, description(home, "agent-1"), "/small/scheduler", "sh", "agent-1")
    assert PASSWORD not in json.dumps(recorded["arguments"])
    assert not [value for value in recorded["environment"].values() if PASSWORD in value]


@pytest.mark.parametrize("shell", SHELLS)
def test_memory_and_logs_follow_the_description(tmp_path: Path, home: Path, shell: str) -> None:
    recorded = run(tmp_path, description(home, "agent-1"), "/small/scheduler", shell, "agent-1")
    sandbox = recorded["sandbox"]
    assert recorded["environment"]["JAVA_OPTS"] == (
        f"-Xms64m -Xmx1228m -Dmine=1 -Dlog4j.configuration=file:{sandbox}/log4j.properties"
    )
    assert recorded["environment"]["JAVA_HOME"] == "/opt/java"
    text, _ = recorded["files"]["log4j.properties"]
    assert text == f"log4j.appender.A.File={sandbox}/logs/Scheduler.log\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("host", "by_ip"),
    [
        pytest.param("agent-1.local", "false", id="a name stays a name"),
        pytest.param("10.0.0.7", "true", id="an address stays an address"),
        pytest.param("fe80::1", "true", id="IPv6"),
        pytest.param("127.0.0.1", "true", id="loopback"),
    ],
)
def test_a_node_joins_under_its_own_name_and_address(
    tmp_path: Path, home: Path, shell: str, host: str, by_ip: str
) -> None:
    data = description(home, "agent-1")
    recorded = run(tmp_path, data, "/small/default", shell, host)
    assert recorded["arguments"] == [
        "-r",
        "pnp://agent-1:64738",
        "-n",
        "default-0123abcd-3",
        "-w",
        "2",
        "-dm",
        f"-Dproactive.hostname={host}",
        f"-Dproactive.useIPaddress={by_ip}",
        "-Dproactive.net.nolocal=false",
        "-Dproactive.pnp.port=64738",
        f"-Dnode.dataspace.scratchdir={recorded['sandbox']}/scratch",
        "-Dproactive.node.reconnection.attempts=100",
    ]
