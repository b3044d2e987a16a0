"""The audit trail: every action is on disk before it is sent. Append-only, one JSON object a line.

A line ``"phase": "intent"`` without a later ``"outcome"`` of the same id was cut off by a crash
between the two: the action may or may not have been carried out.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from pamesos.errors import SettingsError


class Journal:
    """Appends to ``<directory>/actions.jsonl``; each line is on disk when the call returns."""

    def __init__(self, directory: Path) -> None:
        """Raises SettingsError if the directory cannot be written."""
        self.path = directory / "actions.jsonl"
        self._lock = threading.Lock()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
            self._end_a_torn_line()
        except OSError as error:
            raise SettingsError(
                f"the journal {self.path} cannot be written: {error.strerror}",
                remedy="give a directory that can be written with --state-dir",
            ) from error

    def intend(self, now: datetime, action: str, fields: Mapping[str, Any]) -> str:
        """Write down what is about to be sent; return the id for :meth:`conclude`."""
        entry_id = uuid.uuid4().hex[:12]
        self._append({"id": entry_id, "at": now, "phase": "intent", "action": action, **fields})
        return entry_id

    def conclude(self, now: datetime, entry_id: str, outcome: str) -> None:
        """Write down how it went: ``done``, ``not needed: …`` or ``failed: …``."""
        self._append({"id": entry_id, "at": now, "phase": "outcome", "outcome": outcome})

    def close(self) -> None:
        os.close(self._fd)

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry, default=datetime.isoformat, ensure_ascii=False) + "\n"
        with self._lock:
            os.write(self._fd, line.encode())
            os.fsync(self._fd)

    def _end_a_torn_line(self) -> None:
        # A crash in the middle of a write leaves half a line; the next entry must not join it.
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")
