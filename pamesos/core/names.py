"""Ids, labels and node names: the one place that spells them, and that reads them back."""

from __future__ import annotations

import re

LABEL_CLUSTER = "org.pamesos.cluster"
LABEL_TIER = "org.pamesos.tier"
LABEL_NODE_SOURCE = "org.pamesos.node-source"
LABEL_WORKERS = "org.pamesos.workers"
LABEL_HASH = "org.pamesos.hash"
LABEL_VERSION = "org.pamesos.version"
#: Base URL of the ProActive REST API, on the scheduler's app: ``http://host:port/rest``.
LABEL_REST = "org.pamesos.rest"
#: ``true`` where the app runs the stand-in and not the real ProActive.
LABEL_STAND_IN = "org.pamesos.stand-in"
#: How the cluster is watched: numbers as text, times in seconds (core.policy says what each means).
LABEL_WATCH = "org.pamesos.watch."
LABEL_WATCH_GRACE = LABEL_WATCH + "grace"
LABEL_WATCH_REGISTER_GRACE = LABEL_WATCH + "register-grace"
LABEL_WATCH_BUDGET = LABEL_WATCH + "budget"
LABEL_WATCH_WINDOW = LABEL_WATCH + "window"
LABEL_WATCH_MASS_SHARE = LABEL_WATCH + "mass-share"
LABEL_WATCH_KILLS_PER_MINUTE = LABEL_WATCH + "kills-per-minute"
LABEL_WATCH_AGENT_FAILURES = LABEL_WATCH + "agent-failures"
LABEL_WATCH_DRAIN_DEADLINE = LABEL_WATCH + "drain-deadline"

TIER_DATABASE = "database"
TIER_SCHEDULER = "scheduler"
TIER_NODES = "nodes"
#: In the order of dependency; ``destroy`` goes backwards.
TIERS = (TIER_DATABASE, TIER_SCHEDULER, TIER_NODES)

#: facts/marathon.md 23: ``proactive_nodes.instance-<uuid>._app.N``.
_TASK_ID = re.compile(
    r"^(?P<app>.+)\.instance-(?P<uuid>[0-9a-f-]{36})\._app\.(?P<incarnation>\d+)$"
)
_PROCESS = re.compile(r"^(?P<source>.+)-[0-9a-f]{8}-\d+$")
#: A process with W > 1 workers registers NAME_0 … NAME_{W-1} (facts/proactive.md 3).
_WORKER = re.compile(r"_\d+$")


def group_id(cluster: str) -> str:
    """Return the Marathon group of a cluster: ``small`` becomes ``/small``."""
    return "/" + cluster.strip("/")


def app_id(group: str, tier: str, node_source: str | None = None) -> str:
    """Return ``/small/database``, ``/small/scheduler`` or ``/small/<node source>``.

    All in one group: Marathon 1.11 refuses a PUT whose body names a nested group that exists
    already ("enforceRole cannot be modified", recordings/marathon-fuzz), so a cluster with nested
    groups could be submitted only once.
    """
    return f"{group}/{node_source or tier}"


def node_name(node_source: str, task_id: str) -> str | None:
    """Return the name that the node process of this Marathon task registers with in the RM.

    ``<node source>-<first 8 digits of the instance>-<incarnation>``: the incarnation is part of it
    because a relaunch keeps the instance (facts/stack.md, 1) and a dead node's entry stays in the
    RM (11), so that an old entry is never taken for the new task. With W > 1 workers the RM lists
    ``<name>_0`` to ``<name>_{W-1}``. None if the task id has another shape.
    """
    match = _TASK_ID.match(task_id)
    if match is None:
        return None
    return f"{node_source}-{match['uuid'][:8]}-{match['incarnation']}"


def instance_of_task(task_id: str) -> str:
    """Return the part of a task id that a relaunch keeps (facts/stack.md 1); all if foreign."""
    return task_id.rpartition("._app.")[0] or task_id


def process_of_node(node: str) -> str:
    """Return the name its process registered with: ``default-1f3c2a9b-1_0`` is of worker 0."""
    return _WORKER.sub("", node)


def source_of_process(process: str) -> str | None:
    """Return the node source of a name that :func:`node_name` made; None for any other name."""
    match = _PROCESS.match(process)
    return match["source"] if match else None


def shell_node_name(node_source: str) -> str:
    """Return POSIX shell lines that set ``NODE_NAME`` to :func:`node_name` inside the task."""
    return (
        'instance="${MESOS_TASK_ID#*.instance-}"\n'
        f'NODE_NAME="{node_source}-${{instance%%-*}}-${{instance##*.}}"'
    )
