"""Time from description to Marathon group: 100 clusters of 10 node sources; goal 0.5 s."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from pamesos.config.description import load, submission

CLUSTERS = 100
DESCRIPTION = {
    "name": "bench",
    "proactive": {"home": "/opt/proactive"},
    "database": {
        "kind": "postgresql",
        "host": "agent-1",
        "credentials": {"password": "bench"},
        "volume": "/data",
    },
    "scheduler": {"host": "agent-1"},
    "nodeSources": [
        {"name": f"source-{number}", "nodes": 5, "resources": {"cpus": 1, "mem": "1GiB"}}
        for number in range(10)
    ],
}


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "bench.json"
        path.write_text(json.dumps(DESCRIPTION))
        description = load(path, environ={}).description
        assert description is not None
        started = time.perf_counter()
        for _ in range(CLUSTERS):
            json.dumps(load(path, environ={}).group)
        read = time.perf_counter()
        for _ in range(CLUSTERS):
            json.dumps(submission(description, "bench").group)
        rendered = time.perf_counter()
    print(f"{CLUSTERS} clusters: read, checked and rendered in {read - started:.3f} s")
    print(f"{CLUSTERS} clusters: translated and rendered in {rendered - read:.3f} s")


if __name__ == "__main__":
    main()
