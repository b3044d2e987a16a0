"""What has to be done to get from one root to another, in which order. Pure.

Steps, each done before the next begins (facts/marathon.md 11, recordings 02 and 03): stop what the
target lacks; start what is new with no instances; then, one step for each level of dependency,
scale what is new or was only scaled and restart what changed otherwise.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pamesos.local.store.root import ROOT_ID, App, Root, apps_below

START = "StartApplication"
SCALE = "ScaleApplication"
STOP = "StopApplication"
RESTART = "RestartApplication"


@dataclasses.dataclass(frozen=True, slots=True)
class Action:
    """One thing to do to one app."""

    action: str
    app: str


@dataclasses.dataclass(frozen=True, slots=True)
class DeploymentPlan:
    """The way from ``original`` to ``target``; no steps means that nothing needs doing."""

    id: str
    version: str
    original: Root
    target: Root
    steps: tuple[tuple[Action, ...], ...]

    @property
    def app_ids(self) -> frozenset[str]:
        """The apps that this plan touches, and so locks (facts/marathon.md 14)."""
        return frozenset(action.app for step in self.steps for action in step)


def build_plan(
    original: Root,
    target: Root,
    *,
    plan_id: str,
    version: str,
    restart: frozenset[str] = frozenset(),
) -> DeploymentPlan:
    """Return the plan; apps in ``restart`` are restarted even if their definition is the same."""
    before, after = apps_below(original, ROOT_ID), apps_below(target, ROOT_ID)
    stops = [Action(STOP, app) for app in before if app not in target.apps]
    starts = [Action(START, app) for app in after if app not in original.apps]
    steps = [tuple(stops), tuple(starts), *_levels(original, target, restart)]
    return DeploymentPlan(plan_id, version, original, target, tuple(s for s in steps if s))


def is_only_scaled(old: App, new: App) -> bool:
    """Tell whether two normal forms differ in ``instances`` and in nothing else that counts."""
    return old["instances"] != new["instances"] and not is_changed(old, new)


_NOT_CONTENT = frozenset({"instances", "version", "versionInfo"})
#: Sets in the real Marathon: their order is no difference.
_UNORDERED = frozenset({"acceptedResourceRoles", "constraints", "dependencies", "healthChecks"})


def is_changed(old: App, new: App) -> bool:
    """Tell whether two normal forms differ in anything but instances (facts/marathon.md 19)."""
    if old is new:
        return False
    keys = (old.keys() | new.keys()) - _NOT_CONTENT
    return any(not _same(key, old.get(key), new.get(key)) for key in keys)


def _same(key: str, old: Any, new: Any) -> bool:
    if old == new:
        return True
    if key not in _UNORDERED or not old or not new or len(old) != len(new):
        return False
    return all(item in new for item in old) and all(item in old for item in new)


def _levels(original: Root, target: Root, restart: frozenset[str]) -> Iterator[tuple[Action, ...]]:
    actions = {
        app: action
        for app in apps_below(target, ROOT_ID)
        if (action := _action(original.apps.get(app), target.apps[app], app in restart))
    }
    if not actions:
        return
    levels = dependency_levels(target)
    by_level: dict[int, list[Action]] = {}
    for app, action in actions.items():
        by_level.setdefault(levels[app], []).append(Action(action, app))
    for level in sorted(by_level):
        yield tuple(by_level[level])


def _action(old: Mapping[str, Any] | None, new: Mapping[str, Any], restart: bool) -> str | None:
    if old is None:
        return SCALE
    if old is new:
        return RESTART if restart else None
    changed = is_changed(old, new)
    if not changed and old["instances"] != new["instances"]:
        return SCALE
    return RESTART if changed or restart else None


def dependency_graph(root: Root) -> dict[str, set[str]]:
    """Return for each app the apps it waits for: its own dependencies and those of its groups.

    An app may depend on an app or on a group (all apps in it), a group only on groups; what does
    not exist counts for nothing (facts/marathon.md 7, recordings 01).
    """
    apps_of = functools.cache(functools.partial(apps_below, root))
    graph: dict[str, set[str]] = {app: set() for app in root.apps}
    for group, node in root.groups.items():
        for dependency in node.dependencies:
            if dependency in root.groups:
                for app_id in apps_of(group):
                    graph[app_id].update(apps_of(dependency))
    for app_id, app in root.apps.items():
        for dependency in app.get("dependencies", ()):
            is_app = dependency in root.apps
            graph[app_id].update([dependency] if is_app else _members(root, dependency, apps_of))
    return graph


def _members(root: Root, group: str, apps_of: Callable[[str], list[str]]) -> list[str]:
    return apps_of(group) if group in root.groups else []


def dependency_levels(root: Root) -> dict[str, int]:
    """Return for each app how many apps in a row have to be up before it: 0 for none.

    Raises ValueError on a cycle; a valid root has none.
    """
    graph = dependency_graph(root)
    levels: dict[str, int] = {}
    waiting = {app: len(needs) for app, needs in graph.items()}
    dependants: dict[str, list[str]] = {}
    for app, needs in graph.items():
        for need in needs:
            dependants.setdefault(need, []).append(app)
    ready = [app for app, count in waiting.items() if not count]
    while ready:
        app = ready.pop()
        levels[app] = max((levels[need] + 1 for need in graph[app]), default=0)
        for dependant in dependants.get(app, ()):
            waiting[dependant] -= 1
            if not waiting[dependant]:
                ready.append(dependant)
    if len(levels) != len(graph):
        raise ValueError("Dependency graph has cyclic dependencies.")
    return levels
