"""Nodes of a cluster in real containers: they join, work, and leave nothing."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.harness import NODES, ROOT, QuickCluster, wait_until
from tests.local.containers import IMAGE, names, need_engine

pytestmark = pytest.mark.docker

#: What the stand-in needs of this machine, seen from inside: the image has a shell and no Python.
_NEEDED = ("/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix, str(ROOT))


@pytest.fixture
def engine() -> None:
    """Skip without Docker before a cluster is started."""
    need_engine()


def _put_into_containers(cluster: QuickCluster) -> str:
    folders = [path for path in dict.fromkeys(_NEEDED) if Path(path).is_dir()]
    volumes = [{"hostPath": each, "containerPath": each, "mode": "RO"} for each in folders]
    container = {"type": "DOCKER", "docker": {"image": IMAGE}, "volumes": volumes}
    search = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    change = {"container": container, "env": {"PATH": search}, "mem": 256}
    request = urllib.request.Request(
        f"{cluster.url}/v2/apps/{NODES}",
        method="PATCH",
        data=json.dumps(change).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["deploymentId"])


@pytest.mark.timeout(240)
def test_nodes_in_containers_join_and_run_a_workflow(engine: None, cluster: QuickCluster) -> None:
    before = set(cluster.tasks(NODES))
    _put_into_containers(cluster)
    wait_until(lambda: not cluster.get("/v2/deployments"), "the nodes run in containers", 120)
    tasks = cluster.tasks(NODES)
    assert len(tasks) == 3
    assert not before & set(tasks)
    assert all(len(names(task)) == 1 for task in tasks)
    marks = [task.partition(".instance-")[2].partition("-")[0] for task in tasks]

    def free() -> set[str]:
        found = [node for node in cluster.rm_nodes() if node.state.value.lower() == "free"]
        return {mark for mark in marks if sum(mark in node.name for node in found) == 2}

    wait_until(lambda: free() == set(marks), "two RM nodes of each container are free", 90)
    report = cluster.run_workflow("hello.xml")
    assert report["job"]["state"] == "FINISHED"
