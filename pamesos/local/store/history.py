"""Every version of apps and of the whole tree that is still remembered, also across restarts.

An app is kept once per version, a root as the versions of its apps: a change of one app out of
1,000 writes one app and one small list.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

from pamesos.local.store.disk import Disk
from pamesos.local.store.root import GroupNode, Root

#: As ``zk_max_versions`` of the recordings.
MAX_VERSIONS = 50


class History:
    """What :class:`Disk` has of roots and apps, in memory too."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        #: App id -> version -> normal form, oldest first.
        self._apps: dict[str, dict[str, dict[str, Any]]] = {}
        self._roots: dict[str, Root] = {}
        self._numbers = itertools.count()
        self._load()

    def keep(self, root: Root) -> None:
        """Remember a root and the apps that changed with it, also of one that was refused."""
        for app in root.apps.values():
            self._keep_app(app)
        self._roots.pop(root.version, None)
        self._roots[root.version] = root
        self._disk.put("root", root.version, _as_json(root, next(self._numbers)))
        while len(self._roots) > MAX_VERSIONS:
            oldest = next(iter(self._roots))
            del self._roots[oldest]
            self._disk.put("root", oldest, None)

    def app(self, app_id: str, version: str) -> dict[str, Any] | None:
        """Return an app as it was at a version."""
        return self._apps.get(app_id, {}).get(version)

    def app_versions(self, app_id: str) -> list[str]:
        """Return the versions of an app, newest first."""
        return list(reversed(self._apps.get(app_id, {})))

    def root(self, version: str) -> Root | None:
        """Return the whole tree as it was at a version."""
        return self._roots.get(version)

    def root_versions(self) -> list[str]:
        """Return the versions of the tree, newest first."""
        return list(reversed(self._roots))

    def _keep_app(self, app: dict[str, Any]) -> None:
        versions = self._apps.setdefault(app["id"], {})
        if versions.get(app["version"]) == app:
            return
        versions[app["version"]] = app
        self._disk.put("app", _key(app), app)
        if len(versions) > MAX_VERSIONS:
            oldest = versions.pop(next(iter(versions)))
            self._disk.put("app", _key(oldest), None)

    def _load(self) -> None:
        for app in self._disk.load("app").values():
            self._apps.setdefault(app["id"], {})[app["version"]] = app
        rows = sorted(self._disk.load("root").values(), key=lambda row: int(row["number"]))
        for row in rows:
            self._roots[row["version"]] = self._from_json(row)
        self._numbers = itertools.count(rows[-1]["number"] + 1 if rows else 0)

    def _from_json(self, row: Mapping[str, Any]) -> Root:
        apps = {
            app_id: app
            for app_id, version in row["apps"].items()
            if (app := self.app(app_id, version)) is not None
        }
        groups = {
            node["id"]: GroupNode(**{**node, "dependencies": tuple(node["dependencies"])})
            for node in row["groups"]
        }
        return Root(row["version"], apps, groups)


def _key(app: Mapping[str, Any]) -> str:
    return f"{app['id']} {app['version']}"


def _as_json(root: Root, number: int) -> dict[str, Any]:
    return {
        "number": number,
        "version": root.version,
        "apps": {app_id: app["version"] for app_id, app in root.apps.items()},
        "groups": [dataclasses.asdict(node) for node in root.groups.values()],
    }
