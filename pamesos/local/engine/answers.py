"""What the engine answers when it is only asked. Nothing here changes anything."""

from __future__ import annotations

from typing import Any

from pamesos.local.engine import views
from pamesos.local.engine.deploying import Deployments
from pamesos.local.engine.memory import Memory
from pamesos.local.health.monitor import Monitor
from pamesos.local.instances.model import Instance
from pamesos.local.instances.tracker import Tracker
from pamesos.local.launcher.agents import Agent, Fleet
from pamesos.local.launcher.queue import LaunchQueue
from pamesos.local.store.history import History
from pamesos.local.store.root import Root
from pamesos.local.store.root import render as render_group
from pamesos.local.times import now

#: The version of a root that nothing was ever put into.
NEVER = "1970-01-01T00:00:00.000Z"


class Answers:
    """The asking half of the engine; the parts are put in by the other half."""

    root: Root
    fleet: Fleet
    history: History
    tracker: Tracker
    queue: LaunchQueue
    memory: Memory
    monitor: Monitor
    deployments: Deployments

    def root_at(self, version: str) -> Root | None:
        """Return the whole tree as it was at a version."""
        return Root.empty(NEVER) if version == NEVER else self.history.root(version)

    def app_view(self, app_id: str, embed: frozenset[str]) -> dict[str, Any]:
        """Return an app as GET shows it.

        ``embed`` names what comes on top, with or without a prefix as ``app.``: ``counts``,
        ``deployments``, ``readiness``, ``tasks``, ``lastTaskFailure``, ``taskStats``.
        """
        names = {name.rpartition(".")[2] for name in embed}
        app = self.root.apps[app_id]
        shown = dict(app)
        instances = self.tracker.of_app(app_id)
        if "counts" in names:
            shown |= views.counts(instances, self.monitor)
        if "deployments" in names:
            shown["deployments"] = [{"id": i} for i in self.deployments.of_app(app_id)]
        if "readiness" in names:
            shown["readinessCheckResults"] = self._readiness(app_id)
        if "tasks" in names:
            shown["tasks"] = self.tasks_of(app_id)
        if "lastTaskFailure" in names and app_id in self.memory.failures:
            shown["lastTaskFailure"] = self.memory.failures[app_id]
        if "taskStats" in names:
            shown["tasksStats"] = views.task_stats(app, instances, self.monitor, now())
        return shown

    def tasks_of(self, app_id: str) -> list[dict[str, Any]]:
        """Return the tasks of an app as they are shown."""
        found = (self.task_view(instance) for instance in self.tracker.of_app(app_id))
        return [task for task in found if task is not None]

    def task_view(self, instance: Instance) -> dict[str, Any] | None:
        """Return a task as it is shown, None for an instance that never had one."""
        agent = None if instance.task is None else self.agent(instance.task.agent)
        return views.task_json(instance, agent, self.monitor.results(instance))

    def all_tasks(self) -> list[dict[str, Any]]:
        """Return the tasks of all apps; here, and only here, with their service ports."""
        found = ((i, self.task_view(i)) for i in self.tracker.all())
        return [{**task, "servicePorts": views.service_ports(i.app)} for i, task in found if task]

    @property
    def agents(self) -> tuple[Agent, ...]:
        """All agents, whatever state they are in."""
        return self.fleet.agents

    def agent(self, agent_id: str) -> Agent | None:
        """Return an agent by its id."""
        return self.fleet.get(agent_id)

    def deployments_view(self) -> list[dict[str, Any]]:
        """Return ``GET /v2/deployments``."""
        return [
            views.deployment_json(runner, {a.app: self._readiness(a.app) for a in runner.current})
            for runner in self.deployments.all()
        ]

    def queue_view(self, *, offers: bool) -> list[dict[str, Any]]:
        """Return what waits to be launched; with the offers that were refused if asked."""
        return [
            views.queue_json(waiting[-1].app, waiting, self.queue.entry(app_id), now(), offers)
            for app_id in self.tracker.apps()
            if (waiting := self._waiting(app_id))
        ]

    def versions(self, id: str) -> list[str]:  # noqa: A002 - the contract's name
        """Return the versions of an app, or of the tree for a group, newest first."""
        if id in self.root.groups:
            return self._group_versions(id)
        return self.history.app_versions(id) if id in self.root.apps else []

    def version_of(self, id: str, version: str) -> dict[str, Any] | None:  # noqa: A002
        """Return an app, or a group with all that is in it, as it was at a version."""
        app = self.history.app(id, version)
        if app is not None:
            return app
        root = self.history.root(version)
        return render_group(root, id) if root is not None and id in root.groups else None

    def _group_versions(self, group: str) -> list[str]:
        roots = ((v, self.history.root(v)) for v in self.history.root_versions())
        return [version for version, root in roots if root is not None and group in root.groups]

    def _waiting(self, app_id: str) -> list[Instance]:
        return [instance for instance in self.tracker.of_app(app_id) if instance.is_waiting]

    def _readiness(self, app_id: str) -> list[dict[str, Any]]:
        if not self.deployments.of_app(app_id):
            return []
        readiness = self.monitor.readiness
        return [r for i in self.tracker.of_app(app_id) for r in readiness.results(i)]
