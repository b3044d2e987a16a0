"""How the tests of descriptions write a file and read its faults."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from pamesos.config.description import load
from pamesos.core.model import Submission
from pamesos.errors import InvalidDescriptionError

APPS = Path(__file__).parents[3] / "apps"

GOOD: dict[str, Any] = {
    "name": "small",
    "proactive": {"home": "/opt/proactive"},
    "database": {
        "kind": "postgresql",
        "host": "agent-1",
        "credentials": {"user": "pa", "password": "hunter2"},
        "volume": "/data",
    },
    "scheduler": {"host": "agent-1"},
    "nodeSources": [{"name": "default", "nodes": 2}],
}
#: Changing a value to this takes its key away.
GONE = object()


def changed(path: str, value: Any, base: dict[str, Any] = GOOD) -> dict[str, Any]:
    """Return a copy of the description with one value changed; numbers are list positions."""
    description = copy.deepcopy(base)
    *parents, last = [int(key) if key.isdecimal() else key for key in path.split(".")]
    target: Any = description
    for key in parents:
        target = target[key] if isinstance(key, int) else target.setdefault(key, {})
    if value is GONE:
        del target[last]
    else:
        target[last] = value
    return description


def load_text(tmp_path: Path, text: str, name: str = "small.json", **options: Any) -> Submission:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return load(path, **{"environ": {}, **options})


def load_data(tmp_path: Path, data: Any, **options: Any) -> Submission:
    return load_text(tmp_path, json.dumps(data), **options)


def faults_of(tmp_path: Path, text: str, name: str = "small.json", **options: Any) -> list[str]:
    """Return the faults without the file's path, each as ``line: path: text``."""
    with pytest.raises(InvalidDescriptionError) as raised:
        load_text(tmp_path, text, name, **options)
    return [fault.removeprefix(f"{tmp_path}/{name}:") for fault in raised.value.faults]
