"""How instances look on disk: all but the app's definition, which is kept once per version."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pamesos.local.instances.model import Instance, Task


def as_json(instance: Instance) -> dict[str, Any]:
    """Return what is kept of an instance."""
    kept = {
        field.name: getattr(instance, field.name)
        for field in dataclasses.fields(instance)
        if field.name not in ("app", "task")
    }
    kept["version"] = instance.version
    kept["task"] = None if instance.task is None else dataclasses.asdict(instance.task)
    return kept


def from_json(kept: Mapping[str, Any], app: dict[str, Any]) -> Instance:
    """Return an instance that :func:`as_json` wrote; ``app`` is its version of its app."""
    fields = {key: value for key, value in kept.items() if key not in ("version", "task")}
    task = kept["task"]
    if task is not None:
        task = Task(**{**task, "ports": tuple(task["ports"])})
    return Instance(app=app, task=task, **fields)
