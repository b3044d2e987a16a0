"""One cluster as it was observed at one moment, Marathon beside the RM: the input of a decision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pamesos.core import names
from pamesos.core.jobs import RunningTask
from pamesos.core.observed import AppView, GroupView, Health, QueueView, TaskView
from pamesos.core.rm import RmNode


@dataclass(frozen=True)
class NodeTask:
    """A task of the nodes tier and the entries that the RM has for its process."""

    app: AppView
    task: TaskView
    entries: tuple[RmNode, ...]

    @property
    def known(self) -> bool:
        """Whether any of its nodes is alive in the RM.

        One is enough: all workers of a task share one JVM, and an administrator may have removed
        some of them on purpose.
        """
        return any(node.state.alive for node in self.entries)

    @property
    def declared_dead(self) -> bool:
        """Whether the RM knew the process and says that it is gone."""
        return bool(self.entries) and all(node.state.dead for node in self.entries)

    @property
    def undecided(self) -> bool:
        """Whether the RM lists it in a state that is neither alive nor dead (being deployed)."""
        return bool(self.entries) and not self.known and not self.declared_dead


@dataclass(frozen=True)
class ClusterSnapshot:
    """``group`` None: Marathon could not be read. ``rm_nodes`` None: the RM could not be read."""

    group: GroupView | None
    queue: Mapping[str, QueueView] = field(default_factory=dict)
    rm_nodes: tuple[RmNode, ...] | None = None
    marathon_problem: str = ""
    rm_problem: str = ""
    #: What the Scheduler has on nodes; None: not asked (only after it moved), or unreadable.
    workflow_tasks: tuple[RunningTask, ...] | None = None

    @property
    def apps(self) -> tuple[AppView, ...]:
        return self.group.apps if self.group is not None else ()

    def tier(self, tier: str) -> tuple[AppView, ...]:
        """Return the apps of a tier, by their label; none if the group has no such tier."""
        return tuple(app for app in self.apps if app.labels.get(names.LABEL_TIER) == tier)

    def node_tasks(self) -> Iterator[NodeTask]:
        """Yield the running tasks of the nodes tier, each with its entries in the RM."""
        by_process: dict[str, list[RmNode]] = {}
        for node in self.rm_nodes or ():
            by_process.setdefault(names.process_of_node(node.name), []).append(node)
        for app in self.tier(names.TIER_NODES):
            source = app.labels.get(names.LABEL_NODE_SOURCE, "")
            for task in app.running_tasks():
                process = names.node_name(source, task.id)
                if process is not None:
                    yield NodeTask(app, task, tuple(by_process.get(process, ())))

    def orphans(self) -> Iterator[RmNode]:
        """Yield the dead RM nodes of our node sources whose task Marathon does not have any more.

        Only names that pamesos gave are considered: a node that somebody else added is not ours.
        """
        sources: set[str] = set()
        living: set[str | None] = set()
        for app in self.tier(names.TIER_NODES):
            source = app.labels.get(names.LABEL_NODE_SOURCE, "")
            sources.add(source)
            # An UNREACHABLE task may still work for the RM: only a terminal one is gone.
            living.update(
                names.node_name(source, task.id) for task in app.tasks if not task.terminal
            )
        for node in self.rm_nodes or ():
            process = names.process_of_node(node.name)
            ours = names.source_of_process(process) in sources
            if node.state.dead and ours and process not in living:
                yield node


def is_ready(app: AppView) -> bool:
    """Whether every wanted instance runs this definition and, where it is checked, is healthy."""
    good = [
        task
        for task in app.running_tasks()
        if app.health_checks == 0 or task.health(app.health_checks) is Health.HEALTHY
    ]
    return app.instances > 0 and len(good) >= app.instances
