"""The engine: puts the parts together, and is all that the API calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pamesos.local.definitions.refusal import message
from pamesos.local.definitions.settings import Settings
from pamesos.local.deployments.plan import DeploymentPlan, build_plan
from pamesos.local.deployments.revert import revert
from pamesos.local.engine import views
from pamesos.local.engine.deploying import Deployments
from pamesos.local.engine.scope import CHANGED_GROUP
from pamesos.local.engine.setup import Setup
from pamesos.local.events import render
from pamesos.local.events.bus import EventBus
from pamesos.local.executors.base import Executor, StatusUpdate
from pamesos.local.executors.process import ProcessExecutor
from pamesos.local.executors.sandbox import Layout
from pamesos.local.health.monitor import Monitor
from pamesos.local.instances import keeping, model
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.instances.model import Instance
from pamesos.local.instances.tracker import Tracker
from pamesos.local.launcher import sockets
from pamesos.local.launcher.agents import Agent
from pamesos.local.launcher.launcher import Launcher
from pamesos.local.launcher.queue import LaunchQueue
from pamesos.local.store.disk import Disk
from pamesos.local.store.history import History
from pamesos.local.store.root import Root, put_app
from pamesos.local.store.root import render as render_group
from pamesos.local.times import Versions, iso, now

#: The version of a root that nothing was ever put into.
NEVER = "1970-01-01T00:00:00.000Z"


class Engine:
    """What is wanted (:attr:`root`), and everything that makes it so."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        #: What definitions may say here.
        self.settings = Settings()
        self.started_at = iso(now())
        self.events = EventBus()
        setup.work_dir.mkdir(parents=True, exist_ok=True)
        self._disk = Disk(setup.state_dir / "state.db", keeping.as_json)
        self.identity = _identity(self._disk)
        self.layout = Layout(setup.work_dir, f"{self.identity}-0000")
        self.agents: tuple[Agent, ...] = (_agent(setup, self.identity),)
        self.history = History(self._disk)
        self.root = self._stored_root()
        self._versions = Versions()
        self._versions.seen(self.root.version)
        self.tracker = Tracker(lambda key, value: self._disk.put("instance", key, value))
        self.queue = LaunchQueue()
        self.lifecycle = Lifecycle(self.tracker, self.queue, self.events)
        self.executor: Executor = ProcessExecutor(self.layout, os.environ, self._on_status)
        self.monitor = Monitor(self.lifecycle, self.executor)
        self.launcher = Launcher(
            self.tracker, self.queue, self.agents, self.lifecycle.provision, sockets.is_free
        )
        self.lifecycle.connect(self.executor, self.monitor, self.launcher.wake)
        self.deployments = Deployments(self.lifecycle, self.monitor, self._disk)
        self._launching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over what an earlier engine left, end what nobody knows, and begin to launch."""
        self._adopt()
        await self.executor.clean()
        self.deployments.resume(self.root_at)
        self._launching = asyncio.create_task(self.launcher.run())
        for app_id in self.tracker.apps():
            self.launcher.wake(app_id)

    async def close(self) -> None:
        """End all tasks, keep what is wanted, and stop."""
        self.events.close()
        if self._launching is not None:
            self._launching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._launching
        await self.deployments.close()
        for instance in list(self.tracker.all()):
            self.lifecycle.kill(instance)
        await self.executor.close()
        self._disk.close()

    async def deploy(
        self,
        target: Root,
        *,
        force: bool = False,
        restart: frozenset[str] = frozenset(),
        plan_id: str | None = None,
        group: str | None = None,
        to_kill: frozenset[str] = frozenset(),
    ) -> DeploymentPlan:
        """Make ``target`` what is wanted and begin to make it so; returns at once.

        ``group`` is what the events of the change name: the parent of what was changed (fact 25),
        by default that of the request that is being answered.
        ``to_kill`` are the instances to end where an app is scaled down. Raises Refusal 409 if
        another deployment holds an app; its version is kept nevertheless (fact 16).
        """
        version = target.version
        group = group or CHANGED_GROUP.get()
        plan = build_plan(
            self.root,
            target,
            plan_id=plan_id or str(uuid.uuid4()),
            version=version,
            restart=restart,
        )
        self.history.keep(target)
        conflicts = self.deployments.conflicts(plan)
        if conflicts and not force:
            raise self.deployments.refuse(plan, conflicts, group)
        self.deployments.cancel(conflicts)
        self.root = target
        self._disk.put("engine", "root", version)
        carry_out = self.deployments.begin(plan, to_kill)
        self.events.publish("group_change_success", render.group_change(group, version))
        carry_out()
        return plan

    def next_version(self) -> str:
        """Return the version of the next change."""
        return self._versions.next()

    def root_at(self, version: str) -> Root | None:
        """Return the whole tree as it was at a version."""
        return Root.empty(NEVER) if version == NEVER else self.history.root(version)

    def api_posted(self, client: str, uri: str, app: Mapping[str, Any]) -> None:
        """Say on the event stream who changed an app."""
        self.events.publish("api_post_event", render.api_post(client, uri, app))

    async def kill(
        self, task_ids: Iterable[str], *, scale: bool, wipe: bool, force: bool
    ) -> DeploymentPlan | None:
        """End tasks; with ``scale`` their apps shrink by as many, which is a deployment.

        Ids of tasks that are no more are passed over. Raises Refusal 409 for a scale of an app that
        is locked.
        """
        chosen = [i for t in task_ids if (i := self.tracker.by_task(t)) is not None]
        if scale:
            return await self._scale_down(chosen, force=force)
        for instance in chosen:
            if not wipe:
                self.lifecycle.kill(instance)
                continue
            self.lifecycle.wipe(instance)
            if instance.app_id in self.root.apps:
                self.lifecycle.schedule(self.root.apps[instance.app_id], 1)
        return None

    async def cancel_deployment(self, plan_id: str, *, force: bool) -> DeploymentPlan | None:
        """Stop a deployment; without ``force`` by deploying what was before it (fact 17).

        Raises Refusal 404.
        """
        plan = self.deployments.get(plan_id)
        if plan is None:
            raise message(404, f"DeploymentPlan {plan_id} does not exist", details=[])
        if force:
            self.deployments.cancel([plan])
            return None
        target = revert(plan, self.root, self.started_at)
        return await self.deploy(target, force=True, group="/")

    def reset_delay(self, app_id: str) -> None:
        """Launch an app's waiting instances now. Raises Refusal 404 if none waits."""
        if not self._waiting(app_id):
            raise message(404, f"Application {app_id} not found in tasks queue.", details=[])
        self.queue.reset_delay(app_id)
        self.launcher.wake(app_id)

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
        if "lastTaskFailure" in names and app_id in self.lifecycle.failures.last:
            shown["lastTaskFailure"] = self.lifecycle.failures.last[app_id]
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

    def agent(self, agent_id: str) -> Agent | None:
        """Return an agent by its id."""
        return next((agent for agent in self.agents if agent.id == agent_id), None)

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

    def _on_status(self, update: StatusUpdate) -> None:
        self.lifecycle.on_status(update)
        # A state that others were told of is kept before anything else happens.
        self._disk.flush()

    async def _scale_down(self, chosen: list[Instance], *, force: bool) -> DeploymentPlan | None:
        version = self.next_version()
        root = self.root
        for app_id in dict.fromkeys(instance.app_id for instance in chosen):
            app = root.apps[app_id]
            fewer = sum(instance.app_id == app_id for instance in chosen)
            info = {**app["versionInfo"], "lastScalingAt": version}
            count = max(0, app["instances"] - fewer)
            smaller = {**app, "instances": count, "version": version, "versionInfo": info}
            root = put_app(root, smaller, version)
        to_kill = frozenset(instance.id for instance in chosen)
        return await self.deploy(root, force=force, group="/", to_kill=to_kill)

    def _stored_root(self) -> Root:
        version = self._disk.load("engine").get("root")
        root = self.history.root(version) if version else None
        return root or Root.empty(NEVER)

    def _adopt(self) -> None:
        """Take up the instances of an earlier engine, and its tasks that still run."""
        for key, kept in self._disk.load("instance").items():
            app = self.history.app(kept["app_id"], kept["version"])
            if app is None:
                self._disk.put("instance", key, None)
                continue
            instance = self.tracker.put(keeping.from_json(kept, app))
            task = instance.task
            if task is None or not task.is_active:
                continue
            if self.executor.adopt(instance):
                if instance.is_running:
                    self.monitor.started(instance)
                if not instance.is_wanted:
                    self.lifecycle.kill(instance)
            else:
                lost = "The task ended while the engine was down"
                self.lifecycle.on_status(StatusUpdate(task.id, model.LOST, lost))


def _identity(disk: Disk) -> str:
    """Return the id of this Mesos: made once, as agents and sandboxes are named after it."""
    kept = disk.load("engine").get("identity")
    if kept is None:
        kept = str(uuid.uuid4())
        disk.put("engine", "identity", kept)
    return str(kept)


def _agent(setup: Setup, identity: str) -> Agent:
    return Agent(
        id=f"{identity}-S0",
        hostname=setup.agent_host,
        ip=setup.agent_host,
        cpus=setup.cpus,
        mem=setup.mem,
        disk=setup.disk,
    )
