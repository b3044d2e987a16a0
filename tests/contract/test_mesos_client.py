"""Sandboxes are found and read as recorded from a real Mesos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from pamesos.clients.mesos import MesosClient
from pamesos.core.connection import Connection
from pamesos.core.observed import TaskView
from pamesos.errors import MesosUnavailableError, NotFoundError
from tests.contract.recorded_server import RecordedServer, Request, exchanges, serving

FILE = "stack/09-mesos-endpoints.jsonl"
TASK = "pa_nodes.instance-477ddac8-e692-11f1-b2da-729e5334f0e6._app.2"
AGENT = "23ceeb9b-eb67-4dc8-9050-f83536d489c3-S0"
DIRECTORY = (
    f"/var/lib/mesos/agent-1/slaves/{AGENT}/frameworks/"
    "23ceeb9b-eb67-4dc8-9050-f83536d489c3-0000/executors/"
    f"{TASK}/runs/550132fc-b7e4-4390-96b3-72072aa74cb1"
)


def of(path: str, server: str) -> Any:
    return next(
        exchange["response_body"]
        for exchange in exchanges(FILE)
        if exchange["path"] == path and exchange["server"] == server
    )


@pytest.fixture
def mesos() -> Iterator[RecordedServer]:
    """Master and agent in one; the recorded agent's address is replaced by this server's."""
    with serving() as server:
        slaves = of("/slaves", "127.0.0.1:5050")
        for slave in slaves["slaves"]:
            slave["pid"] = f"slave(1)@{server.host}"
        server.on("GET", "/slaves", body=slaves)
        server.on("GET", "/state", body=of("/state", "127.0.0.11:5055"))
        yield server


def client_of(server: RecordedServer) -> MesosClient:
    return MesosClient(f"{server.url}/", Connection(user="ops", password="s3cret"))


def task(task_id: str = TASK, agent_id: str = AGENT) -> TaskView:
    return TaskView(task_id, "/pa/nodes", "TASK_RUNNING", agent_id=agent_id)


def test_the_sandbox_of_a_running_task_is_found(mesos: RecordedServer) -> None:
    sandbox = client_of(mesos).find_sandbox(task())

    assert (sandbox.agent_url, sandbox.directory) == (mesos.url, DIRECTORY)


def test_the_sandbox_of_a_task_that_ended_is_found(mesos: RecordedServer) -> None:
    state = of("/state", "127.0.0.11:5055")
    ended = state["frameworks"][0]["completed_executors"][0]

    assert client_of(mesos).find_sandbox(task(ended["id"])).directory == ended["directory"]


def test_marathons_credentials_are_not_sent_to_mesos(mesos: RecordedServer) -> None:
    client_of(mesos).find_sandbox(task())

    assert all("Authorization" not in request.headers for request in mesos.requests)


def test_a_file_is_read_in_pieces_whatever_bytes_it_holds(mesos: RecordedServer) -> None:
    content = "grüße ".encode() + b"\xff\x00 end"

    def read(request: Request) -> bytes:
        query = dict(request.query)
        offset, length = int(query["offset"]), int(query.get("length", 0))
        assert query["path"] == f"{DIRECTORY}/stdout"
        if offset == -1:
            return b'{"data":"","offset":%d}' % len(content)
        piece = content[offset : offset + length].replace(b"\x00", b"\\u0000")
        return b'{"data":"%s","offset":%d}' % (piece, offset)

    mesos.on("GET", "/files/read", then=read)
    client = client_of(mesos)
    sandbox = client.find_sandbox(task())

    pieces, offset = [], 0
    while piece := client.read(sandbox, "stdout", offset, 3):  # cuts through characters
        pieces.append(piece)
        offset += len(piece)

    assert client.size(sandbox, "stdout") == len(content)
    assert b"".join(pieces) == content


def test_a_forgotten_task_and_a_gone_agent_are_said(mesos: RecordedServer) -> None:
    client = client_of(mesos)

    with pytest.raises(NotFoundError, match="keeps no sandbox"):
        client.find_sandbox(task("pa_nodes.other"))
    with pytest.raises(NotFoundError, match="does not list agent"):
        client.find_sandbox(task(agent_id="S9"))


def test_a_missing_file_is_not_found(mesos: RecordedServer) -> None:
    mesos.on("GET", "/files/read", status=404, headers={"Content-Type": "text/plain"})
    client = client_of(mesos)

    with pytest.raises(NotFoundError, match="no such file"):
        client.read(client.find_sandbox(task()), "stdout", 0)


def test_an_agent_that_wants_credentials_is_named(mesos: RecordedServer) -> None:
    mesos.on("GET", "/slaves", status=401)

    with pytest.raises(MesosUnavailableError, match="HTTP 401 on /slaves"):
        client_of(mesos).find_sandbox(task())
