"""The ProActive client against the answers of a real server (recordings/proactive)."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pamesos.clients.proactive import (
    Credentials,
    JobState,
    NodeState,
    ProActiveClient,
    TaskStatus,
    Timeouts,
)
from pamesos.clients.proactive.replies import parse_node
from pamesos.clients.proactive.running import running_tasks
from pamesos.core.jobs import RunningTask
from pamesos.errors import InvalidInputError, ProActiveRefusedError, ProActiveUnavailableError
from tests.contract.recorded_proactive import (
    RECORDINGS,
    Answer,
    RecordedProActive,
    recorded,
    running,
)

PASSWORD = "s3cret-pass"
LOGIN = ("POST", "/scheduler/login")
HELLO = RECORDINGS / "proactive" / "hello.xml"


@pytest.fixture
def server() -> Iterator[RecordedProActive]:
    with running() as fake:
        fake.will(*LOGIN, Answer(200, "3fadfd031a203ec01357fc5f69832900", "text/plain"))
        yield fake


@pytest.fixture
def client(server: RecordedProActive) -> Iterator[ProActiveClient]:
    with ProActiveClient(server.url, Credentials("admin", PASSWORD), retry_for_s=2) as client:
        yield client


def test_the_version_needs_no_login(server: RecordedProActive, client: ProActiveClient) -> None:
    server.will("GET", "/rm/version", _recorded_version())

    version = client.get_version()

    assert (version.rm, version.stand_in) == ("14.2.0-SNAPSHOT", False)
    assert server.paths() == ["GET /rm/version"]


def _recorded_version() -> Answer:
    entry = next(e for e in recorded("04-server-restart") if e["path"] == "/rm/version")
    return Answer(200, json.dumps(entry["response_json"]), "text/plain;charset=utf-8")


def test_one_session_serves_all_calls(server: RecordedProActive, client: ProActiveClient) -> None:
    server.load("02-job")
    server.will(*LOGIN, Answer(200, "sid0001", "text/plain"))

    client.get_nodes()
    client.get_job(1)

    assert server.paths() == [
        "POST /scheduler/login",
        "GET /rm/monitoring/full",
        "GET /scheduler/jobs/1/info",
    ]
    assert server.sent[0].body == f"username=admin&password={PASSWORD}"
    assert [sent.headers.get("sessionid") for sent in server.sent] == [None, "sid0001", "sid0001"]


def test_nodes_carry_name_host_source_and_state(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    server.load("02-job")

    nodes = client.get_nodes()

    assert [(n.name, n.host, n.node_source, n.state, n.locked) for n in nodes] == [
        ("n1_0", "127.0.0.1", "Default", NodeState.FREE, False),
        ("n1_1", "127.0.0.1", "Default", NodeState.FREE, False),
    ]


def test_a_node_state_of_a_later_version_is_tolerated(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    event = {"nodeUrl": "pnp://h:1/n", "nodeState": "HIBERNATING", "hostName": None}
    server.will("GET", "/rm/monitoring/full", Answer(200, json.dumps({"nodesEvents": [event]})))

    assert [node.state for node in client.get_nodes()] == [NodeState.OTHER]


@pytest.mark.parametrize(
    "name", ["03-node-failures", "04-server-restart", "07-net-bridge-dynports", "08-net-pamr"]
)
def test_all_recorded_node_lists_are_understood(name: str) -> None:
    events = [
        event
        for call in recorded(name)
        if call["path"] == "/rm/monitoring/full"
        for event in call["response_json"]["nodesEvents"]
    ]
    nodes = [parse_node(event) for event in events]

    assert nodes
    assert NodeState.OTHER not in {node.state for node in nodes}
    assert all(node.name and "/" not in node.name for node in nodes)


def test_a_rejected_login_is_final_and_sent_once(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    server.answers.clear()
    server.load("01-basic", labels=("bad-login",))

    for _ in range(3):
        with pytest.raises(ProActiveRefusedError) as caught:
            client.get_nodes()

    assert server.paths() == ["POST /scheduler/login"]
    assert caught.value.status == 404
    assert "Incorrect Username/Password" in str(caught.value)
    assert "10 minutes" in caught.value.remedy
    assert "PAMESOS_PROACTIVE_PASSWORD_FILE" in caught.value.remedy


def test_a_locked_account_is_named(server: RecordedProActive, client: ProActiveClient) -> None:
    server.answers.clear()
    server.load("12-misc", labels=("lockout",))

    with pytest.raises(ProActiveRefusedError, match="Too many failed login"):
        client.login()


def test_a_lost_session_is_renewed_once(server: RecordedProActive, client: ProActiveClient) -> None:
    unknown = _recorded_401()
    nodes = Answer(200, json.dumps({"nodesEvents": []}))
    server.will("GET", "/rm/monitoring/full", unknown, nodes)

    assert client.get_nodes() == ()
    assert server.paths().count("POST /scheduler/login") == 2


def test_a_session_that_is_never_accepted_ends_in_an_error(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    server.will("GET", "/rm/monitoring/full", _recorded_401())

    with pytest.raises(ProActiveRefusedError, match="not accepted"):
        client.get_nodes()

    assert len(server.sent) == 4


def _recorded_401() -> Answer:
    entry = next(e for e in recorded("12-misc") if e["status"] == 401)
    return Answer(401, json.dumps(entry["response_json"]))


def test_a_read_is_repeated_until_the_server_is_back(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    gone = Answer(503, "<html>Service Unavailable</html>", "text/html")
    server.will(
        "GET", "/rm/monitoring/full", gone, gone, Answer(200, json.dumps({"nodesEvents": []}))
    )

    assert client.get_nodes() == ()
    assert server.paths().count("GET /rm/monitoring/full") == 3


def test_a_workflow_is_never_sent_twice(server: RecordedProActive, client: ProActiveClient) -> None:
    server.will("POST", "/scheduler/submit", Answer(503, ""))

    with pytest.raises(ProActiveUnavailableError):
        client.submit(HELLO)

    assert server.paths().count("POST /scheduler/submit") == 1


def test_a_workflow_is_sent_as_the_recording_has_it(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    server.load("12-misc", labels=("submit",))

    assert client.submit(HELLO) == 1

    sent = server.sent[-1]
    boundary = sent.headers["Content-Type"].partition("boundary=")[2]
    recording = next(e for e in recorded("12-misc") if e["label"] == "submit")
    theirs = recording["request_headers"]["Content-Type"].partition("boundary=")[2]
    assert sent.headers["Content-Length"] == str(len(sent.body.encode()))
    assert _lines(sent.body, boundary) == _lines(recording["request_body"], theirs)


def _lines(body: str, boundary: str) -> list[str]:
    return [line.rstrip() for line in body.replace(boundary, "B").splitlines() if line.strip()]


def test_variables_are_matrix_parameters(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    answer = Answer(200, '{"id":2,"readableName":"x"}')
    server.will("POST", "/scheduler/submit;A=1;greeting=a%20b%3Bc%3D%2Fd", answer)

    assert client.submit(HELLO, {"A": "1", "greeting": "a b;c=/d"}) == 2


def test_a_refused_workflow_says_why_and_not_what_was_sent(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    entry = next(e for e in recorded("12-misc") if e["label"] == "submit-invalid")
    refusal = Answer(400, json.dumps(entry["response_json"]))
    server.will("POST", "/scheduler/submit;token=hunter2", refusal)

    with pytest.raises(ProActiveRefusedError) as caught:
        client.submit(HELLO, {"token": "hunter2"})

    assert caught.value.status == 400
    assert 'JobValidationException: At [tag:job] : At [task=x] : Error: tag name "nope"' in str(
        caught.value
    )
    assert "hunter2" not in str(caught.value)


def test_a_workflow_that_cannot_be_read_is_bad_input(
    client: ProActiveClient, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInputError, match="nothing was sent"):
        client.submit(tmp_path / "missing.xml")


def test_job_tasks_results_and_logs_are_read(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    # The second block of the recording holds the good job.
    entries = recorded("02-job")
    second = [i for i, e in enumerate(entries) if e["path"] == "/scheduler/login"][1]
    for entry in entries[second:]:
        text = entry.get("response_text") or json.dumps(entry["response_json"])
        kind = entry["response_headers"].get("Content-Type", "")
        server.will(entry["method"], entry["path"], Answer(entry["status"], text, kind))

    job, tasks = client.get_job(1), client.get_tasks(1)

    assert (job.id, job.name, job.state, job.tasks) == (1, "pamesos-hello", JobState.FINISHED, 2)
    assert [(t.name, t.status, t.host, t.node, t.duration_s) for t in tasks] == [
        ("where_bash", TaskStatus.FINISHED, "127.0.0.1", "n1_1", 0.433),
        ("where_groovy", TaskStatus.FINISHED, "127.0.0.1", "n1_0", 1.057),
    ]
    result = client.get_task_result(1, "where_bash")
    assert (result.value, result.error, result.stderr) == ("0", None, "")
    assert result.stdout == "host=vm ip=127.0.0.1 node= url= task=where_bash\n"
    assert client.get_task_value(1, "where_groovy") == "vm"
    assert client.get_task_log(1, "where_bash").startswith("[1t0@localhost;where_bash;15:42:52]")


def test_a_task_without_a_result_yet_has_none(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    server.load("01-basic")
    server.will(*LOGIN, Answer(200, "sid", "text/plain"))

    result = client.get_task_result(1, "where_bash")

    assert (result.value, result.error, result.stdout) == (None, None, None)
    assert client.get_task_value(1, "where_groovy") is None


def test_an_unknown_job_is_refused(server: RecordedProActive, client: ProActiveClient) -> None:
    entry = next(e for e in recorded("12-misc") if e["label"] == "job-404")
    server.will("GET", "/scheduler/jobs/7/info", Answer(404, json.dumps(entry["response_json"])))

    with pytest.raises(ProActiveRefusedError, match="is unknown"):
        client.get_job(7)


def test_nodes_are_locked_unlocked_and_removed_as_recorded(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    labels = ("lock", "node-unlock", "remove-nonpreempt", "remove-unknown")
    server.load("12-misc", labels=labels)
    url = "pnp://127.0.0.1:33843/n5_0"

    assert client.lock_nodes([url])
    assert client.unlock_nodes([url])
    assert client.remove_node(url)
    assert not client.remove_node("pnp://1.2.3.4:5/zz", preempt=True)

    by_label = {e["label"]: e for e in recorded("12-misc")}
    assert [sent.body for sent in server.sent[1:]] == [
        by_label[label]["request_body"] for label in labels
    ]


def test_a_database_that_is_away_is_noticed_in_time(server: RecordedProActive) -> None:
    released = threading.Event()
    server.will("GET", "/scheduler/jobsinfo?index=0&limit=1", Answer(200, "{}", delay=released))
    timeouts = Timeouts(database_s=0.3)
    try:
        with (
            ProActiveClient(server.url, Credentials(), timeouts=timeouts) as client,
            pytest.raises(ProActiveUnavailableError, match=r"no answer within 0\.3 s"),
        ):
            client.check_database()
        assert server.paths()[:2] == [
            "POST /scheduler/login",
            "GET /scheduler/jobsinfo?index=0&limit=1",
        ]
    finally:
        released.set()


def test_the_session_is_ended_on_the_server(server: RecordedProActive) -> None:
    server.load("12-misc", labels=("sched-logout",))
    server.will("GET", "/rm/monitoring/full", Answer(200, json.dumps({"nodesEvents": []})))

    with ProActiveClient(server.url, Credentials()) as client:
        client.get_nodes()

    assert server.paths()[-1] == "PUT /scheduler/disconnect"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(
            Answer(200, "<html>Sign in</html>", "text/html"), "not JSON", id="html-with-200"
        ),
        pytest.param(
            Answer(404, "<html>No such page</html>", "text/html"), "its /rest", id="html-404"
        ),
        pytest.param(Answer(200, "[]"), "not ProActive's version", id="json-of-another-shape"),
        pytest.param(
            Answer(302, "https://sso.example/login"), "redirects to https://sso", id="redirect"
        ),
        pytest.param(Answer(502, ""), "HTTP 502", id="proxy"),
    ],
)
def test_another_answer_than_proactives_is_unavailable(
    server: RecordedProActive, answer: Answer, says: str
) -> None:
    server.will("GET", "/rm/version", answer)
    with (
        ProActiveClient(server.url, Credentials(), retry_for_s=0) as client,
        pytest.raises(ProActiveUnavailableError, match=says),
    ):
        client.get_version()


@pytest.mark.parametrize(
    "body",
    ["null", "5", "[]", "{}", '"x"', '{"list": 5}', '{"list": [5]}', '{"nodesEvents": [null]}',
     '{"nodesEvents": [{"nodeUrl": null}], "list": [{}], "status": 5, "output": 5, "jobId": 7}',
     '{"list": [{"taskInfo": {"executionDuration": null, "executionHostName": 5}}]}'],
)  # fmt: skip
def test_a_reply_of_another_shape_is_a_value_or_unavailable(
    server: RecordedProActive, body: str
) -> None:
    for path in ("/rm/monitoring/full", "/rm/version", "/scheduler/jobs/1/info",
                 "/scheduler/jobs/1/taskstates", "/scheduler/jobs/1/tasks/t/result"):  # fmt: skip
        server.will("GET", path, Answer(200, body))
    server.will("POST", "/scheduler/submit", Answer(200, body))
    with ProActiveClient(server.url, Credentials(), retry_for_s=0) as client:
        calls: list[Callable[[], object]] = [
            client.get_nodes,
            client.get_version,
            lambda: client.get_job(1),
            lambda: client.get_tasks(1),
            lambda: client.get_task_result(1, "t"),
            lambda: client.submit(HELLO),
        ]
        for call in calls:
            with suppress(ProActiveUnavailableError):
                call()
    assert len(server.sent) >= len(calls)


def test_locking_no_node_sends_nothing(server: RecordedProActive, client: ProActiveClient) -> None:
    assert client.lock_nodes([])
    assert server.sent == []


def test_a_refused_connection_is_unavailable() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/rest"
        with (
            ProActiveClient(url, Credentials(), retry_for_s=0) as client,
            pytest.raises(ProActiveUnavailableError, match="connection refused"),
        ):
            client.get_nodes()


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    server: RecordedProActive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.will("GET", "/rm/version", _recorded_version())
    with ProActiveClient(server.url, Credentials(), retry_for_s=0) as client:
        assert client.get_version().rm == "14.2.0-SNAPSHOT"


def test_secrets_are_in_no_error_and_no_repr(server: RecordedProActive) -> None:
    server.answers.clear()
    server.load("01-basic", labels=("bad-login",))
    credentials = Credentials("admin", PASSWORD)
    client = ProActiveClient(server.url, credentials)

    with pytest.raises(ProActiveRefusedError) as caught:
        client.login()

    seen: list[Any] = [credentials, client, caught.value, repr(caught.value)]
    assert PASSWORD not in " ".join(map(str, seen)) + " ".join(map(repr, seen))
    client.close()


def test_what_runs_is_put_together_from_jobs_and_their_tasks(
    server: RecordedProActive, client: ProActiveClient
) -> None:
    entries = [
        {"jobInfo": {"jobId": {"id": number}, "numberOfRunningTasks": running}}
        for number, running in ((1, 0), (2, 1))
    ]
    jobs = {"size": 2, "list": entries}
    info = {"taskStatus": "RUNNING", "startTime": 1795362170047, "executionHostName": "h (n_1)"}
    tasks = [
        {"name": "works", "taskInfo": info},
        {"name": "waits", "taskInfo": {"taskStatus": "PENDING", "startTime": -1}},
    ]
    server.will("GET", "/scheduler/jobsinfo?index=0&limit=1000", Answer(200, json.dumps(jobs)))
    server.will("GET", "/scheduler/jobs/2/taskstates", Answer(200, json.dumps({"list": tasks})))

    began = datetime.fromtimestamp(1795362170.047, UTC)
    assert running_tasks(client) == (RunningTask(2, "works", "n_1", began),)
