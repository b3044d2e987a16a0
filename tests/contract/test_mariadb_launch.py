"""The command of a MariaDB without an image, run for real where Debian's packages are."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pamesos.core.addresses import SqlAddress
from pamesos.core.launch import mariadb
from pamesos.core.model import Credentials, Database, Resources, Secret, Volume
from tests.conftest import wait_for
from tests.contract.launched import free_port

PATH = f"{os.defpath}:/usr/sbin:/sbin"
pytestmark = pytest.mark.skipif(
    shutil.which("mariadbd", path=PATH) is None or shutil.which("mariadb", path=PATH) is None,
    reason="needs Debian's mariadb-server-core and mariadb-client-core",
)
PASSWORD = "p'a\\s$w \"d`"


@dataclass
class Task:
    """The database task of one cluster: what Marathon would start again and again."""

    root: Path
    shell: str = "sh"
    password: str = PASSWORD
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Database:
        return Database(
            kind="mariadb",
            engine="mariadb",
            credentials=Credentials("proactive", Secret(self.password)),
            volume=Volume(str(self.root / "volume")),
        )

    @property
    def log(self) -> Path:
        return self.root / "output"

    def start(self) -> None:
        address = SqlAddress("127.0.0.1", self.port)
        command = mariadb.launch(self.database, address, Resources(0.2, 256))
        environment = {
            "PATH": os.defpath,
            "PORT_SQL": str(self.port),
            "PAMESOS_DATABASE_USER": "proactive",
            "PAMESOS_DATABASE_PASSWORD": self.password,
        }
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [self.shell, "-c", command],
                cwd=self.root,
                env=environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def is_healthy(self) -> bool:
        """Make the check as Mesos does, without the task's environment."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        check = mariadb.check(self.database)
        result = subprocess.run(["sh", "-c", check], env={}, check=False, capture_output=True)
        return result.returncode == 0

    def wait_until_healthy(self) -> None:
        wait_for(self.is_healthy, 60, "a healthy database")

    def query(self, sql: str, database: str = "scheduler") -> str:
        """Ask with the login that the health check has, which is the server's."""
        options = self.root / "volume" / "client.cnf"
        result = subprocess.run(
            ["mariadb", f"--defaults-file={options}", "-N", "-e", sql, database],
            check=True,
            capture_output=True,
            text=True,
        )
        return result.stdout.strip()

    def kill_group(self, number: int) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(30)


@pytest.fixture
def task() -> Iterator[Task]:
    """A task in a directory that every user can enter, which pytest's own is not."""
    root = Path(tempfile.mkdtemp(prefix="pamesos-test-"))
    root.chmod(0o711)
    made = Task(root)
    try:
        yield made
    finally:
        if made.process is not None:
            made.kill_group(signal.SIGTERM)
            made.wait()
        shutil.rmtree(root)


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_both_databases_answer_with_the_role_of_the_description(task: Task, shell: str) -> None:
    task.shell = shell
    task.start()
    task.wait_until_healthy()
    for database in ("rm", "scheduler"):
        task.query("create table t (x varchar(200)); insert into t values ('ä')", database)
        assert task.query("select x from t", database) == "ä"


def test_data_survives_a_kill_and_a_changed_password_counts(task: Task) -> None:
    task.start()
    task.wait_until_healthy()
    task.query("create table t (x int); insert into t values (7)")
    task.kill_group(signal.SIGKILL)
    task.wait()
    task.password = "another"
    task.start()
    task.wait_until_healthy()
    assert task.query("select x from t") == "7"


def test_sigterm_ends_it_in_order(task: Task) -> None:
    task.start()
    task.wait_until_healthy()
    assert task.process is not None
    task.process.terminate()
    assert task.wait() == 0
    assert "Shutdown complete" in task.log.read_text()


def test_it_runs_as_another_user_than_root_and_hides_its_password(task: Task) -> None:
    task.start()
    task.wait_until_healthy()
    pid = int((task.root / "volume" / "data" / "mariadbd.pid").read_text())
    assert Path(f"/proc/{pid}").stat().st_uid != 0 or os.geteuid() != 0
    assert PASSWORD.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
    assert PASSWORD.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    for name in ("data/init.sql", "client.cnf"):
        assert (task.root / "volume" / name).stat().st_mode & 0o777 == 0o600


def test_nobody_logs_in_without_a_password(task: Task) -> None:
    task.start()
    task.wait_until_healthy()
    for user in ("root", "", "proactive"):
        result = subprocess.run(
            ["mariadb", "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1",
             "-P", str(task.port), f"--user={user}", "-e", "select 1"],
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        assert "Access denied" in result.stderr


def test_a_server_left_behind_is_stopped_before_its_data_is_taken(task: Task) -> None:
    task.start()
    task.wait_until_healthy()
    left = int((task.root / "volume" / "data" / "mariadbd.pid").read_text())
    second = Task(task.root)
    second.start()
    wait_for(lambda: f"stopping process {left}" in task.log.read_text(), 30, "the take-over")
    assert task.wait() == 0
    task.process, task.port = second.process, second.port
    task.wait_until_healthy()
