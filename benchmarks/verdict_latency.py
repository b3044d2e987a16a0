"""How long after the last task is ready does ``submit`` know it?

Each round submits a group of three apps in order, with health checks, to the embedded Marathon and
compares the time of the verdict with the time that Marathon itself gives to the last change to
healthy (same machine, same clock). Goal: 50 ms; peers need 0.7 to 1.6 s.

    python benchmarks/verdict_latency.py [--rounds 10] [--marathon URL] [--json]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pamesos.clients.events import Event, EventStream, Item
from pamesos.clients.marathon import MarathonClient
from pamesos.core.connection import Connection
from pamesos.core.verdict import Succeeded
from pamesos.engine.lifecycle import destroy
from pamesos.engine.submit import submit

GOAL_MS = 50.0
HEALTHY = "instance_health_changed_event"


def app(name: str, instances: int, *dependencies: str) -> dict[str, Any]:
    """An app that is healthy as soon as its port is open, about 100 ms after its start."""
    return {
        "id": f"/latency/{name}",
        "cmd": f"exec {sys.executable} -m http.server --bind 127.0.0.1 $PORT0",
        "cpus": 0.01,
        "mem": 16,
        "instances": instances,
        "dependencies": [f"/latency/{dependency}" for dependency in dependencies],
        "portDefinitions": [{"port": 0, "name": "web", "protocol": "tcp"}],
        "healthChecks": [
            {
                "protocol": "MESOS_TCP",
                "portIndex": 0,
                "delaySeconds": 0,
                "intervalSeconds": 1,
                "gracePeriodSeconds": 30,
            }
        ],
    }


GROUP = {
    "id": "/latency",
    "apps": [app("database", 1), app("scheduler", 1, "database"), app("nodes", 3, "scheduler")],
}


@contextlib.contextmanager
def embedded_marathon() -> Iterator[str]:
    """Run ``pamesos local`` and yield its URL."""
    with tempfile.TemporaryDirectory() as state_dir:
        command = [sys.executable, "-m", "pamesos", "local", "--port", "0"]
        process = subprocess.Popen(
            [*command, "--state-dir", state_dir], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
            process.wait()


def one_round(url: str) -> float:
    """Return the delay of one verdict in milliseconds."""
    ready_at: list[datetime] = []

    def hear(item: Item) -> None:
        if isinstance(item, Event) and item.type == HEALTHY and item.data.get("healthy"):
            ready_at.append(datetime.fromisoformat(item.data["timestamp"]))

    connection = Connection(urls=(url,))
    client = MarathonClient(connection)
    with EventStream(connection, on_item=hear, event_types=(HEALTHY,)) as stream:
        stream.wait_connected(10)
        outcome = submit(client, GROUP, timeout=timedelta(seconds=60))
        verdict_at = datetime.now(UTC)
        if not isinstance(outcome.verdict, Succeeded):
            raise SystemExit(f"no success: {outcome.verdict}")
        time.sleep(0.2)  # the other stream may be behind
    destroy(client, "latency", timeout=timedelta(seconds=60))
    return (verdict_at - max(ready_at)).total_seconds() * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--marathon", help="measure on this Marathon instead of the embedded one")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    given = contextlib.nullcontext(arguments.marathon)
    with given if arguments.marathon else embedded_marathon() as url:
        delays = sorted(one_round(url) for _ in range(arguments.rounds))
    figures = {
        "rounds": len(delays),
        "median_ms": round(statistics.median(delays), 1),
        "max_ms": round(delays[-1], 1),
        "goal_ms": GOAL_MS,
    }
    if arguments.json:
        print(json.dumps(figures))
    else:
        print(
            "verdict after the last task is ready: median {median_ms} ms, max {max_ms} ms "
            "({rounds} rounds, goal {goal_ms:g} ms)".format(**figures)
        )
    sys.exit(0 if delays[-1] <= GOAL_MS else 1)


if __name__ == "__main__":
    main()
