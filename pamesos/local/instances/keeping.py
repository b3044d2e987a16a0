"""How instances look on disk: all but the app's definition, which is kept once per version."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pamesos.local.instances.model import Instance, Task

# Looked up once: this is done at every change of every task.
_INSTANCE = tuple(f.name for f in dataclasses.fields(Instance) if f.name not in ("app", "task"))
_TASK = tuple(f.name for f in dataclasses.fields(Task))


def as_json(instance: Instance) -> dict[str, Any]:
    """Return what is kept of an instance."""
    kept: dict[str, Any] = {name: getattr(instance, name) for name in _INSTANCE}
    kept["version"] = instance.version
    task = instance.task
    kept["task"] = None if task is None else {name: getattr(task, name) for name in _TASK}
    return kept


def from_json(kept: Mapping[str, Any], app: dict[str, Any]) -> Instance:
    """Return an instance that :func:`as_json` wrote; ``app`` is its version of its app."""
    fields = {key: value for key, value in kept.items() if key not in ("version", "task")}
    task = kept["task"]
    if task is not None:
        task = Task(**{**task, "ports": tuple(task["ports"])})
    return Instance(app=app, task=task, **fields)
