"""Reads and follows what tasks write, in order, without losing a byte between two looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pamesos.clients.mesos import PIECE_BYTES, MesosClient, Sandbox
from pamesos.core.observed import AppView, GroupView, TaskView
from pamesos.core.selection import display_name, select
from pamesos.errors import NotFoundError

#: How far back the last lines are looked for.
MAX_TAIL_BYTES = 16 * PIECE_BYTES


@dataclass(frozen=True)
class Source:
    """One task's file, and the name that its lines are shown under."""

    name: str
    task: TaskView
    sandbox: Sandbox
    file: str


def open_sources(mesos: MesosClient, group: GroupView, word: str | None, file: str) -> list[Source]:
    """Find the sandboxes of the tasks that a word names (all tasks of the group without one).

    Raises NotFoundError if there are no tasks.
    """
    apps = select(group, word) if word is not None else group.apps
    tasks = [(app, task) for app in apps for task in app.tasks if word in {None, task.id}]
    tasks = tasks or [(app, task) for app in apps for task in app.tasks]
    if not tasks:
        raise NotFoundError(
            f"{word or group.id} has no tasks now",
            remedy=f"`pamesos status {group.id.strip('/')}` says what it waits for",
        )
    return [
        Source(_shown(app, task, group), task, mesos.find_sandbox(task), file)
        for app, task in tasks
    ]


def _shown(app: AppView, task: TaskView, group: GroupView) -> str:
    instance = task.instance_id.rpartition(".instance-")[2][:8]
    return f"{display_name(app, group.id)} {instance}-{task.incarnation}"


class Tail:
    """Reads one source from its last lines on."""

    def __init__(self, mesos: MesosClient, source: Source, lines: int | None) -> None:
        """``lines`` None begins at the start of the file."""
        self._mesos = mesos
        self.source = source
        self._rest = b""
        self._offset = 0
        if lines is not None:
            size = mesos.size(source.sandbox, source.file)
            self._offset = max(0, size - MAX_TAIL_BYTES)
            self._skip_to(lines)

    def _skip_to(self, lines: int) -> None:
        content = b"".join(self._pieces())
        kept = content.splitlines(keepends=True)[-lines:] if lines else []
        self._rest = b"".join(kept)

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._mesos.read(self.source.sandbox, self.source.file, self._offset):
            self._offset += len(piece)
            yield piece

    def new_lines(self, *, last: bool = False) -> Iterator[str]:
        """Yield complete lines written since; with ``last`` an unfinished one, too."""
        self._rest += b"".join(self._pieces())
        *whole, self._rest = self._rest.split(b"\n")
        if last and self._rest:
            whole, self._rest = [*whole, self._rest], b""
        for line in whole:
            yield line.decode("utf-8", "replace").rstrip("\r")


def follow(tails: list[Tail], say: Callable[[Tail, str], None], pause: Callable[[], bool]) -> None:
    """Say new lines of all tails until ``pause`` returns False; an ended task is read out."""
    while True:
        for tail in tails:
            for line in tail.new_lines():
                say(tail, line)
        if not pause():
            return
