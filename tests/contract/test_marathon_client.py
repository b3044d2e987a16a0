"""What the client says when Marathon, or what stands before it, answers badly."""

from __future__ import annotations

import base64
import dataclasses
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pamesos.clients.marathon import MarathonClient
from pamesos.core.connection import Connection
from pamesos.errors import (
    DeploymentLockedError,
    ExitStatus,
    MarathonRefusedError,
    MarathonUnavailableError,
    NotFoundError,
    PamesosError,
    SettingsError,
)
from tests.contract.recorded_server import RecordedServer, recorded, serving

CHANGES = "marathon/03-change-scale-rollback-delete.jsonl"
DEPLOY = "stack/01-deploy.jsonl"
GROUP = {"id": "/proactive", "apps": [{"id": "database"}, {"id": "scheduler"}]}
HTML = b"<!DOCTYPE html><html><body>Welcome</body></html>"
HTML_HEADERS = {"Content-Type": "text/html"}


@pytest.fixture
def marathon() -> Iterator[RecordedServer]:
    with serving() as server:
        yield server


def client_of(*servers: RecordedServer, **changes: Any) -> MarathonClient:
    connection = Connection(urls=tuple(server.url for server in servers), retry_budget_s=3.0)
    return MarathonClient(dataclasses.replace(connection, **changes))


def test_a_group_is_read_with_all_that_runs_in_it(marathon: RecordedServer) -> None:
    root = recorded(DEPLOY, "GET", "/v2/groups", nth=-1)
    marathon.on("GET", "/v2/groups/pa", body=root["groups"][0])

    group = client_of(marathon).get_group("/pa")

    assert [app.id for app in group.apps] == ["/pa/database", "/pa/nodes", "/pa/scheduler"]
    nodes = group.app("/pa/nodes")
    assert nodes is not None
    assert (nodes.instances, nodes.running, nodes.healthy) == (2, 2, 2)
    assert {task.host for task in nodes.tasks} == {"agent-1.local", "agent-2.local"}
    assert ("embed", "group.apps.tasks") in marathon.requests[0].query


def test_an_unreachable_marathon_is_said_soon_with_a_remedy() -> None:
    with serving() as server:
        client = client_of(server, retry_budget_s=30.0)
    started = time.monotonic()

    with pytest.raises(MarathonUnavailableError, match="connection refused") as caught:
        client.get_info()

    assert time.monotonic() - started < 3
    assert "--marathon" in caught.value.remedy
    assert caught.value.exit_status is ExitStatus.UNAVAILABLE
    assert caught.value.sent is False


BAD_ANSWERS = [
    pytest.param(
        {"body": HTML, "headers": HTML_HEADERS}, "web page instead of JSON", id="proxy page"
    ),
    pytest.param(
        {"status": 404, "body": HTML, "headers": HTML_HEADERS}, "web page", id="proxy 404 page"
    ),
    pytest.param(
        {"status": 302, "headers": {"Location": "https://sso.example/login?next=s3cret"}},
        "redirects to https://sso.example/login; that is a login page",
        id="login redirect",
    ),
    pytest.param({"body": b'{"version": "1.11'}, "not whole JSON", id="truncated JSON"),
    pytest.param(
        {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{"},
        "broke off before its end",
        id="broken off",
    ),
    pytest.param({"body": []}, "another shape", id="another service's JSON"),
    pytest.param({"hang_up": True}, "closed before an answer came", id="closed"),
    pytest.param({"status": 503, "body": HTML, "headers": HTML_HEADERS}, "HTTP 503", id="503 page"),
]


@pytest.mark.parametrize(("answer", "words"), BAD_ANSWERS)
def test_an_unusable_answer_is_named_with_a_remedy(
    marathon: RecordedServer, answer: dict[str, Any], words: str
) -> None:
    marathon.on("GET", "/v2/info", **answer)

    with pytest.raises(MarathonUnavailableError, match=words) as caught:
        client_of(marathon, retry_budget_s=0.3).get_info()

    assert caught.value.remedy
    assert "s3cret" not in str(caught.value)


def test_a_slow_answer_is_named_with_its_timeout(marathon: RecordedServer) -> None:
    marathon.on("GET", "/v2/info", wait_for=threading.Event())

    with pytest.raises(MarathonUnavailableError, match=r"no answer within 0\.2 s"):
        client_of(marathon, read_timeout_s=0.2, retry_budget_s=0.3).get_info()


@pytest.mark.parametrize("status", [500, 502], ids=["500 empty", "502 empty"])
def test_a_leader_gap_is_sat_out_and_never_shown(marathon: RecordedServer, status: int) -> None:
    marathon.on("GET", "/v2/info", body=recorded(DEPLOY, "GET", "/v2/info"))
    marathon.on("GET", "/v2/info", status=status, times=3)

    info = client_of(marathon).get_info()

    assert info.version == "1.11.26"
    assert info.mesos_url == "http://127.0.0.1:5050/"
    assert len(marathon.requests) == 4


def test_a_message_with_status_500_is_a_refusal_and_not_repeated(marathon: RecordedServer) -> None:
    with pytest.raises(MarathonRefusedError, match="URI not found"):
        client_of(marathon).get_info()

    assert len(marathon.requests) == 1


def test_the_next_master_is_asked_and_kept() -> None:
    with serving() as dead, serving() as alive:
        alive.on("GET", "/v2/info", body=recorded(DEPLOY, "GET", "/v2/info"))
        dead.on("GET", "/v2/info", status=502)
        client = client_of(dead, alive)

        client.get_info()
        client.get_info()

        assert len(dead.requests) == 1
        assert len(alive.requests) == 2
        assert client.url == alive.url


def test_a_lock_is_reported_and_never_forced(marathon: RecordedServer) -> None:
    body = recorded(CHANGES, "PUT", "/v2/groups/proactive", 409)
    marathon.on("PUT", "/v2/groups/proactive", status=409, body=body)

    with pytest.raises(DeploymentLockedError) as caught:
        client_of(marathon).put_group(GROUP)

    assert caught.value.deployment_ids == tuple(lock["id"] for lock in body["deployments"])
    assert caught.value.exit_status is ExitStatus.LOCKED
    assert len(marathon.requests) == 1
    assert "force" not in dict(marathon.requests[0].query)


def test_a_refusal_names_the_place_and_the_app_in_words(marathon: RecordedServer) -> None:
    details = [{"path": "/apps(1)/cpus", "errors": ["error.min"]}]
    marathon.on(
        "PUT",
        "/v2/groups/proactive",
        status=422,
        body={"message": "Invalid JSON", "details": details},
    )

    with pytest.raises(MarathonRefusedError) as caught:
        client_of(marathon).put_group(GROUP)

    assert '/apps(1)/cpus ("scheduler"): is too small' in caught.value.problem
    assert caught.value.exit_status is ExitStatus.REFUSED


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(
            recorded("marathon/01-shapes-and-errors.jsonl", "PUT", "/v2/apps/x", 400),
            "Unexpected end-of-input",
            id="details is a string",
        ),
        pytest.param(
            {"message": "Object is not valid", "details": [{"path": "/", "errors": ["no cmd"]}]},
            "Marathon does not say where.*no cmd",
            id="semantic error without a place",
        ),
        pytest.param({"message": "only this"}, "only this", id="only a message"),
        pytest.param("plain words", "plain words", id="a JSON string"),
    ],
)
def test_each_shape_of_refusal_becomes_words(
    marathon: RecordedServer, body: Any, words: str
) -> None:
    marathon.on("PUT", "/v2/groups/proactive", status=422, body=body)

    with pytest.raises(MarathonRefusedError, match=words):
        client_of(marathon).put_group(GROUP)


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_named_with_a_remedy(marathon: RecordedServer, status: int) -> None:
    marathon.on("GET", "/v2/info", status=status, body=HTML, headers=HTML_HEADERS)
    client = client_of(marathon, user="ops", password="s3cret-word")

    with pytest.raises(MarathonRefusedError) as caught:
        client.get_info()

    assert "--password-file" in caught.value.remedy
    assert "s3cret-word" not in str(caught.value) + repr(caught.value) + repr(client.connection)
    pair = base64.b64encode(b"ops:s3cret-word").decode()
    assert marathon.requests[0].headers["Authorization"] == f"Basic {pair}"


def test_a_token_is_read_again_when_its_file_changes(
    marathon: RecordedServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    marathon.on("GET", "/ping", body=b"pong")
    client = client_of(marathon, token_file=str(token))

    client.ping()
    token.write_text("renewed\n")
    client.ping()

    sent = [request.headers["Authorization"] for request in marathon.requests]
    assert sent == ["Bearer old", "Bearer renewed"]


def test_an_unreadable_token_is_bad_input_and_nothing_is_sent(
    marathon: RecordedServer, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        client_of(marathon, token_file=str(tmp_path / "missing")).ping()

    assert marathon.requests == []


def test_a_lost_answer_to_a_change_is_not_sent_again(marathon: RecordedServer) -> None:
    marathon.on("PUT", "/v2/groups/proactive", hang_up=True)

    with pytest.raises(MarathonUnavailableError) as caught:
        client_of(marathon).put_group(GROUP)

    assert caught.value.sent
    assert len(marathon.requests) == 1


def test_a_change_that_surely_never_arrived_goes_to_the_next_master() -> None:
    with serving() as gone:
        pass
    with serving() as alive:
        body = recorded(CHANGES, "PUT", "/v2/groups/proactive")
        alive.on("PUT", "/v2/groups/proactive", body=body)

        ref = client_of(gone, alive).put_group(GROUP)

    assert (ref.id, ref.version) == (body["deploymentId"], body["version"])


def test_deleting_an_app_says_that_it_is_not_forced(marathon: RecordedServer) -> None:
    body = recorded(CHANGES, "DELETE", "/v2/apps//proactive/scheduler")
    marathon.on("DELETE", "/v2/apps/proactive/scheduler", body=body)

    client_of(marathon).delete_app("/proactive/scheduler")

    assert marathon.requests[0].query == (("force", "false"),)


def test_killing_tasks_returns_those_that_marathon_knew(marathon: RecordedServer) -> None:
    body = recorded("marathon/04-failing-tasks-and-kills.jsonl", "POST", "/v2/tasks/delete")
    marathon.on("POST", "/v2/tasks/delete", body=body)
    ids = [task["id"] for task in body["tasks"]]

    assert client_of(marathon).kill_tasks([*ids, "unknown"]) == tuple(ids)
    assert marathon.requests[0].body == {"ids": [*ids, "unknown"]}
    assert marathon.requests[0].query == ()


def test_no_delay_to_reset_is_no_error(marathon: RecordedServer) -> None:
    path = "/v2/queue/nope/delay"
    body = recorded("marathon/01-shapes-and-errors.jsonl", "DELETE", path, 404)
    marathon.on("DELETE", path, status=404, body=body)
    marathon.on("DELETE", "/v2/queue/fail/a/delay", status=204)
    client = client_of(marathon)

    assert client.reset_delay("/nope") is False
    assert client.reset_delay("/fail/a") is True


def test_a_cancelled_deployment_without_rollback_has_no_id(marathon: RecordedServer) -> None:
    marathon.on("DELETE", "/v2/deployments/d-1", status=202)

    ref = client_of(marathon).cancel_deployment("d-1")

    assert ref is not None
    assert ref.id is None


def test_an_unknown_app_is_not_found(marathon: RecordedServer) -> None:
    body = recorded("marathon/01-shapes-and-errors.jsonl", "GET", "/v2/apps/nope", 404)
    marathon.on("GET", "/v2/apps/nope", status=404, body=body)
    client = client_of(marathon)

    assert client.find_app("/nope") is None
    with pytest.raises(NotFoundError, match="App '/nope' does not exist"):
        client.get_app("/nope")


def test_no_error_holds_a_secret_of_what_was_sent(marathon: RecordedServer) -> None:
    group = {"id": "/proactive", "apps": [{"id": "a", "env": {"PASSWORD": "s3cret-word"}}]}
    answers: list[dict[str, Any]] = [
        {"status": 422, "body": {"message": "Invalid JSON", "details": []}},
        {"status": 409, "body": {"message": "locked", "deployments": [{"id": "d"}]}},
        {"hang_up": True},
        {"body": HTML, "headers": HTML_HEADERS},
    ]
    for answer in answers:
        marathon.on("PUT", "/v2/groups/proactive", **answer)
        with pytest.raises(PamesosError) as caught:
            client_of(marathon).put_group(group)
        assert "s3cret-word" not in str(caught.value) + repr(caught.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key in one file, made by openssl."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    options = (
        "-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
        "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        ["openssl", "req", *options.split(), "-keyout", str(path), "-out", f"{path}.crt"],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + Path(f"{path}.crt").read_bytes())
    return path


@pytest.fixture
def tls_marathon(certificate: Path) -> Iterator[RecordedServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serving(context) as server:
        server.on("GET", "/ping", body=b"pong")
        yield server


def test_a_certificate_of_an_unknown_authority_is_named_with_a_remedy(
    tls_marathon: RecordedServer,
) -> None:
    with pytest.raises(MarathonUnavailableError, match="self-signed certificate") as caught:
        client_of(tls_marathon).ping()

    assert "--ca-bundle" in caught.value.remedy


def test_a_given_authority_is_trusted(tls_marathon: RecordedServer, certificate: Path) -> None:
    assert client_of(tls_marathon, ca_bundle=f"{certificate}.crt").ping()


def test_https_to_a_port_that_speaks_http_is_said(marathon: RecordedServer) -> None:
    connection = Connection(urls=(marathon.url.replace("http", "https"),))

    with pytest.raises(MarathonUnavailableError, match="does not speak TLS") as caught:
        MarathonClient(connection).ping()

    assert "http://" in caught.value.remedy
