"""Stand-in processes on free ports, driven as a launcher would drive them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from pamesos.clients.proactive import Credentials, JobView, NodeState, ProActiveClient
from tests.conftest import wait_for

COMMAND = [sys.executable, "-m", "pamesos.local.standin"]
FAST = "-Dpa.rm.node.source.ping.frequency=200"
PRESERVE = "-Dpa.rm.preserve.nodes.on.shutdown=true"
STOP_S = 15


@dataclass
class StandIn:
    """One server with its nodes; all processes end with the fixture."""

    work: Path
    server: subprocess.Popen[bytes] | None = None
    web: int = 0
    pnp: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    clients: list[ProActiveClient] = field(default_factory=list)
    #: How often each log was opened: a restart has a log of its own.
    _logs: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web}/rest"

    def start_server(self, *extra: str) -> subprocess.Popen[bytes]:
        """Start a server and wait until REST answers; a second one gets the same ports."""
        self.server, log = self.spawn(
            "server",
            "-ln", "0", "--no-discovery", "-Dproactive.hostname=127.0.0.1",
            "-Dproactive.useIPaddress=true", f"-Dweb.http.port={self.web}",
            f"-Dproactive.pnp.port={self.pnp}", FAST, f"-Dpa.scheduler.home={self.work}", *extra,
        )  # fmt: skip
        wait_for(lambda: "ProActive started in" in log.read_text(), what="the server")
        text = log.read_text()
        self.pnp = int(text.partition("created on pnp://127.0.0.1:")[2].partition("/")[0])
        self.web = int(text.partition("created on http://127.0.0.1:")[2].partition("/")[0])
        return self.server

    def start_node(self, name: str, workers: int = 1, *extra: str) -> subprocess.Popen[bytes]:
        """Start a node; does not wait for it."""
        process, _ = self.spawn(
            "node", "-r", f"pnp://127.0.0.1:{self.pnp}", "-n", name, "-w", str(workers), "-dm",
            "-Dproactive.hostname=127.0.0.1", "-Dproactive.node.add.delay=100",
            "-Dproactive.node.reconnection.attempts=300", *extra,
        )  # fmt: skip
        return process

    def spawn(self, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
        self._logs += 1
        log = self.work / f"{arguments[0]}-{self._logs}.log"
        with log.open("wb") as out:
            process = subprocess.Popen([*COMMAND, *arguments], stdout=out, stderr=out)
        self.processes.append(process)
        return process, log

    def client(self) -> ProActiveClient:
        client = ProActiveClient(self.url, Credentials(), retry_for_s=10)
        self.clients.append(client)
        return client

    def states(self, client: ProActiveClient) -> dict[str, NodeState]:
        return {node.name: node.state for node in client.get_nodes()}

    def wait_for_states(self, client: ProActiveClient, **expected: NodeState) -> None:
        wait_for(
            lambda: self.states(client) == expected, what=f"{expected}, not {self.states(client)}"
        )

    def wait_for_end(self, client: ProActiveClient, job_id: int) -> JobView:
        def ended() -> JobView | None:
            job = client.get_job(job_id)
            return job if job.state.over else None

        return wait_for(ended, 30, what=f"the end of job {job_id}")

    def workflow(
        self, *tasks: str, on_error: str = "continueJobExecution", **attributes: str
    ) -> Path:
        """Write a workflow of tasks (XML made by :func:`task`)."""
        more = "".join(f' {key}="{value}"' for key, value in attributes.items())
        path = self.work / "workflow.xml"
        path.write_text(
            f'<job xmlns="urn:proactive:jobdescriptor:3.14" name="test" onTaskError="{on_error}"'
            f"{more}><taskFlow>{''.join(tasks)}</taskFlow></job>"
        )
        return path

    def stop(self) -> None:
        for client in self.clients:
            client.close()
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise


def task(name: str, script: str, *depends: str, language: str = "bash") -> str:
    """Return the XML of one script task."""
    refs = "".join(f'<task ref="{ref}"/>' for ref in depends)
    before = f"<depends>{refs}</depends>" if refs else ""
    return (
        f'<task name="{name}">{before}<scriptExecutable><script><code language="{language}">'
        f"<![CDATA[{script}]]></code></script></scriptExecutable></task>"
    )


@contextmanager
def standing_in(work: Path) -> Iterator[StandIn]:
    stand_in = StandIn(work)
    try:
        yield stand_in
    finally:
        stand_in.stop()


class Rest:
    """The raw REST API, for statuses and shapes."""

    def __init__(self, url: str, user: str = "admin", password: str = "admin") -> None:
        self._url = url
        self._session = requests.Session()
        login = {"username": user, "password": password}
        self._session.headers["sessionid"] = self.call("POST", "/scheduler/login", data=login).text

    def call(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        return self._session.request(method, self._url + path, timeout=10, **kwargs)

    def json(self, method: str, path: str, **kwargs: Any) -> Any:
        return json.loads(self.call(method, path, **kwargs).text)

    def close(self) -> None:
        self._session.close()


def marked_processes(mark: str) -> list[int]:
    """Return the processes whose command line holds a text."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


@dataclass
class Postgres:
    """A PostgreSQL of the test's own; as root it runs as another user, because it must."""

    bin: Path
    data: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def _user(self) -> dict[str, Any]:
        return {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}

    def create(self) -> None:
        subprocess.run(
            [str(self.bin / "initdb"), "-D", str(self.data), "-U", "proactive",
             "--auth=trust", "-N", "-E", "UTF8", "--locale=C"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", **self._user,
        )  # fmt: skip

    def start(self) -> None:
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        flags = [f"--{key}={value}" for key, value in options.items()]
        with (self.data.parent / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin / "postgres"), "-D", str(self.data), "-p", str(self.port), *flags],
                stdout=log, stderr=log, cwd="/", **self._user,
            )  # fmt: skip
        ready = [str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, 20, "PostgreSQL")

    def kill(self) -> None:
        """SIGQUIT is its hard end: no check point, recovery at the next start."""
        assert self.process is not None
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(STOP_S)


@contextmanager
def postgres(bin_dir: Path, port: int) -> Iterator[Postgres]:
    home = Path(tempfile.mkdtemp(prefix="pamesos-pg-", dir="/tmp"))
    database = Postgres(bin_dir, home / "data", port)
    try:
        if os.geteuid() == 0:
            shutil.chown(home, "nobody", "nogroup")
        database.create()
        database.start()
        yield database
    finally:
        if database.process is not None and database.process.poll() is None:
            database.kill()
        shutil.rmtree(home, ignore_errors=True)
