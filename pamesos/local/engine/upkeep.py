"""Now and then puts right what no deployment looks after any more.

A deployment that was stopped by force leaves an app with too few or too many instances, and it is
nobody's business until the app is changed. Marathon looks every ``scale_apps_interval``.
"""

from __future__ import annotations

from pamesos.local.deployments.upgrade import kill_order
from pamesos.local.engine.deploying import Deployments
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.store.root import Root


def put_right(root: Root, lifecycle: Lifecycle, deployments: Deployments) -> None:
    """Give every app that is in no deployment as many instances as it is to have."""
    tracker = lifecycle.tracker
    for app_id in {*root.apps, *tracker.apps()}:
        if deployments.of_app(app_id):
            continue
        app = root.apps.get(app_id)
        if app is None:
            lifecycle.stop_app(app_id)
            continue
        wanted = [instance for instance in tracker.of_app(app_id) if instance.is_wanted]
        excess = len(wanted) - int(app["instances"])
        for instance in kill_order(wanted, app["killSelection"])[: max(0, excess)]:
            lifecycle.stop(instance)
        if excess < 0:
            lifecycle.schedule(app, -excess)
