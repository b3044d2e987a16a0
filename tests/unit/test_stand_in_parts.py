"""The pure parts of the stand-in: command lines, database addresses, workflows, logins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateTable

from pamesos.local.standin.options import (
    BadOptionError,
    CredentialsError,
    Properties,
    parse_node,
    parse_server,
)
from pamesos.local.standin.server import store
from pamesos.local.standin.server.database import (
    DatabaseConfigurationError,
    find_databases,
)
from pamesos.local.standin.server.jobs import Job, Task, load_jobs
from pamesos.local.standin.server.sessions import (
    LOCKED,
    WINDOW_S,
    WRONG,
    LoginRejectedError,
    Sessions,
)
from pamesos.local.standin.server.workflow import JobValidationError, parse_workflow

NAMESPACE = 'xmlns="urn:proactive:jobdescriptor:3.14"'
SCRIPT = '<scriptExecutable><script><code language="bash">true</code></script></scriptExecutable>'


def job_xml(tasks: str, attributes: str = "") -> bytes:
    return f'<job {NAMESPACE} name="j" {attributes}><taskFlow>{tasks}</taskFlow></job>'.encode()


# -- command lines -----------------------------------------------------------------------------


def test_a_server_takes_the_real_ones_arguments() -> None:
    options = parse_server(
        ["-ln", "0", "--no-discovery", "-Dproactive.hostname=10.0.0.7", "-Dweb.http.port=31000",
         "-Dproactive.pnp.port=31001", "-Dpa.unknown=x=y", "--no-router", "-dp", "64739"]
    )  # fmt: skip
    assert (options.hostname, options.web_port, options.pnp_port) == ("10.0.0.7", 31000, 31001)
    assert (options.local_nodes, options.properties.text("pa.unknown")) == (0, "x=y")


def test_a_node_takes_the_real_ones_arguments() -> None:
    options = parse_node(
        ["-r", "pnp://10.0.0.7:31001", "-n", "default-1f3c2a9b-1", "-w", "2", "-dm", "-s", "gpu",
         "-wt", "8000", "-d", "100", "-Dproactive.node.reconnection.attempts=100"],
        {},
    )  # fmt: skip
    assert (options.rm_host, options.rm_port, options.source) == ("10.0.0.7", 31001, "gpu")
    assert options.worker_names == ("default-1f3c2a9b-1_0", "default-1f3c2a9b-1_1")
    assert (options.join_timeout_s, options.delay_s, options.attempts) == (8, 0.1, 100)


def test_one_worker_has_the_name_of_the_node() -> None:
    assert parse_node(["-r", "pnp://h:1", "-n", "n"], {}).worker_names == ("n",)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("pnp://h", ("h", 64738), id="default port"),
        pytest.param("pnp://10.0.0.7:31001/", ("10.0.0.7", 31001), id="slash"),
        pytest.param("pnp://[::1]:5", ("::1", 5), id="IPv6"),
        pytest.param("pnp://1.2.3.4:1@10.0.0.7:31001", ("10.0.0.7", 31001), id="public address"),
    ],
)
def test_the_address_of_the_rm_is_understood(url: str, expected: tuple[str, int]) -> None:
    options = parse_node(["-r", url], {})
    assert (options.rm_host, options.rm_port) == expected


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["-r", "pamr://0"], id="another protocol"),
        pytest.param(["-r", "pnp://h:1", "-w", "two"], id="no number"),
        pytest.param(["-r", "pnp://h:1", "-Dproactive.node.add.delay=soon"], id="bad property"),
        pytest.param(["-r", "pnp://h:1", "--wor", "2"], id="an abbreviation"),
    ],
)
def test_a_bad_node_option_is_refused(arguments: list[str]) -> None:
    with pytest.raises(BadOptionError):
        parse_node(arguments, {})


def test_a_credential_variable_that_is_not_set_is_refused() -> None:
    with pytest.raises(CredentialsError) as caught:
        parse_node(["-r", "pnp://h:1", "-e", "CRED"], {})
    assert caught.value.exit_status == 202


# -- database ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "hibernate.connection.url=jdbc:postgresql://db:5433/scheduler?ssl=false",
            "postgresql+pg8000://u:***@db:5433/scheduler",
            id="postgresql",
        ),
        pytest.param(
            "hibernate.connection.url=jdbc\\:mariadb\\://db/scheduler",
            "mysql+pymysql://u:***@db:3306/scheduler",
            id="mariadb, escaped",
        ),
        pytest.param(
            "hibernate.connection.url: jdbc:mysql://db/rm",
            "mysql+pymysql://u:***@db:3306/rm",
            id="mysql, with a colon",
        ),
        pytest.param(
            "hibernate.connection.url=jdbc:hsqldb:hsql://127.0.0.1:9001/scheduler",
            "sqlite:////data/db/stand-in.sqlite",
            id="embedded",
        ),
        pytest.param("", "sqlite:////data/db/stand-in.sqlite", id="nothing"),
    ],
)
def test_hibernate_properties_name_the_database(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "db.properties"
    file.write_text(
        f"# comment\n{text}\nhibernate.connection.username=u\n"
        "hibernate.connection.password=p\\\\w\n"
    )
    key = "pa.scheduler.db.hibernate.configuration"
    found = find_databases(Properties({key: str(file), "pa.hsqldb.location": "/data/db"}))
    assert [str(address.url) for address in found] == [expected]
    assert found[0].url.password in {None, "p\\w"}
    assert "p\\w" not in repr(found)


def test_the_schedulers_database_holds_the_state_and_the_rms_is_checked_too(
    tmp_path: Path,
) -> None:
    values = {}
    for half in ("rm", "scheduler"):
        file = tmp_path / half
        file.write_text(f"hibernate.connection.url=jdbc:postgresql://db/{half}")
        values[f"pa.{half}.db.hibernate.configuration"] = str(file)
    assert [a.url.database for a in find_databases(Properties(values))] == ["scheduler", "rm"]


def test_an_unknown_database_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "db.properties"
    file.write_text("hibernate.connection.url=jdbc:oracle:thin:@h:1/x?password=s3cret")
    with pytest.raises(DatabaseConfigurationError) as caught:
        find_databases(Properties({"pa.rm.db.hibernate.configuration": str(file)}))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("dialect", "column"),
    [(mysql.dialect(), "MEDIUMTEXT"), (postgresql.dialect(), "document TEXT")],
)
def test_the_table_fits_each_database(dialect: Any, column: str) -> None:
    assert column in str(CreateTable(store._records).compile(dialect=dialect))


# -- workflows ---------------------------------------------------------------------------------


def test_attributes_of_a_job_hold_for_its_tasks() -> None:
    tasks = f'<task name="a">{SCRIPT}</task><task name="b" onTaskError="cancelJob">{SCRIPT}</task>'
    workflow = parse_workflow(
        job_xml(tasks, 'onTaskError="pauseJob" maxNumberOfExecution="3"'), {"A": "1"}
    )
    assert [task.on_error for task in workflow.tasks] == ["pauseJob", "cancelJob"]
    assert [task.max_executions for task in workflow.tasks] == [3, 3]
    assert workflow.variables == {"A": "1"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"hello", "[1,1]", id="no XML"),
        pytest.param(b"<job/>", "the root must be", id="no namespace"),
        pytest.param(f"<job {NAMESPACE}/>".encode(), "no <taskFlow>", id="no tasks"),
        pytest.param(job_xml(""), "no task", id="empty flow"),
        pytest.param(job_xml('<task name="x"><nope/></task>'), '"nope" is not allowed', id="tag"),
        pytest.param(job_xml('<task name="x"/>'), "nothing to execute", id="empty task"),
        pytest.param(
            job_xml(f'<task name="x">{SCRIPT}</task><task name="x">{SCRIPT}</task>'),
            "same name",
            id="twice",
        ),
        pytest.param(
            job_xml(f'<task name="x"><depends><task ref="y"/></depends>{SCRIPT}</task>'),
            "unknown ['y']",
            id="unknown dependency",
        ),
        pytest.param(
            job_xml(f'<task name="x"><depends><task ref="x"/></depends>{SCRIPT}</task>'),
            "depend on each other",
            id="cycle",
        ),
        pytest.param(
            job_xml(f'<task name="x"><selection/>{SCRIPT}</task>'),
            "does not support <selection>",
            id="refused, not ignored",
        ),
        pytest.param(
            job_xml(f'<task name="x">{SCRIPT}</task>', 'onTaskError="x"'),
            "onTaskError",
            id="policy",
        ),
    ],
)
def test_a_workflow_that_cannot_run_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(JobValidationError) as caught:
        parse_workflow(data, {})
    assert says in str(caught.value)


def test_a_task_of_another_kind_is_accepted_and_will_be_faulty() -> None:
    xml = job_xml('<task name="x"><nativeExecutable/></task>')
    assert "no <nativeExecutable>" in (parse_workflow(xml, {}).tasks[0].problem or "")


# -- jobs and logins ---------------------------------------------------------------------------


def test_jobs_are_the_same_after_a_round_trip() -> None:
    first = Task(0, "a", lines=[("out", 1, "x")], status="FINISHED")
    job = Job(7, "j", "admin", tasks=[first, Task(1, "b", depends=["a"])])
    tasks = {f"7t{task.id}": dict(vars(task)) for task in job.tasks}
    assert load_jobs({"7": job.document()}, tasks) == {7: job}


def test_a_task_waits_for_all_it_depends_on() -> None:
    a, b, c = Task(0, "a"), Task(1, "b"), Task(2, "c", depends=["a", "b"])
    job = Job(1, "j", "admin", tasks=[a, b, c])
    assert job.release(5) == [a, b]
    for task in (a, b):
        assert c.status == "SUBMITTED"
        job.start(task, run="r", node_url="u", host_and_node="h (n)", now=6)
        job.end(task, good=True, now=7)
        job.release(8)
    assert (c.status, c.scheduled) == ("PENDING", 8)


def test_three_wrong_logins_lock_for_ten_minutes() -> None:
    sessions = Sessions()
    texts = []
    for at, password in ((0, "a"), (1, "b"), (2, "c"), (3, "admin")):
        with pytest.raises(LoginRejectedError) as caught:
            sessions.check("admin", password, at)
        texts.append(str(caught.value))
    assert texts == [WRONG, WRONG, WRONG, LOCKED]
    sessions.check("admin", "admin", 3 + WINDOW_S)


def test_a_right_login_forgives_the_wrong_ones() -> None:
    sessions = Sessions()
    for at in range(6):
        with pytest.raises(LoginRejectedError, match="Incorrect"):
            sessions.check("admin", "wrong", at)
        sessions.check("admin", "admin", at)
