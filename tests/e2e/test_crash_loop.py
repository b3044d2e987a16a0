"""A node source that crashes again and again ends in a verdict, on real processes."""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.e2e.harness import NODES, wait_until

pytestmark = pytest.mark.timeout(180)


def given_up(log) -> list[str]:
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    return [e["reason"] for e in entries if e["event"] == "app.given_up" and e["app_id"] == NODES]


def test_a_crash_loop_ends_in_a_verdict_with_its_kind(cluster):
    with cluster.watched() as log:
        # What a wrong address, network or node source ends in (facts/proactive.md 3).
        broken = ["--set", "nodeSources.default.command=exit 47", "--set", "watch.budget=3"]
        cluster.submit(*broken, "--no-wait")
        (reason,) = wait_until(lambda: given_up(log), "the watcher gives up")

        assert reason.startswith("crash loop, at start: 4 failures within 10 min;")
        assert "4 × exit 47 (it cannot join the RM: address, network or node source)" in reason

        roll_back(cluster)
        wait_until(cluster.is_up, "the cluster is up again")


def roll_back(cluster) -> None:
    """Cancel the deployment that can never end: what ran before is wanted again."""
    for deployment in cluster.get("/v2/deployments"):
        url = f"{cluster.url}/v2/deployments/{deployment['id']}"
        urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=10).close()
