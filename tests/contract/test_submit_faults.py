"""Submitting through bad weather: lost answers, a closed stream, a slow or silent Marathon."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from pamesos.clients.marathon import MarathonClient
from pamesos.core.connection import Connection
from pamesos.core.verdict import Cancelled, Succeeded, TimedOut
from pamesos.engine.submit import Notices, Outcome, submit
from pamesos.errors import MarathonUnavailableError, PamesosError
from tests.contract.recorded_server import RecordedServer, Request, Stream, recorded, serving

OLD = "2026-11-22T10:00:00.000Z"
NEW = "2026-11-22T11:00:00.000Z"
NEWER = "2026-11-22T12:00:00.000Z"
GROUP = {"id": "/pa", "apps": [{"id": "/pa/nodes", "labels": {"org.pamesos.hash": "h"}}]}
GROUP["apps"][0]["instances"] = 2  # type: ignore[index]


class Scene:
    """A Marathon with one group, made of recorded replies; a test moves it on."""

    def __init__(self, server: RecordedServer) -> None:
        self.server = server
        root = recorded("stack/01-deploy.jsonl", "GET", "/v2/groups", nth=-1)
        apps = root["groups"][0]["apps"]
        self.app: dict[str, Any] = next(app for app in apps if app["id"] == "/pa/nodes")
        self.app["labels"] = {"org.pamesos.hash": "h"}
        self.exists = False
        self.deployments: list[dict[str, Any]] = []
        self.stream: Stream = server.stream()
        server.on("GET", "/v2/groups/pa", then=lambda _: self._group())
        server.on("GET", "/v2/apps/pa/nodes", then=lambda _: self._app())
        server.on("GET", "/v2/deployments", then=lambda _: copy.deepcopy(self.deployments))
        server.on("GET", "/v2/queue", body={"queue": []})
        server.on("PUT", "/v2/groups/pa", then=self.accept)

    def _group(self) -> Any:
        missing = (404, {"message": "Group '/pa' does not exist", "details": []})
        return {"id": "/pa", "version": NEW, "apps": [self.app]} if self.exists else missing

    def _app(self) -> Any:
        missing = (404, {"message": "App '/pa/nodes' does not exist", "details": []})
        return {"app": self.app} if self.exists else missing

    def accept(self, request: Request) -> Any:
        """Carry out a PUT: the deployment begins, nothing runs yet."""
        self.exists = True
        self.tasks, self.app["tasks"] = self.app["tasks"], []
        self.set_version(NEW)
        self.deployments = [{"id": "d-1", "version": NEW, "affectedApps": ["/pa/nodes"]}]
        return {"deploymentId": "d-1", "version": NEW}

    def set_version(self, version: str) -> None:
        self.app["version"] = version
        self.app["versionInfo"] = {"lastScalingAt": version, "lastConfigChangeAt": version}
        for task in self.app["tasks"]:
            task["version"] = version

    def come_up(self) -> None:
        """All tasks run and are healthy, and the deployment ends; only events tell."""
        self.app["tasks"] = self.tasks
        self.set_version(NEW)
        self.deployments = []
        self.stream.send("instance_health_changed_event", {"runSpecId": "/pa/nodes"})
        self.stream.send("deployment_success", {"id": "d-1"})


@pytest.fixture
def scene() -> Iterator[Scene]:
    with serving() as server:
        yield Scene(server)


class Submission:
    """A submit that runs in the background; ``sent`` is set once Marathon has answered."""

    def __init__(self, scene: Scene, timeout_s: float = 20.0) -> None:
        connection = Connection(urls=(scene.server.url,), retry_budget_s=2.0)
        self.sent = threading.Event()
        self.lines: list[str] = []
        self.outcome: Outcome | PamesosError | None = None
        self.ended_at = 0.0
        self._run = lambda: submit(
            MarathonClient(connection),
            GROUP,
            timeout=timedelta(seconds=timeout_s),
            notices=Notices(
                on_sent=lambda *_: self.sent.set(),
                on_progress=lambda app_id, words: self.lines.append(f"{app_id} {words}"),
                on_note=self.lines.append,
            ),
        )
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    def _keep(self) -> None:
        try:
            self.outcome = self._run()
        except PamesosError as error:
            self.outcome = error
        self.ended_at = time.monotonic()

    def end(self) -> Any:
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.outcome

    def verdict(self) -> Any:
        outcome = self.end()
        assert isinstance(outcome, Outcome), outcome
        return outcome.verdict


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_verdict_comes_with_the_event_and_not_with_the_next_poll(scene: Scene) -> None:
    submission = Submission(scene)
    assert submission.sent.wait(10)
    until(lambda: scene.server.sent("GET", "/v2/events"))

    ready_at = time.monotonic()
    scene.come_up()

    assert isinstance(submission.verdict(), Succeeded)
    assert submission.ended_at - ready_at < 1.0  # the slow read comes after 5 s
    assert submission.lines[-1] == "/pa/nodes 2/2 running, 2/2 healthy"


def test_only_what_rang_is_read_again(scene: Scene) -> None:
    submission = Submission(scene)
    assert submission.sent.wait(10)
    groups = len(scene.server.sent("GET", "/v2/groups"))

    scene.stream.send("status_update_event", {"appId": "/else/app"})
    scene.come_up()
    submission.end()

    assert len(scene.server.sent("GET", "/v2/groups")) == groups
    assert scene.server.sent("GET", "/v2/apps/else") == []


def test_without_an_event_stream_reads_find_the_end(scene: Scene) -> None:
    scene.server.on("GET", "/v2/events", status=404, body={"message": "no"})
    submission = Submission(scene)
    assert submission.sent.wait(10)

    scene.come_up()

    assert isinstance(submission.verdict(), Succeeded)
    assert "event stream is not open" in submission.lines[0]


def test_a_stream_that_closes_loses_nothing(scene: Scene) -> None:
    submission = Submission(scene)
    assert submission.sent.wait(10)
    closed, scene.stream = scene.stream, scene.server.stream()
    scene.app["tasks"] = scene.tasks
    scene.set_version(NEW)
    scene.deployments = []

    closed.close()

    assert isinstance(submission.verdict(), Succeeded)


def test_a_leader_gap_while_following_is_sat_out(scene: Scene) -> None:
    submission = Submission(scene)
    assert submission.sent.wait(10)
    for path in ("/v2/apps/pa/nodes", "/v2/deployments"):
        scene.server.on("GET", path, status=500, times=2)

    scene.come_up()

    assert isinstance(submission.verdict(), Succeeded)


def test_an_answer_that_was_lost_after_the_change_is_found_by_looking(scene: Scene) -> None:
    scene.server.on("PUT", "/v2/groups/pa", hang_up=True, then=scene.accept, times=1)
    submission = Submission(scene)
    assert submission.sent.wait(15)

    scene.come_up()

    outcome = submission.end()
    assert isinstance(outcome.verdict, Succeeded)
    assert outcome.submitted.deployment_id == "d-1"
    assert len(scene.server.sent("PUT")) == 1


def test_a_change_that_was_lost_on_its_way_is_sent_again_after_looking(scene: Scene) -> None:
    scene.server.on("PUT", "/v2/groups/pa", status=502, times=1)
    submission = Submission(scene)
    assert submission.sent.wait(20)

    scene.come_up()

    assert isinstance(submission.verdict(), Succeeded)
    assert len(scene.server.sent("PUT")) == 2


def test_a_lost_answer_is_not_mistaken_for_somebody_elses_change(scene: Scene) -> None:
    def somebody_else(request: Request) -> Any:
        scene.accept(request)
        scene.app["labels"] = {"org.pamesos.hash": "another"}

    scene.server.on("PUT", "/v2/groups/pa", hang_up=True, then=somebody_else, times=1)

    error = Submission(scene).end()

    assert isinstance(error, PamesosError)
    assert "somebody else" in error.problem
    assert len(scene.server.sent("PUT")) == 1


def test_an_unreachable_marathon_is_told_before_anything_is_sent() -> None:
    with serving() as server:
        url = server.url
    client = MarathonClient(Connection(urls=(url,)))

    with pytest.raises(MarathonUnavailableError, match="refused"):
        submit(client, GROUP, timeout=timedelta(seconds=5))


def test_a_cancelled_deployment_is_told_at_once(scene: Scene) -> None:
    submission = Submission(scene)
    assert submission.sent.wait(10)
    scene.app["tasks"] = []
    scene.set_version(OLD)
    scene.deployments = [{"id": "d-2", "version": OLD, "affectedApps": ["/pa/nodes"]}]
    event = {"id": "d-1", "reason": "The upgrade has been cancelled", "plan": {"id": "d-1"}}

    scene.stream.send("deployment_failed", event)

    assert isinstance(submission.verdict(), Cancelled)


def test_the_refusal_of_somebody_elses_change_is_not_ours(scene: Scene) -> None:
    # Fact 16: a 409 emits deployment_failed with a fresh id.
    submission = Submission(scene)
    assert submission.sent.wait(10)

    scene.stream.send("deployment_failed", {"id": "d-9", "reason": "App is locked"})
    scene.come_up()

    assert isinstance(submission.verdict(), Succeeded)


def test_the_deadline_ends_the_wait_with_a_cause(scene: Scene) -> None:
    verdict = Submission(scene, timeout_s=0.5).verdict()

    assert isinstance(verdict, TimedOut)
    assert "/pa/nodes: 0 of 2 run" in verdict.cause
