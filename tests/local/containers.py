"""What tests with real containers need: an engine, a tiny image, and apps that use it."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.local.api import Json

#: Made here from the machine's static busybox: no registry is asked for anything.
IMAGE = "pamesos/test-box:2"
_COMMANDS = "cat echo env grep hostname httpd id kill ls mkdir nc pwd sh sleep sort test touch wget"


def docker(*arguments: str, stdin: bytes = b"") -> str:
    """Run ``docker`` and return what it printed; a failure fails the test."""
    answer = subprocess.run(["docker", *arguments], input=stdin, capture_output=True, check=False)
    assert answer.returncode == 0, answer.stderr.decode()
    return answer.stdout.decode()


def need_engine() -> None:
    """Skip the test where there is no Docker Engine, or nothing to make an image of."""
    if shutil.which("docker") is None:
        pytest.skip("needs Docker: there is no docker command")
    asked = subprocess.run(["docker", "version"], capture_output=True, check=False)
    if asked.returncode != 0:
        pytest.skip(f"needs Docker Engine: {asked.stderr.decode().strip()}")
    if subprocess.run(["docker", "image", "inspect", IMAGE], capture_output=True).returncode == 0:
        return
    busybox = shutil.which("busybox")
    if busybox is None:
        pytest.skip("needs a static busybox to make an image of (package busybox-static)")
    docker("import", "-", IMAGE, stdin=_image(Path(busybox)))


def _image(busybox: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in ("bin", "tmp", "etc"):
            directory = tarfile.TarInfo(name)
            directory.type, directory.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(directory)
        tar.add(busybox, "bin/busybox")
        for command in _COMMANDS.split():
            link = tarfile.TarInfo(f"bin/{command}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return packed.getvalue()


def in_container(app_id: str, cmd: str = "exec sleep 600", **fields: Any) -> Json:
    """Return a small app in a container; ``docker`` and ``container`` are merged into it."""
    docker_part = {"image": IMAGE, **fields.pop("docker", {})}
    container = {"type": "DOCKER", "docker": docker_part, **fields.pop("container", {})}
    base: Json = {"id": app_id, "cpus": 0.1, "mem": 32, "backoffSeconds": 0, "container": container}
    if "args" not in fields:
        base["cmd"] = cmd
    return base | {"taskKillGracePeriodSeconds": 1} | fields


def container_of(task: Json) -> Json:
    """Return ``docker inspect`` of a task's container."""
    [name] = names(task["id"])
    [shown] = json.loads(docker("inspect", name))
    found: Json = shown
    return found


def names(task_id: str) -> list[str]:
    """Return the names of a task's containers, whatever their state."""
    labelled = f"label=MESOS_TASK_ID={task_id}"
    return docker("ps", "--all", "--filter", labelled, "--format", "{{.Names}}").split()


def of_state_dir(state_dir: Path) -> list[str]:
    """Return the names of all containers whose sandbox is below a state directory."""
    rows = docker("ps", "--all", "--no-trunc", "--format", "{{.Names}}\t{{.Mounts}}").splitlines()
    return [row.split("\t")[0] for row in rows if f"{state_dir}/" in row]
