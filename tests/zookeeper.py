"""A real ZooKeeper server of its own for a test: Debian's package, a free port, a new directory."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

JAR = Path("/usr/share/java/zookeeper.jar")
MAIN = "org.apache.zookeeper.server.ZooKeeperServerMain"


@dataclasses.dataclass
class ZooKeeperServer:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"zk://127.0.0.1:{self.port}/pamesos"

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextlib.contextmanager
def zookeeper_server(work: Path, port: int) -> Iterator[ZooKeeperServer]:
    """Run a server until the end of the block; skip the test where there is none."""
    if shutil.which("java") is None or not JAR.exists():
        pytest.skip("no ZooKeeper: apt-get install zookeeper default-jre-headless")
    settings = work / "zoo.cfg"
    settings.write_text(
        f"tickTime=500\ndataDir={work}\nclientPort={port}\nclientPortAddress=127.0.0.1\n"
        "admin.enableServer=false\n"
    )
    command = ["java", "-Xmx128m", "-Dzookeeper.jmx.log4j.disable=true", "-cp"]
    with (work / "zookeeper.log").open("w") as log:
        process = subprocess.Popen(
            [*command, str(JAR), MAIN, str(settings)], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        yield ZooKeeperServer(port, process)
    finally:
        process.kill()
        process.wait()
