"""What to deploy to undo a deployment that is under way. Pure."""

from __future__ import annotations

from typing import Any

from pamesos.local.deployments.plan import DeploymentPlan, is_changed
from pamesos.local.store.root import Root, delete_app, is_below, put_app


def revert(plan: DeploymentPlan, current: Root, version: str) -> Root:
    """Return the current root with the plan's apps as they were before it.

    Groups that the plan made go again unless something else is in them. The version is Marathon's
    own idea: the time when it was started, so that it goes backwards (facts/marathon.md 17).
    """
    root = Root(version, current.apps, current.groups)
    for app_id in sorted(plan.app_ids):
        before = plan.original.apps.get(app_id)
        now = root.apps.get(app_id)
        if before is None:
            root = delete_app(root, app_id, version)
        elif now is None or is_changed(now, before) or now["instances"] != before["instances"]:
            root = put_app(root, _again(before, now, version), version)
    return _without_new_groups(root, plan)


def _again(before: dict[str, Any], now: dict[str, Any] | None, version: str) -> dict[str, Any]:
    info = dict(before.get("versionInfo") or {})
    info["lastScalingAt"] = version
    if now is None or is_changed(now, before):
        info["lastConfigChangeAt"] = version
    return {**before, "version": version, "versionInfo": info}


def _without_new_groups(root: Root, plan: DeploymentPlan) -> Root:
    new = [group for group in plan.target.groups if group not in plan.original.groups]
    empty = {g for g in new if not any(is_below(app, g) for app in root.apps)}
    groups = {key: node for key, node in root.groups.items() if key not in empty}
    return Root(root.version, root.apps, groups)
