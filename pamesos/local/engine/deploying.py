"""The deployments under way: locks, start, end, cancel, and how they outlive a restart."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from pamesos.local import background
from pamesos.local.definitions.refusal import Refusal, message
from pamesos.local.deployments.plan import Action, DeploymentPlan
from pamesos.local.deployments.runner import Checks, Runner
from pamesos.local.events import render
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.store.disk import Disk
from pamesos.local.store.root import Root

LOCKED = (
    "App is locked by one or more deployments. Override with the option '?force=true'."
    " View details at '/v2/deployments/<DEPLOYMENT_ID>'."
)
CANCELLED = "The upgrade has been cancelled"


@dataclasses.dataclass(slots=True)
class _UnderWay:
    runner: Runner
    task: asyncio.Task[None] | None = None


class Deployments:
    """All deployments under way, newest first as Marathon lists them."""

    def __init__(self, lifecycle: Lifecycle, checks: Checks, disk: Disk) -> None:
        self._lifecycle = lifecycle
        self._checks = checks
        self._disk = disk
        self._all: dict[str, _UnderWay] = {}

    def get(self, plan_id: str) -> DeploymentPlan | None:
        """Return a plan that is under way."""
        found = self._all.get(plan_id)
        return None if found is None else found.runner.plan

    def all(self) -> list[Runner]:
        """Return what is under way, newest first."""
        return [under.runner for under in reversed(self._all.values())]

    def of_app(self, app_id: str) -> list[str]:
        """Return the ids of the deployments that lock an app."""
        return [r.plan.id for r in self.all() if app_id in r.plan.app_ids]

    def conflicts(self, plan: DeploymentPlan) -> list[DeploymentPlan]:
        """Return the deployments that lock an app of this plan (facts/marathon.md 14)."""
        plans = [under.runner.plan for under in self._all.values()]
        return [other for other in plans if other.app_ids & plan.app_ids]

    def refuse(self, plan: DeploymentPlan, conflicts: list[DeploymentPlan], group: str) -> Refusal:
        """Tell of a plan that is locked out, and return the answer (fact 16)."""
        publish = self._lifecycle.events.publish
        publish("deployment_failed", render.deployment_end(plan, LOCKED))
        publish("group_change_failed", render.group_change(group, plan.version, LOCKED))
        return message(409, LOCKED, deployments=[{"id": other.id} for other in conflicts])

    def begin(self, plan: DeploymentPlan, to_kill: frozenset[str]) -> Callable[[], None]:
        """Announce a plan; call what is returned to carry it out. A no-op is over at once."""
        if not plan.steps:
            self._succeeded(plan)
            return lambda: None
        under = _UnderWay(Runner(plan, self._lifecycle, self._checks, to_kill))
        self._all[plan.id] = under
        under.runner.begin()
        self._keep(under.runner)
        return lambda: self._run(under)

    def resume(self, known: Callable[[str], Root | None]) -> None:
        """Go on with what an earlier engine had under way; ``known`` finds roots by version."""
        for row in self._disk.load("deployment").values():
            target = known(row["version"])
            if target is None:
                self._disk.put("deployment", row["id"], None)
                continue
            # So old that it was forgotten: then a rollback would change nothing.
            original = known(row["original"]) or target
            steps = tuple(tuple(Action(*action) for action in step) for step in row["steps"])
            plan = DeploymentPlan(row["id"], row["version"], original, target, steps)
            runner = Runner(plan, self._lifecycle, self._checks, resumed_at=row["step"])
            self._all[plan.id] = under = _UnderWay(runner)
            self._run(under)

    def cancel(self, plans: Iterable[DeploymentPlan]) -> None:
        """Stop carrying plans out; what they did so far stays."""
        for plan in plans:
            under = self._all.pop(plan.id)
            if under.task is not None:
                under.task.cancel()
            self._disk.put("deployment", plan.id, None)
            end = render.deployment_end(plan, CANCELLED)
            self._lifecycle.events.publish("deployment_failed", end)

    async def close(self) -> None:
        """Stop, and keep where each deployment is: the next engine goes on from there."""
        tasks = [under.task for under in self._all.values() if under.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self, under: _UnderWay) -> None:
        under.task = background.start(
            self._carry_out(under.runner), f"deployment {under.runner.plan.id}"
        )

    async def _carry_out(self, runner: Runner) -> None:
        await runner.run(lambda: self._keep(runner))
        del self._all[runner.plan.id]
        self._disk.put("deployment", runner.plan.id, None)
        self._succeeded(runner.plan)

    def _succeeded(self, plan: DeploymentPlan) -> None:
        self._lifecycle.events.publish("deployment_success", render.deployment_end(plan))

    def _keep(self, runner: Runner) -> None:
        plan = runner.plan
        row: dict[str, Any] = {
            "id": plan.id,
            "version": plan.version,
            "original": plan.original.version,
            "steps": [[(a.action, a.app) for a in step] for step in plan.steps],
            "step": runner.step,
        }
        self._disk.put("deployment", plan.id, row)
