"""The tasks of one cluster, Marathon's word beside the RM's; what is wrong comes first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pamesos.core import names
from pamesos.core.memory import Memory
from pamesos.core.observed import AppView, Health, TaskView
from pamesos.core.snapshot import ClusterSnapshot, NodeTask

#: More rows than this nobody reads; the healthy ones are left out first.
MAX_ROWS = 200


@dataclass(frozen=True)
class TaskRow:
    """One task; ``rm`` is empty where the RM is not asked for it."""

    task_id: str
    app_id: str
    host: str
    marathon: str
    rm: str
    since: datetime | None
    wrong: bool


@dataclass(frozen=True)
class TaskTable:
    """Rows in order; ``left_out`` of them, all well, are not listed."""

    rows: tuple[TaskRow, ...]
    left_out: int = 0


def task_table(snapshot: ClusterSnapshot, memory: Memory) -> TaskTable:
    """Return the rows of a cluster's tasks."""
    nodes = {node.task.id: node for node in snapshot.node_tasks()}
    rows = [
        _row(app, task, nodes.get(task.id), snapshot, memory)
        for app in snapshot.apps
        for task in app.tasks
    ]
    order = {tier: index for index, tier in enumerate(names.TIERS)}
    tiers = {app.id: order.get(app.labels.get(names.LABEL_TIER, ""), 9) for app in snapshot.apps}
    rows.sort(key=lambda row: (not row.wrong, tiers[row.app_id], row.app_id, row.task_id))
    return TaskTable(tuple(rows[:MAX_ROWS]), max(0, len(rows) - MAX_ROWS))


def _row(
    app: AppView, task: TaskView, node: NodeTask | None, snapshot: ClusterSnapshot, memory: Memory
) -> TaskRow:
    health = task.health(app.health_checks)
    word = task.state.removeprefix("TASK_").lower().replace("_", " ")
    checked = f", {health.value}" if app.health_checks and task.running else ""
    return TaskRow(
        task_id=task.id,
        app_id=app.id,
        host=task.host or "",
        marathon=word + checked,
        rm=_rm_word(node, snapshot),
        since=task.started_at or task.staged_at,
        wrong=not task.running or health is Health.UNHEALTHY or task.id in memory.suspects,
    )


def _rm_word(node: NodeTask | None, snapshot: ClusterSnapshot) -> str:
    if node is None:
        return ""
    if snapshot.rm_nodes is None:
        return "not readable"
    if not node.entries:
        return "never seen"
    states = sorted({entry.state.value.lower().replace("_", " ") for entry in node.entries})
    return f"{len(node.entries)} × {states[0]}" if len(states) == 1 else ", ".join(states)
