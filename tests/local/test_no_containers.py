"""What becomes of apps with an image where no container can be had; needs no Docker itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.conftest import LocalMarathon, wait_for
from tests.local.api import Api, Json, app


def _with_image(kind: str = "DOCKER") -> Json:
    container = {"type": kind, "docker": {"image": "some/image:1"}}
    return app("a", container=container, backoffSeconds=300)


def _message(marathon: LocalMarathon) -> str:
    api = Api(marathon.url)

    def look() -> Json | None:
        found: Json | None = api.app("/t/a", "lastTaskFailure").get("lastTaskFailure")
        return found

    return str(wait_for(look, 40, "a failure")["message"])


@pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker command")
def test_without_an_engine_the_task_fails_and_says_where_one_was_looked_for(
    local_marathon: LocalMarathon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_marathon.stop()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    local_marathon.start()
    Api(local_marathon.url).put_group(_with_image())
    start = "Failed to launch container: image some/image:1 needs Docker Engine, and none answers"
    assert _message(local_marathon).startswith(f"{start} at unix://{tmp_path}/none.sock: ")


def test_without_the_command_the_task_fails_and_says_so(
    local_marathon: LocalMarathon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_marathon.stop()
    monkeypatch.setenv("PATH", str(tmp_path))
    local_marathon.start()
    Api(local_marathon.url).put_group(_with_image())
    assert _message(local_marathon) == (
        "Failed to launch container: image some/image:1 needs Docker Engine,"
        " and there is no docker command on this machine"
    )


def test_the_containerizer_of_mesos_is_not_there_and_the_task_says_so(
    local_marathon: LocalMarathon, api: Api
) -> None:
    api.put_group(_with_image("MESOS"))
    assert _message(local_marathon) == (
        "Failed to launch container: the Mesos containerizer is not here:"
        " image some/image:1 needs type DOCKER"
    )
