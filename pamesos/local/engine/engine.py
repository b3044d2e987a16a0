"""The engine: puts the parts together, and is all that the API calls."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from pamesos.local import background
from pamesos.local.definitions.refusal import message
from pamesos.local.deployments.plan import DeploymentPlan, build_plan, dependency_levels
from pamesos.local.deployments.revert import revert
from pamesos.local.engine.answers import NEVER, Answers
from pamesos.local.engine.deploying import Deployments
from pamesos.local.engine.memory import Memory
from pamesos.local.engine.reach import look_again
from pamesos.local.engine.scope import CHANGED_GROUP
from pamesos.local.engine.setup import SIMULATED, Setup
from pamesos.local.engine.takeover import take_over
from pamesos.local.engine.upkeep import put_right
from pamesos.local.engine.weather import Weather
from pamesos.local.events import render
from pamesos.local.events.bus import EventBus
from pamesos.local.executors.base import Executor, Report, StatusUpdate
from pamesos.local.executors.faulty import FaultyExecutor
from pamesos.local.executors.machine import MachineExecutor
from pamesos.local.executors.sandbox import Layout
from pamesos.local.executors.simulated import SimulatedExecutor
from pamesos.local.health.monitor import Monitor
from pamesos.local.instances import keeping
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.instances.model import Instance
from pamesos.local.instances.tracker import Tracker
from pamesos.local.launcher import sockets
from pamesos.local.launcher.agents import Agent, Fleet
from pamesos.local.launcher.launcher import Launcher
from pamesos.local.launcher.queue import LaunchQueue
from pamesos.local.store.disk import Disk
from pamesos.local.store.history import History
from pamesos.local.store.root import Root, put_app
from pamesos.local.times import Versions, iso, now

_LOOK_AGAIN_S = 0.01


class Engine(Answers):
    """What is wanted (:attr:`root`), and everything that makes it so."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.settings = setup.settings
        self.started_at = iso(now())
        self.events = EventBus()
        self.weather = Weather()
        setup.work_dir.mkdir(parents=True, exist_ok=True)
        self.disk = Disk(setup.state_dir / "state.db", keeping.as_json)
        self.identity = _identity(self.disk)
        self.layout = Layout(setup.work_dir, f"{self.identity}-0000")
        self.fleet = Fleet(setup.agents or (_agent(setup, self.identity),))
        self.history = History(self.disk)
        self.root = self._stored_root()
        self._versions = Versions()
        self._versions.seen(self.root.version)
        self.tracker = Tracker(lambda key, value: self.disk.put("instance", key, value))
        self.queue = LaunchQueue()
        self.lifecycle = Lifecycle(self.tracker, self.queue, self.events)
        self.lifecycle.current = self._app
        self.executor = FaultyExecutor(self._make_executor, self._on_status)
        simulated = self.simulated
        self.monitor = Monitor(self.lifecycle, self.executor, simulated)
        is_free = sockets.is_free if simulated is None else _nothing_listens
        self.launcher = Launcher(
            self.tracker, self.queue, self.fleet, self.lifecycle.provision, is_free
        )
        self.memory = Memory(self.disk, self.layout, self.history)
        self.lifecycle.connect(self.executor, self.monitor, self.launcher.wake, self.memory)
        self.deployments = Deployments(self.lifecycle, self.monitor, self.disk)
        self._beside: list[asyncio.Task[None]] = []

    def _make_executor(self, report: Report) -> Executor:
        if self.setup.executor == SIMULATED:
            return SimulatedExecutor(report)
        return MachineExecutor(
            self.layout,
            os.environ,
            report,
            is_known=lambda key: self.tracker.get(key) is not None,
            apps=lambda: self.root.apps,
        )

    def _app(self, app_id: str) -> dict[str, Any] | None:
        return self.root.apps.get(app_id)

    @property
    def simulated(self) -> SimulatedExecutor | None:
        """The executor if its tasks are simulated."""
        inner = self.executor.inner
        return inner if isinstance(inner, SimulatedExecutor) else None

    async def start(self) -> None:
        """Take over what an earlier engine left, end what nobody knows, and begin to launch."""
        take_over(self)
        await self.executor.clean()
        self.deployments.resume(self.root_at)
        self._beside = [
            background.start(self.launcher.run(), "launcher"),
            background.start(self._keep_up(), "upkeep"),
            background.start(self._look_for_the_lost(), "reconciliation"),
        ]
        for app_id in self.tracker.apps():
            self.launcher.wake(app_id)

    async def close(self) -> None:
        """End all tasks, keep what is wanted, and stop."""
        self.events.close()
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self.deployments.close()
        await self._end_tasks()
        await self.executor.close()
        self.disk.close()

    async def _keep_up(self) -> None:
        while True:
            await asyncio.sleep(self.setup.scale_apps_interval_s)
            put_right(self.root, self.lifecycle, self.deployments)

    async def _look_for_the_lost(self) -> None:
        while True:
            await asyncio.sleep(self.setup.reconciliation_interval_s)
            look_again(self.lifecycle, now())

    async def _end_tasks(self) -> None:
        """End all tasks, dependants first: a server must not lose its database while it stops."""
        levels = dependency_levels(self.root)
        found = {levels.get(instance.app_id, 0) for instance in self.tracker.all()}
        for level in sorted(found, reverse=True):
            going = [i for i in self.tracker.all() if levels.get(i.app_id, 0) == level]
            for instance in going:
                self.lifecycle.kill(instance)
            while any((left := self.tracker.get(i.id)) and left.is_active for i in going):
                await asyncio.sleep(_LOOK_AGAIN_S)

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
        self.disk.put("engine", "root", version)
        carry_out = self.deployments.begin(plan, to_kill)
        self.events.publish("group_change_success", render.group_change(group, version))
        carry_out()
        return plan

    def next_version(self) -> str:
        """Return the version of the next change."""
        return self._versions.next()

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

    def _on_status(self, update: StatusUpdate) -> None:
        self.lifecycle.on_status(update)
        if self.simulated is None:
            # A state that others were told of is kept before anything else happens.
            self.disk.flush()

    async def _scale_down(self, chosen: list[Instance], *, force: bool) -> DeploymentPlan | None:
        version = self.next_version()
        root = self.root
        app_ids = [i.app_id for i in chosen if i.app_id in root.apps]
        if not app_ids:
            return None  # their apps are deleted already, and they with them
        for app_id in dict.fromkeys(app_ids):
            app = root.apps[app_id]
            fewer = sum(instance.app_id == app_id for instance in chosen)
            info = {**app["versionInfo"], "lastScalingAt": version}
            count = max(0, app["instances"] - fewer)
            smaller = {**app, "instances": count, "version": version, "versionInfo": info}
            root = put_app(root, smaller, version)
        to_kill = frozenset(instance.id for instance in chosen)
        return await self.deploy(root, force=force, group="/", to_kill=to_kill)

    def _stored_root(self) -> Root:
        version = self.disk.load("engine").get("root")
        root = self.history.root(version) if version else None
        return root or Root.empty(NEVER)


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


def _nothing_listens(_port: int, _protocol: str) -> bool:
    """Ports of simulated tasks are never bound, whatever this machine does with them."""
    return True
