"""Persistent local volumes: directories beside the sandboxes that outlive their tasks.

Laid out as an agent does: ``volumes/roles/<role>/<app>#<path>#<uuid>``. The volumes of one instance
share their uuid; a relaunch gets them again, and so does the instance that takes the place of
another when its app is changed. They are removed when their app is no more.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from pamesos.local.instances.model import Instance, safe_path

_OWNERS = "owners.json"


def paths(app: Mapping[str, Any]) -> list[str]:
    """Return where in the sandbox an app wants its persistent volumes."""
    volumes = (app.get("container") or {}).get("volumes") or ()
    return [str(volume["containerPath"]) for volume in volumes if "persistent" in volume]


class Volumes:
    """Knows whose each volume is; kept in a file, as the tasks may outlive the engine."""

    def __init__(self, work_dir: Path, is_known: Callable[[str], bool]) -> None:
        """``is_known`` tells whether there still is an instance of this id."""
        self._dir = work_dir / "volumes"
        self._is_known = is_known

    def of(self, instance: Instance) -> dict[str, Path]:
        """Return the directories of an instance's volumes by their paths, made if need be."""
        wanted = paths(instance.app)
        if not wanted:
            return {}
        key = self._key(instance)
        found = {}
        for path in wanted:
            name = f"{safe_path(instance.app_id)}#{path}#{key}"
            found[path] = self._dir / "roles" / instance.app.get("role", "*") / name
            found[path].mkdir(parents=True, exist_ok=True)
        return found

    def sweep(self, apps: Collection[str]) -> None:
        """Remove the volumes of apps that are no more.

        Where there are no apps at all it may be the knowledge of them that was lost, not they.
        """
        owners = self._read() if apps else {}
        gone = {key for key, owner in owners.items() if owner["app"] not in apps}
        if not gone:
            return
        for directory in self._dir.glob("roles/*/*"):
            if directory.name.rpartition("#")[2] in gone:
                shutil.rmtree(directory, ignore_errors=True)
        self._write({key: owner for key, owner in owners.items() if key not in gone})

    def _key(self, instance: Instance) -> str:
        owners = self._read()
        of_app = {key: o["instance"] for key, o in owners.items() if o["app"] == instance.app_id}
        own = [key for key, owner in of_app.items() if owner == instance.id]
        free = [key for key, owner in of_app.items() if not self._is_known(owner)]
        key = next(iter(own + free), None) or str(uuid.uuid4())
        owners[key] = {"app": instance.app_id, "instance": instance.id}
        self._write(owners)
        return key

    def _read(self) -> dict[str, dict[str, str]]:
        with contextlib.suppress(FileNotFoundError):
            owners: dict[str, dict[str, str]] = json.loads((self._dir / _OWNERS).read_text())
            return owners
        return {}

    def _write(self, owners: Mapping[str, Mapping[str, str]]) -> None:
        self._dir.mkdir(parents=True, exist_ok=True)
        new = self._dir / f"{_OWNERS}.new"
        new.write_text(json.dumps(owners, indent=1))
        os.replace(new, self._dir / _OWNERS)  # noqa: PTH105 - a crash leaves the old or the new
