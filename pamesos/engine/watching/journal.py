"""The audit trail: every action is on disk before it is sent. Append-only, one JSON object a line.

A line has a ``phase``: ``intent`` before an action is sent, ``outcome`` with the same id after it,
``note`` for what must survive a restart (failures, give-ups). An intent without an outcome was cut
off by a crash between the two: whoever reads it looks at the world to learn what became of it.
"""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pamesos.errors import SettingsError, StateUnavailableError

Line = Mapping[str, Any]
_FRAME = frozenset({"id", "at", "phase", "action", "cluster", "outcome"})


@dataclass(frozen=True)
class Entry:
    """One action with its outcome (None: cut off), or one note."""

    id: str
    at: datetime
    action: str
    cluster: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    note: bool = False
    outcome: str | None = None

    @property
    def cut_off(self) -> bool:
        return not self.note and self.outcome is None

    @property
    def subject(self) -> str:
        """What it was about: a task, an entry of the RM, or an app."""
        names = ("task_id", "url", "workflow_task", "app_id")
        return next((str(self.fields[name]) for name in names if self.fields.get(name)), "")


class Lines(Protocol):
    """Where the lines are kept. ``append`` returns once the line is safe."""

    def append(self, line: Line) -> None:
        """Raises StateUnavailableError if the line could not be kept."""

    def read(self) -> Iterable[Line]:
        """Yield what was kept, oldest first. Raises StateUnavailableError."""

    def close(self) -> None: ...


class Journal:
    """The entries of one cluster in a place that several clusters share."""

    def __init__(self, lines: Lines, cluster: str = "") -> None:
        self._lines = lines
        self._cluster = cluster

    def intend(self, now: datetime, action: str, fields: Line) -> str:
        """Write down what is about to be sent; return the id for :meth:`conclude`.

        Raises StateUnavailableError: then the action must not be sent.
        """
        return self._append(now, "intent", action, fields)

    def note(self, now: datetime, action: str, fields: Line) -> None:
        """Write down what is to be remembered. Raises StateUnavailableError."""
        self._append(now, "note", action, fields)

    def conclude(self, now: datetime, entry_id: str, outcome: str) -> None:
        """Write down how it went: ``done``, ``not needed: …`` or ``failed: …``."""
        line = {"id": entry_id, "at": now.isoformat(), "phase": "outcome", "outcome": outcome}
        self._lines.append(line)

    def entries(self) -> tuple[Entry, ...]:
        """Return what is known of this cluster, oldest first. Raises StateUnavailableError."""
        return tuple(e for e in fold(self._lines.read()) if e.cluster == self._cluster)

    def _append(self, now: datetime, phase: str, action: str, fields: Line) -> str:
        entry_id = uuid.uuid4().hex[:12]
        frame = {"id": entry_id, "at": now.isoformat(), "phase": phase, "action": action}
        self._lines.append({**frame, "cluster": self._cluster, **fields})
        return entry_id


class FileLines:
    """``<directory>/actions.jsonl``; each line is on disk when :meth:`append` returns."""

    def __init__(self, directory: Path) -> None:
        """Raises SettingsError if the directory cannot be written."""
        self.path = journal_path(directory)
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

    def append(self, line: Line) -> None:
        data = (json.dumps(line, default=str, ensure_ascii=False) + "\n").encode()
        try:
            with self._lock:
                written = os.write(self._fd, data)
                if written != len(data):  # end what a full disk took of it
                    os.write(self._fd, b"\n")
                os.fsync(self._fd)
        except OSError as error:
            raise StateUnavailableError(str(self.path), error.strerror or "cannot write") from error
        if written != len(data):
            raise StateUnavailableError(str(self.path), "the disk is full")

    def read(self) -> Iterator[Line]:
        return read_file(self.path)

    def close(self) -> None:
        os.close(self._fd)

    def _end_a_torn_line(self) -> None:
        # A crash in the middle of a write leaves half a line; the next entry must not join it.
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            os.write(self._fd, b"\n")


class FileReader:
    """The lines of a journal file that another process writes."""

    def __init__(self, directory: Path) -> None:
        self._path = journal_path(directory)

    def append(self, line: Line) -> None:
        raise StateUnavailableError(str(self._path), "it is another process's")

    def read(self) -> Iterator[Line]:
        return read_file(self._path)

    def close(self) -> None:
        """Nothing is kept open."""


def journal_path(directory: Path) -> Path:
    return directory / "actions.jsonl"


def read_file(path: Path) -> Iterator[Line]:
    """Yield the lines of a journal file; none if it is not there. Raises StateUnavailableError."""
    try:
        with path.open("rb") as file:
            for text in file:
                line = parse_line(text)
                if line is not None:
                    yield line
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateUnavailableError(str(path), error.strerror or "cannot read") from error


def parse_line(text: bytes) -> Line | None:
    """Return a line; None for one that a crash tore."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) else None


def fold(lines: Iterable[Line]) -> tuple[Entry, ...]:
    """Return the entries that lines amount to: each intent with its outcome. Oldest first."""
    entries: dict[str, Entry] = {}
    for line in lines:
        entry_id = str(line.get("id", ""))
        if line.get("phase") == "outcome":
            if entry_id in entries:
                outcome = str(line.get("outcome", ""))
                entries[entry_id] = replace(entries[entry_id], outcome=outcome)
        elif entry := _entry(entry_id, line):
            entries[entry_id] = entry
    return tuple(entries.values())


def _entry(entry_id: str, line: Line) -> Entry | None:
    try:
        at = datetime.fromisoformat(line["at"])
        action = str(line["action"])
    except (KeyError, TypeError, ValueError):
        return None
    return Entry(
        entry_id,
        at,
        action,
        cluster=str(line.get("cluster", "")),
        fields={key: value for key, value in line.items() if key not in _FRAME},
        note=line.get("phase") == "note",
    )
