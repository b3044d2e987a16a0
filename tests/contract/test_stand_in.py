"""The stand-in's REST API beside the recordings of the real one: same keys, types and statuses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pamesos.clients.proactive import JobState, NodeState, ProActiveClient, TaskStatus
from pamesos.errors import ProActiveRefusedError
from tests.conftest import wait_for
from tests.contract.recorded_proactive import RECORDINGS, ROOT, recorded
from tests.contract.standin import Rest, StandIn, standing_in, task

FILES = ("01-basic", "02-job", "03-node-failures", "04-server-restart", "09-server-moves",
         "11-db-outage", "12-misc")  # fmt: skip
#: Objects whose keys are names that users or the server choose.
MAPS = frozenset(
    {"variables", "detailedVariables", "tasks", "allResults", "propagatedVariables",
     "exceptionResults", "serializedPropagatedVariables", "updatedVariables", "result/value"}
)  # fmt: skip


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandIn]:
    with standing_in(tmp_path_factory.mktemp("stand-in")) as stand_in:
        stand_in.start_server()
        stand_in.start_node("n1", 2)
        stand_in.start_node("n2", 1)
        client = stand_in.client()
        free = NodeState.FREE
        stand_in.wait_for_states(client, n1_0=free, n1_1=free, n2=free)
        yield stand_in


@pytest.fixture
def client(cluster: StandIn) -> ProActiveClient:
    return cluster.client()


@pytest.fixture
def rest(cluster: StandIn) -> Iterator[Rest]:
    session = Rest(cluster.url)
    yield session
    session.close()


def bodies(method: str, template: str) -> list[Any]:
    """Return all recorded bodies of a call; ``{id}`` and ``{task}`` match any."""
    pattern = re.escape(template).replace(r"\{id\}", r"\d+").replace(r"\{task\}", "[^/]+")
    return [
        entry["response_json"]
        for name in FILES
        for entry in recorded(name)
        if entry["method"] == method
        and entry["status"] == 200
        and re.fullmatch(pattern, entry["path"])
        and "response_json" in entry
    ]


def differences(ours: Any, theirs: list[Any], where: str = "") -> list[str]:
    """Return where a value has other keys or types than all recorded ones."""
    kinds = {type(value).__name__ for value in theirs}
    if kinds and type(ours).__name__ not in kinds:
        return [f"{where}: {type(ours).__name__}, recorded {sorted(kinds)}"]
    same = [value for value in theirs if isinstance(value, type(ours))]
    found = []
    for key, item, pool in _members(ours, same, where):
        found += differences(item, pool, f"{where}{key}")
    known = not isinstance(ours, dict) or _is_map(where) or not same
    if not known and not any(value.keys() == ours.keys() for value in same):
        found.append(f"{where}: keys {sorted(ours.keys() ^ same[0].keys())} differ")
    return found


def _members(ours: Any, same: list[Any], where: str) -> Iterator[tuple[str, Any, list[Any]]]:
    """Yield each member with all recorded values that stand in its place."""
    if isinstance(ours, list):
        for item in ours:
            yield "[]", item, [other for value in same for other in value]
    elif isinstance(ours, dict):
        for key, item in ours.items():
            if _is_map(where):
                yield "{}", item, [other for value in same for other in value.values()]
            else:
                yield f".{key}", item, [value[key] for value in same if key in value]


def _is_map(where: str) -> bool:
    return where.rpartition(".")[2] in MAPS


def test_the_comparison_finds_a_missing_key_and_a_wrong_type() -> None:
    assert differences({"a": 1}, [{"a": 1, "b": 2}]) == [": keys ['b'] differ"]
    assert differences({"a": "1"}, [{"a": 1}, {"a": None}]) == [
        ".a: str, recorded ['NoneType', 'int']"
    ]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/rm/version"),
        ("GET", "/rm/isactive"),
        ("GET", "/rm/state"),
        ("GET", "/rm/monitoring/full"),
        ("GET", "/rm/nodesource"),
        ("GET", "/scheduler/version"),
        ("GET", "/scheduler/status"),
        ("GET", "/scheduler/isconnected"),
        ("GET", "/scheduler/jobs"),
        ("GET", "/scheduler/jobsinfo"),
        ("GET", "/scheduler/jobs/{id}"),
        ("GET", "/scheduler/jobs/{id}/info"),
        ("GET", "/scheduler/jobs/{id}/taskstates"),
        ("GET", "/scheduler/jobs/{id}/tasks"),
        ("GET", "/scheduler/jobs/{id}/tasks/{task}"),
        ("GET", "/scheduler/jobs/{id}/tasks/{task}/result"),
        ("GET", "/scheduler/jobs/{id}/result"),
        ("GET", "/scheduler/jobs/{id}/result/value"),
        ("GET", "/common/connected"),
    ],
)
def test_an_answer_has_the_shape_of_the_recording(
    cluster: StandIn, client: ProActiveClient, rest: Rest, method: str, path: str
) -> None:
    good, bad = task("where_bash", "echo hi"), task("bad", "exit 3", "where_bash")
    job = client.submit(cluster.workflow(good, bad, task("last", "sleep 0.4", "where_bash")))
    theirs = bodies(method, path)
    assert theirs, "nothing recorded"
    actual = path.replace("{id}", str(job)).replace("{task}", "where_bash")

    # While it runs, and when it is over: the recordings hold both.
    for over in (False, True):
        if over:
            cluster.wait_for_end(client, job)
        answer = rest.call(method, actual)
        if answer.status_code != 204:  # a result that is not there yet
            where = "result/value" if path.endswith("/result/value") else ""
            assert differences(answer.json(), theirs, where) == []


def test_busy_and_dead_nodes_have_the_recorded_shape(
    cluster: StandIn, client: ProActiveClient, rest: Rest
) -> None:
    job = client.submit(cluster.workflow(task("s", "sleep 1")))
    wait_for(lambda: NodeState.BUSY in cluster.states(client).values())

    body = rest.json("GET", "/rm/monitoring/full")

    assert differences(body, bodies("GET", "/rm/monitoring/full")) == []
    busy = next(node for node in body["nodesEvents"] if node["nodeState"] == "BUSY")
    assert busy["usageInfo"]["TASK_NAME"] == "s"
    assert "Used by: admin\nState: Busy\n" in busy["description"]
    client.kill_job(job)


def test_text_answers_have_the_recorded_form(
    cluster: StandIn, client: ProActiveClient, rest: Rest
) -> None:
    job = client.submit(cluster.workflow(task("where_bash", "echo hi; echo oops >&2")))
    cluster.wait_for_end(client, job)

    log = client.get_task_log(job, "where_bash")
    assert re.fullmatch(rf"(\[{job}t0@[\w.]+;where_bash;\d\d:\d\d:\d\d\] (hi|oops)\n){{2}}", log)
    version = rest.call("GET", "/rm/version")
    entry = next(e for e in recorded("04-server-restart") if e["path"] == "/rm/version")
    assert version.headers["Content-Type"] == entry["response_headers"]["Content-Type"].replace(
        ";charset", "; charset"
    )
    assert len(version.text) == 55 + 2 * (len("stand-in") - len("SNAPSHOT"))
    assert version.json() == {"rm": "14.2.0-stand-in", "rest": "14.2.0-stand-in"}


@pytest.mark.parametrize(
    "label",
    [
        pytest.param("job-404", id="unknown job"),
        pytest.param("nodesource-define", id="unsupported method"),
    ],
)
def test_a_refusal_is_the_recorded_one(rest: Rest, label: str) -> None:
    entry = next(e for e in recorded("12-misc") if e["label"] == label and e["status"] >= 400)

    answer = rest.call(entry["method"], entry["path"])

    assert (answer.status_code, answer.json()) == (entry["status"], entry["response_json"])


@pytest.mark.parametrize("path", ["/rm/state", "/scheduler/status"])
def test_without_a_session_the_recorded_401_comes(cluster: StandIn, rest: Rest, path: str) -> None:
    entry = next(e for f in FILES for e in recorded(f) if e["path"] == path and e["status"] == 401)
    answer = rest.call("GET", path, headers={"sessionid": "unknown"})
    assert (answer.status_code, answer.json()) == (401, entry["response_json"])


@pytest.mark.parametrize("label", ["submit-invalid", "submit-noxml"])
def test_a_bad_workflow_is_refused_like_the_recording(rest: Rest, label: str) -> None:
    entry = next(e for e in recorded("12-misc") if e["label"] == label)
    content = entry["request_body"].split(
        "\n\n" if "\n\n" in entry["request_body"] else "\r\n\r\n"
    )[1]
    content = content.rpartition("\n--")[0].rstrip("\r")
    answer = rest.call("POST", "/scheduler/submit", files={"file": ("bad.xml", content)})

    ours, theirs = answer.json(), entry["response_json"]
    assert answer.status_code == 400
    assert ours["exceptionClass"] == theirs["exceptionClass"]
    for body in (ours, theirs):
        assert "JobValidationException: At [tag:job] : " in body["errorMessage"]
    if label == "submit-invalid":
        assert 'At [task=x] : Error: tag name "nope" is not allowed' in ours["errorMessage"]


def test_three_wrong_logins_lock_even_the_right_one(tmp_path: Path) -> None:
    with standing_in(tmp_path) as stand_in:
        stand_in.start_server()
        texts = []
        for password in ("a", "b", "c", "admin"):
            session = Rest(stand_in.url, password=password)
            texts.append(str(session._session.headers["sessionid"]))
            session.close()

    wrong = next(e for e in recorded("01-basic") if e["label"] == "bad-login")["response_json"]
    locked = next(e for e in recorded("12-misc") if e["label"] == "lockout")["response_json"]
    assert [json.loads(text) for text in texts] == [wrong] * 3 + [locked]


def test_variables_dependencies_and_languages_work(
    cluster: StandIn, client: ProActiveClient
) -> None:
    where = 'echo "$variables_PA_NODE_NAME;$variables_PA_NODE_HOST;$variables_PA_NODE_URL"'
    workflow = cluster.workflow(
        task("first", 'echo "$variables_A $variables_PA_TASK_NAME job $variables_PA_JOB_ID"'),
        task("second", "result = variables['A'] * 2", "first", language="python"),
        task("third", where, "second", language="shell"),
    )
    job = client.submit(workflow, {"A": "x y;z"})
    view = cluster.wait_for_end(client, job)
    tasks = {run.name: run for run in client.get_tasks(job)}

    assert view.state is JobState.FINISHED
    assert client.get_task_result(job, "first").stdout == f"x y;z first job {job}\n"
    assert client.get_task_value(job, "second") == "x y;zx y;z"
    name, host, url = (client.get_task_result(job, "third").stdout or "").strip().split(";")
    assert (name, host) == (tasks["third"].node, tasks["third"].host)
    assert url in {node.url for node in client.get_nodes()}


@pytest.mark.parametrize(
    ("on_error", "state", "second"),
    [
        ("continueJobExecution", JobState.FINISHED, TaskStatus.FINISHED),
        ("cancelJob", JobState.CANCELED, TaskStatus.NOT_STARTED),
        ("suspendTask", JobState.IN_ERROR, TaskStatus.SUBMITTED),
    ],
)
def test_a_faulty_task_does_what_the_policy_says(
    cluster: StandIn, client: ProActiveClient, on_error: str, state: JobState, second: TaskStatus
) -> None:
    bad, after = task("bad", "exit 3"), task("after", "true", "bad")
    job = client.submit(cluster.workflow(bad, after, on_error=on_error))

    wait_for(lambda: client.get_job(job).state is state, what=str(state))

    assert client.get_tasks(job)[1].status is second
    client.kill_job(job)


def test_a_faulty_task_is_tried_as_often_as_it_says(
    cluster: StandIn, client: ProActiveClient
) -> None:
    marks = cluster.work / "marks"
    bad = task("bad", f"echo x >> {marks}; exit 1")
    job = client.submit(cluster.workflow(bad, maxNumberOfExecution="3"))

    cluster.wait_for_end(client, job)

    assert marks.read_text() == "x\n" * 3
    assert client.get_tasks(job)[0].status is TaskStatus.FAULTY


def test_groovy_is_faulty_and_says_why(cluster: StandIn, client: ProActiveClient) -> None:
    job = client.submit(RECORDINGS / "proactive" / "hello.xml")
    cluster.wait_for_end(client, job)

    statuses = {run.name: run.status for run in client.get_tasks(job)}
    assert statuses == {"where_bash": TaskStatus.FINISHED, "where_groovy": TaskStatus.FAULTY}
    assert "cannot run groovy" in (client.get_task_result(job, "where_groovy").error or "")


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param("yes '' | head -c 3000000", id="empty lines"),
        pytest.param("head -c 3000000 /dev/zero | tr '\\0' x", id="one long line"),
        pytest.param("yes 0123456789 | head -c 9000000", id="many lines"),
    ],
)
def test_a_flood_of_output_is_bounded_and_says_so(
    cluster: StandIn, client: ProActiveClient, flood: str
) -> None:
    job = client.submit(cluster.workflow(task("a", flood)))

    assert cluster.wait_for_end(client, job).state is JobState.FINISHED
    output = client.get_task_result(job, "a").stdout or ""
    assert output.endswith("[the stand-in keeps 1 MiB of output; the rest is lost]\n")
    assert len(output) < 2 * 1024 * 1024


@pytest.mark.parametrize("name", ["hello.xml", "fan-out.xml"])
def test_the_sample_workflows_use_several_nodes(
    cluster: StandIn, client: ProActiveClient, name: str
) -> None:
    job = client.submit(ROOT / "apps" / "workflows" / name)
    view = cluster.wait_for_end(client, job)

    tasks = client.get_tasks(job)
    assert view.state is JobState.FINISHED
    assert {run.status for run in tasks} == {TaskStatus.FINISHED}
    assert len({run.node for run in tasks}) == 3


def test_a_killed_job_ends_its_processes(cluster: StandIn, client: ProActiveClient) -> None:
    job = client.submit(cluster.workflow(task("s", "sleep 4321 & wait"), task("t", "true", "s")))
    wait_for(lambda: client.get_tasks(job)[0].status is TaskStatus.RUNNING)

    assert client.kill_job(job)

    assert client.get_job(job).state is JobState.KILLED
    assert [run.status for run in client.get_tasks(job)] == [
        TaskStatus.ABORTED, TaskStatus.NOT_STARTED,
    ]  # fmt: skip
    assert not client.kill_job(job)


def test_locked_nodes_get_no_task(cluster: StandIn, client: ProActiveClient) -> None:
    nodes = client.get_nodes()
    locked = [node.url for node in nodes if node.name != "n2"]
    assert client.lock_nodes(locked)
    try:
        job = client.submit(cluster.workflow(task("a", "true"), task("b", "true")))
        cluster.wait_for_end(client, job)
        assert {run.node for run in client.get_tasks(job)} == {"n2"}
        assert {node.name for node in client.get_nodes() if node.locked} == {"n1_0", "n1_1"}
    finally:
        assert client.unlock_nodes(locked)
    assert not client.lock_nodes(["pnp://1.2.3.4:5/zz"])


def test_node_sources_are_made_and_removed_as_recorded(rest: Rest) -> None:
    form = {"nodeSourceName": "mesos2"}
    results = [
        rest.json("POST", "/rm/nodesource/create", data=form),
        rest.json("POST", "/rm/nodesource/create", data=form),
        rest.json("PUT", "/rm/nodesource/deploy", data={"nodeSourceName": "mesos"}),
    ]
    assert [(r["result"], r["errorMessage"]) for r in results] == [
        (True, None),
        (False, "Node Source name mesos2 already exist"),
        (False, "Node source mesos is not defined"),
    ]
    assert rest.json("POST", "/rm/nodesource/remove", data={"name": "mesos2"}) is True
    names = [source["sourceName"] for source in rest.json("GET", "/rm/nodesource")]
    assert names == ["Default"]


def test_a_preempted_task_runs_again_with_its_counters(
    cluster: StandIn, client: ProActiveClient, rest: Rest
) -> None:
    flag = cluster.work / "go"
    job = client.submit(cluster.workflow(task("s", f"until [ -e {flag} ]; do sleep 0.05; done")))
    wait_for(lambda: client.get_tasks(job)[0].status is TaskStatus.RUNNING)

    assert client.preempt_task(job, "s")
    flag.touch()

    assert cluster.wait_for_end(client, job).state is JobState.FINISHED
    info = rest.json("GET", f"/scheduler/jobs/{job}/taskstates")["list"][0]["taskInfo"]
    assert (info["numberOfExecutionLeft"], info["numberOfExecutionOnFailureLeft"]) == (1, 2)


def test_a_removed_job_is_unknown(cluster: StandIn, client: ProActiveClient, rest: Rest) -> None:
    job = client.submit(cluster.workflow(task("a", "true")))
    cluster.wait_for_end(client, job)

    assert rest.json("DELETE", f"/scheduler/jobs/{job}") is True
    with pytest.raises(ProActiveRefusedError):
        client.get_job(job)


def test_changes_since_a_counter_are_listed(
    cluster: StandIn, client: ProActiveClient, rest: Rest
) -> None:
    first = rest.json("GET", "/rm/monitoring?clientCounter=-1")
    theirs = [b for n in (-1, 0) for b in bodies("GET", f"/rm/monitoring?clientCounter={n}")]
    assert differences(first, theirs) == []
    counter = first["latestCounter"]
    assert rest.json("GET", f"/rm/monitoring?clientCounter={counter}")["nodesEvents"] == []

    cluster.wait_for_end(client, client.submit(cluster.workflow(task("a", "true"))))

    later = rest.json("GET", f"/rm/monitoring?clientCounter={counter}")
    assert len(later["nodesEvents"]) == 1
    assert later["latestCounter"] > counter
