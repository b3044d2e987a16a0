"""A workflow task that the watcher puts back runs anew: eye, actor and journal on a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pamesos.clients.marathon import MarathonClient
from pamesos.clients.proactive import Credentials, NodeState, ProActiveClient
from pamesos.core.actions import PreemptTask
from pamesos.core.connection import Connection
from pamesos.engine.watching.act import Actor
from pamesos.engine.watching.hold import FileStore, Orders
from pamesos.engine.watching.journal import FileLines, Journal
from pamesos.engine.watching.leader import Alone, Gate
from pamesos.engine.watching.rm_eye import RmEye
from tests.conftest import wait_for
from tests.contract.standin import StandIn, standing_in, task


@pytest.fixture
def stand_in(tmp_path) -> Iterator[StandIn]:
    with standing_in(tmp_path) as running:
        running.start_server()
        running.start_node("n1")
        yield running


def test_a_workflow_task_is_put_back_once_and_only_while_it_is_the_same_run(stand_in, tmp_path):
    client = stand_in.client()
    stand_in.wait_for_states(client, n1=NodeState.FREE)
    starts = tmp_path / "starts"
    script = f"echo x >> {starts}; while [ ! -e {tmp_path}/go ]; do sleep 0.1; done"
    job = client.submit(stand_in.workflow(task("held", script)))
    wait_for(starts.exists, what="the task runs")
    eye = RmEye(
        lambda url: ProActiveClient(url, Credentials()), interval_s=0.1, on_change=lambda: None
    )
    eye.wants_tasks = True
    eye.look_at(stand_in.url)
    eye.start()
    try:
        (ghost,) = wait_for(eye.tasks, what="the eye sees the task")
        assert (ghost.job_id, ghost.name, ghost.node) == (job, "held", "n1")
        assert ghost.started_at is not None

        lines = FileLines(tmp_path / "state")
        actor = Actor(
            MarathonClient(Connection(urls=("http://127.0.0.1:1",))),
            eye,
            Journal(lines, "/small"),
            Gate("/small", Alone(), Orders(FileStore(tmp_path / "state"))),
            clock=lambda: datetime.now(UTC),
        )
        assert actor.act(PreemptTask(ghost, "it began before the scheduler moved"))
        wait_for(lambda: len(starts.read_text()) == 4, what="the task runs again")

        assert not actor.act(PreemptTask(ghost, "an old view"))
        other = replace(ghost, name="never-was")
        assert not actor.act(PreemptTask(other, "an unknown task"))

        (entry,) = Journal(lines, "/small").entries()
        assert (entry.action, entry.outcome) == ("workflow_task.preempted", "done")
        assert entry.fields["workflow_task"] == "held"
        lines.close()
    finally:
        eye.stop()
    (tmp_path / "go").touch()
    assert stand_in.wait_for_end(client, job).state.value == "FINISHED"
    assert starts.read_text() == "x\nx\n"
