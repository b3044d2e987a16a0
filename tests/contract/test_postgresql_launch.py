"""The database command, run for real: as root, as a user, killed, stopped and started again."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pg8000.native
import pytest

from pamesos.core.addresses import SqlAddress
from pamesos.core.launch import postgresql
from pamesos.core.model import Credentials, Database, Resources, Secret, Volume
from tests.postgresql import can_make_namespaces, copy_programs, find_programs

FOUND = find_programs()
if FOUND is None:
    pytest.skip("no PostgreSQL: neither its wheel nor Debian's package", allow_module_level=True)
BIN = FOUND
PASSWORD = "p'a\\s$w \"d"
#: A task starts within a second; the deadline is for a machine that is busy.
DEADLINE_S = 30.0
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="starts tasks as several users")
needs_namespaces = pytest.mark.skipif(
    not can_make_namespaces(), reason="this machine gives no user namespaces"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Task:
    """The database task of one cluster: what Marathon would start again and again."""

    root: Path
    path: str
    shell: str = "sh"
    uid: int | None = None
    password: str = PASSWORD
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Database:
        return Database(
            kind="postgresql",
            engine="postgresql",
            credentials=Credentials("proactive", Secret(self.password)),
            volume=Volume(str(self.root / "volume")),
        )

    @property
    def address(self) -> SqlAddress:
        return SqlAddress("127.0.0.1", self.port)

    def start(self) -> None:
        sandbox = Path(tempfile.mkdtemp(dir=self.root))
        if self.uid is not None:
            os.chown(sandbox, self.uid, self.uid)
        command = postgresql.launch(self.database, self.address, Resources(0.2, 256))
        environment = {
            "PATH": self.path,
            "PORT_SQL": str(self.port),
            "PAMESOS_DATABASE_USER": "proactive",
            "PAMESOS_DATABASE_PASSWORD": self.password,
        }
        with (sandbox / "stderr").open("wb") as output:
            self.process = subprocess.Popen(
                [self.shell, "-c", command],
                cwd=sandbox,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
                user=self.uid,
                group=self.uid,
            )
        self.output = sandbox / "stderr"

    def is_healthy(self) -> bool:
        """Run the health check as Mesos does, without the task's environment."""
        check = postgresql.check(self.database, self.address)
        return subprocess.run(["sh", "-c", check], env={}, check=False).returncode == 0

    def wait_until_healthy(self) -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not self.is_healthy():
            assert self.process is not None
            assert self.process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def connect(self, database: str = "scheduler") -> pg8000.native.Connection:
        return pg8000.native.Connection(
            "proactive", "127.0.0.1", database, self.port, self.password
        )

    def kill_group(self, number: int) -> None:
        assert self.process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def wait(self, seconds: float = 10) -> int:
        assert self.process is not None
        return self.process.wait(seconds)


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that every user can enter, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="pamesos-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def make_task(directory: Path) -> Iterator[Callable[..., Task]]:
    tasks: list[Task] = []

    def make(**options: object) -> Task:
        options.setdefault("root", directory)
        options.setdefault("path", f"/usr/sbin:/usr/bin:/sbin:/bin:{BIN}")
        task = Task(**options)  # type: ignore[arg-type]
        tasks.append(task)
        return task

    yield make
    for task in tasks:
        if task.process is not None:
            task.process.terminate()
            try:
                task.process.wait(10)
            finally:
                task.kill_group(signal.SIGKILL)


@pytest.fixture
def task(make_task: Callable[..., Task]) -> Task:
    task = make_task()
    task.start()
    task.wait_until_healthy()
    return task


def blocked(directory: Path) -> Path:
    path = directory / "blocked"
    path.mkdir(mode=0o700)
    return path


@needs_root
@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize(
    ("volume", "binaries", "uid"),
    [
        pytest.param("open", "open", None, id="root"),
        pytest.param(
            "blocked",
            "open",
            None,
            id="root, volume below a directory of its own",
            marks=needs_namespaces,
        ),
        pytest.param("open", "blocked", None, id="root, binaries below a directory of its own"),
        pytest.param("open", "open", 65534, id="ordinary user"),
    ],
)
def test_the_database_runs_whoever_starts_it(
    make_task: Callable[..., Task],
    directory: Path,
    shell: str,
    volume: str,
    binaries: str,
    uid: int | None,
) -> None:
    root = blocked(directory) if "blocked" in (volume, binaries) else directory
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    if binaries == "blocked":
        path = f"{copy_programs(BIN, root)}:{path}"
        root = directory if volume == "open" else root
    else:
        path = f"{BIN}:{path}"
    if uid is not None:
        os.chown(root, uid, uid)
    task = make_task(root=root, path=path, shell=shell, uid=uid)
    task.start()
    task.wait_until_healthy()
    for database in ("rm", "scheduler"):
        with task.connect(database) as connection:
            connection.run("create table proof (number int)")
            assert connection.run("select current_user") == [["proactive"]]


def test_a_restart_keeps_the_data_and_takes_a_new_password(
    task: Task, make_task: Callable[..., Task]
) -> None:
    with task.connect() as connection:
        connection.run("create table proof as select 42 as answer")
    assert task.process is not None
    task.process.terminate()
    assert task.wait() == 0

    successor = make_task(root=task.root, password="another", port=task.port)
    successor.start()
    successor.wait_until_healthy()
    with successor.connect() as connection:
        assert connection.run("select answer from proof") == [[42]]
    with pytest.raises(pg8000.exceptions.DatabaseError):
        task.connect()


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(lambda task: task.process.terminate(), id="to the shell"),
        pytest.param(lambda task: task.kill_group(signal.SIGTERM), id="to the whole group"),
    ],
)
def test_sigterm_stops_it_fast_while_clients_are_connected(
    task: Task, stop: Callable[[Task], None]
) -> None:
    connection = task.connect()
    connection.run("begin")
    started = time.monotonic()
    stop(task)
    assert task.wait(10) == 0
    assert time.monotonic() - started < 5
    with contextlib.suppress(pg8000.exceptions.InterfaceError):
        connection.close()


@pytest.mark.parametrize(
    "kill",
    [
        pytest.param(lambda task: task.kill_group(signal.SIGKILL), id="whole group"),
        pytest.param(lambda task: task.process.kill(), id="the shell only"),
    ],
)
def test_data_survives_kill_9_and_the_next_task(
    task: Task, make_task: Callable[..., Task], kill: Callable[[Task], None]
) -> None:
    with task.connect() as connection:
        connection.run("create table proof as select 42 as answer")
    kill(task)
    task.wait()
    successor = make_task(root=task.root, port=task.port)
    successor.start()
    successor.wait_until_healthy()
    with successor.connect() as connection:
        assert connection.run("select answer from proof") == [[42]]


def test_a_pid_file_whose_number_belongs_to_another_program_is_no_obstacle(
    task: Task, make_task: Callable[..., Task]
) -> None:
    task.kill_group(signal.SIGKILL)
    task.wait()
    pid_file = task.root / "volume" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines(keepends=True)
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        pid_file.write_text("".join([f"{bystander.pid}\n", *lines[1:]]))
        successor = make_task(root=task.root, port=task.port)
        successor.start()
        successor.wait_until_healthy()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@needs_root
def test_without_namespaces_the_binaries_are_copied(
    make_task: Callable[..., Task], directory: Path
) -> None:
    tools = directory / "tools"
    tools.mkdir()
    (tools / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (tools / "unshare").chmod(0o755)
    programs = copy_programs(BIN, blocked(directory))
    task = make_task(path=f"{tools}:{programs}:/usr/sbin:/usr/bin:/sbin:/bin")
    task.start()
    task.wait_until_healthy()
    assert [path.name for path in (task.root / "volume").glob("postgresql-*")]


@needs_root
def test_a_volume_that_no_other_user_can_enter_is_named(
    make_task: Callable[..., Task], directory: Path
) -> None:
    tools = directory / "tools"
    tools.mkdir()
    (tools / "unshare").write_text("#!/bin/sh\nexit 1\n")
    (tools / "unshare").chmod(0o755)
    task = make_task(root=blocked(directory), path=f"{tools}:{BIN}:/usr/sbin:/usr/bin:/sbin:/bin")
    task.start()
    assert task.wait() == 1
    assert "chmod a+x what is above it" in task.output.read_text()


def test_half_made_data_is_made_again(make_task: Callable[..., Task]) -> None:
    task = make_task()
    half = task.root / "volume" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("16\n")
    task.start()
    task.wait_until_healthy()


def test_without_binaries_it_says_what_to_install(make_task: Callable[..., Task]) -> None:
    task = make_task(path="/nonexistent")
    (task.root / "volume" / "data").mkdir(parents=True)
    (task.root / "volume" / "data" / "PG_VERSION").write_text("3\n")
    task = make_task(root=task.root, path=os.defpath)
    task.start()
    assert task.wait() == 1
    assert "no PostgreSQL 3 on this agent" in task.output.read_text()


def test_no_password_is_in_any_process_list_or_in_the_output(task: Task) -> None:
    shown = b"".join(
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()
    )
    assert PASSWORD.encode() not in shown
    assert PASSWORD not in task.output.read_text()
