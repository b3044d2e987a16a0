"""Which apps a word of the command line means, and in which order they are taken down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pamesos.core import names
from pamesos.core.observed import AppView, GroupView
from pamesos.errors import NotFoundError


def instances_of(group: Mapping[str, Any], parent: str = "") -> dict[str, int]:
    """Return the instances wanted of each app of a Marathon group, by absolute id.

    A relative id resolves below its group (facts/marathon.md, 9); ``instances`` left out is 1.
    """
    group_id = absolute(str(group.get("id", "")), parent)
    wanted = {
        absolute(str(app["id"]), group_id): int(app.get("instances", 1))
        for app in group.get("apps") or ()
    }
    for child in group.get("groups") or ():
        wanted.update(instances_of(child, group_id))
    return wanted


def absolute(an_id: str, parent: str) -> str:
    """Return an absolute id: ``database`` below ``/small`` is ``/small/database``."""
    return an_id if an_id.startswith("/") else f"{parent.rstrip('/')}/{an_id}"


def labels_of(group: Mapping[str, Any], parent: str = "") -> dict[str, dict[str, str]]:
    """Return the labels of each app of a Marathon group, by absolute id."""
    group_id = absolute(str(group.get("id", "")), parent)
    labels = {
        absolute(str(app["id"]), group_id): dict(app.get("labels") or {})
        for app in group.get("apps") or ()
    }
    for child in group.get("groups") or ():
        labels.update(labels_of(child, group_id))
    return labels


def tier_of(app: AppView) -> str | None:
    """Return the tier of an app of a cluster; None for an app of a plain group."""
    return app.labels.get(names.LABEL_TIER)


def display_name(app: AppView, group_id: str) -> str:
    """Return what an operator calls the app: its node source, tier, or id below the group."""
    source = app.labels.get(names.LABEL_NODE_SOURCE)
    return source or tier_of(app) or app.id.removeprefix(group_id.rstrip("/") + "/")


def select(group: GroupView, word: str) -> tuple[AppView, ...]:
    """Return the apps that a word names: a node source, a tier, an app id, or a task's app.

    Raises NotFoundError that lists the words that would do.
    """
    tests = (
        lambda app: app.id == absolute(word, group.id),
        lambda app: app.labels.get(names.LABEL_NODE_SOURCE) == word,
        lambda app: tier_of(app) == word,
        lambda app: display_name(app, group.id) == word,
        lambda app: any(task.id == word for task in app.tasks),
    )
    for test in tests:
        found = tuple(app for app in group.apps if test(app))
        if found:
            return found
    known = sorted({display_name(app, group.id) for app in group.apps})
    raise NotFoundError(
        f"{group.id} has no tier, node source, app or task {word!r}",
        remedy=f"use one of {', '.join(known)}" if known else "the group has no apps",
    )


def teardown_layers(apps: Iterable[AppView]) -> tuple[tuple[AppView, ...], ...]:
    """Return apps in the order in which they go: those that nothing left depends on first.

    Dependencies and tiers both count (nodes, then scheduler, then database); an id of a group
    stands for all apps below it. Apps of a circle, which Marathon refuses, go together.
    """
    left = {app.id: app for app in apps}
    layers = []
    while left:
        needed = {
            other.id for app in left.values() for other in left.values() if _needs(app, other)
        }
        layer = tuple(app for app_id, app in left.items() if app_id not in needed)
        layer = layer or tuple(left.values())
        layers.append(layer)
        for app in layer:
            del left[app.id]
    return tuple(layers)


def _needs(app: AppView, other: AppView) -> bool:
    if app.id == other.id:
        return False
    for dependency in app.dependencies:
        if other.id == dependency or other.id.startswith(dependency.rstrip("/") + "/"):
            return True
    tiers = (tier_of(app), tier_of(other))
    if tiers[0] not in names.TIERS or tiers[1] not in names.TIERS:
        return False
    return names.TIERS.index(tiers[0]) > names.TIERS.index(tiers[1])
