"""Processes as /proc shows them: who belongs to whom, and which task a process is of."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")


@dataclasses.dataclass(frozen=True, slots=True)
class Process:
    """``start`` (clock ticks since boot) tells it from a later process with the same pid."""

    pid: int
    parent: int
    group: int
    session: int
    start: int
    is_zombie: bool


def read(pid: int) -> Process | None:
    """Return one process, None if there is none of this pid."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name (second field) may hold spaces and brackets: all fields are after the last one.
    fields = text.rpartition(")")[2].split()
    return Process(
        pid,
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        int(fields[19]),
        is_zombie=fields[0] in "ZX",
    )


def everything() -> Iterator[Process]:
    """Yield every process there is."""
    for name in os.listdir(_PROC):  # noqa: PTH208 - a Path for each of a thousand names is slow
        if name.isdecimal() and (process := read(int(name))) is not None:
            yield process


def tree(root: int, processes: Iterable[Process]) -> set[int]:
    """Return the pids of a task: its process, all below it, and all of its session or group."""
    children: dict[int, list[int]] = {}
    found = set()
    for process in processes:
        children.setdefault(process.parent, []).append(process.pid)
        if root in (process.pid, process.session, process.group):
            found.add(process.pid)
    queue = list(found)
    while queue:
        for child in children.get(queue.pop(), ()):
            if child not in found:
                found.add(child)
                queue.append(child)
    return found


def environment(pid: int) -> dict[str, str]:
    """Return a process's environment as it was given, empty if it may not be read."""
    try:
        data = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (entry.partition(b"=") for entry in data.split(b"\0") if entry)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to processes that may be gone already, never to ourselves."""
    for pid in pids:
        if pid not in (0, 1, os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
