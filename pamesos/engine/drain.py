"""Take node tasks away without killing the workflow tasks on them: lock, wait, kill exactly those.

``core.drain`` decides each step; here it is carried out. Whatever ends a drain early (Ctrl-C, an
error) unlocks what it had locked, or says what stays locked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Any, Protocol, Self

from pamesos.clients.marathon import MarathonClient
from pamesos.clients.proactive.running import running_tasks
from pamesos.core import names
from pamesos.core.drain import Candidate, Step, Use, batch_of, candidates, drain_step
from pamesos.core.jobs import TaskRun
from pamesos.core.observed import AppView
from pamesos.core.rm import RmNode
from pamesos.engine.lookout import Clock, steady_clock
from pamesos.engine.submit import Notices, pause
from pamesos.errors import MarathonUnavailableError, PamesosError, ProActiveError

#: Between two looks at the RM, which rings no bell.
LOOK = timedelta(seconds=1)
#: A killed task has its kill grace (10 s by default here) and some weather to be gone.
GONE = timedelta(seconds=60)


class DrainRm(Protocol):
    """What is needed of a ProActive client."""

    def get_nodes(self) -> tuple[RmNode, ...]: ...

    def lock_nodes(self, node_urls: Iterable[str]) -> bool: ...

    def unlock_nodes(self, node_urls: Iterable[str]) -> bool: ...

    def remove_node(self, node_url: str, *, preempt: bool = False) -> bool: ...

    def preempt_task(self, job_id: int, task: str) -> bool: ...

    def list_jobs(self, index: int, limit: int) -> list[dict[str, Any]]: ...

    def get_tasks(self, job_id: int) -> tuple[TaskRun, ...]: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Drain:
    """How to drain: ``connect`` makes a client of a REST address; ``deadline`` is for the whole.

    None is the deadline that the cluster's labels ask for.
    """

    connect: Callable[[str], DrainRm]
    deadline: timedelta | None = None
    look: timedelta = LOOK


@dataclass
class Drainer:
    """Drains node sources of one cluster. Use it as a context: leaving it early unlocks."""

    client: MarathonClient
    rm: DrainRm
    deadline: timedelta
    look: timedelta
    hear: Notices
    clock: Clock = field(default_factory=steady_clock)
    #: URLs that were locked here and not unlocked, and not of a killed task.
    locked: set[str] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._until = self.clock() + self.deadline

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is not None:
                self._release()
            if isinstance(error, ProActiveError):
                error.remedy += "; or give --no-drain, which kills nodes with what runs on them"
        finally:
            self.rm.close()

    def scale_down(self, app_id: str, target: int) -> None:
        """Kill with scale until no more than ``target`` tasks are left. Raises client errors."""
        killed: dict[str, Candidate] = {}
        while True:
            app, live = self._look([app_id])
            left = [one for one in live if one.task.id not in killed]
            if len(left) <= target:
                break
            step = self._step(left, len(left) - target)
            # Our own last kill is a deployment of this app; a foreign one is Marathon's to refuse.
            if step.kill and not (killed and app.deployment_ids):
                ids = [one.task.id for one in step.kill]
                self.hear.on_sending()
                self.hear.on_progress(app_id, f"stopping {len(ids)} drained tasks")
                self._kill_with_scale(app, ids)
                killed |= {one.task.id: one for one in step.kill}
                self._killed(step)
            pause(self.look)
        if killed:
            self._forget(app_id, killed)
            self._await_end(app_id)

    def _kill_with_scale(self, app: AppView, ids: Sequence[str]) -> None:
        """Sent once: a second time Marathon would take the instances off again."""
        try:
            self.client.kill_tasks(ids, scale=True)
        except MarathonUnavailableError as error:
            if not error.sent:
                raise
            now = self.client.find_app(app.id)
            if now is None or now.instances > app.instances - len(ids):
                raise

    def _await_end(self, app_id: str) -> None:
        """Wait for the end of our own deployment, which locks the app for what follows."""
        until = self.clock() + GONE
        while self.clock() < until:
            app = self.client.find_app(app_id)
            if app is None or not app.deployment_ids:
                return
            pause(self.look)

    def replace_all(self, app_id: str, timeout: timedelta) -> str:
        """Replace every task that runs now, a few at a time; return what stopped it, if anything.

        The next ones go only when the successors of the last are nodes of the RM.
        """
        killed: dict[str, Candidate] = {}
        app, live = self._look([app_id])
        old = {one.task.id for one in live}
        patience = self.clock() + timeout
        while True:
            app, live = self._look([app_id])
            left = [one for one in live if one.task.id in old - killed.keys()]
            ready = sum(one.task.id not in old and bool(one.urls) for one in live)
            away = max(0, min(app.instances, len(old)) - len(left) - ready)
            if not left and not away:
                break
            if killed and self.clock() >= patience:
                return f"{away} replaced nodes of {app_id} are not in the RM; the rest is untouched"
            step = self._step(left, min(len(left), batch_of(app.instances) - away))
            if step.kill:
                self.hear.on_progress(app_id, f"replacing {len(step.kill)}, {len(left)} to go")
                self.client.kill_tasks([one.task.id for one in step.kill])
                self.client.reset_delay(app_id)
                killed |= {one.task.id: one for one in step.kill}
                self._killed(step)
                patience = self.clock() + timeout
            pause(self.look)
        self._forget(app_id, killed)
        return ""

    def quiet(self, app_ids: Sequence[str]) -> None:
        """Lock every node and wait until all are idle, or the deadline; kill nothing."""
        while True:
            _, live = self._look(app_ids)
            step = self._step(live, len(live))
            if not step.lock and not step.waits_for:
                self._name(step.forced)
                self.locked.clear()  # they are about to be stopped, with the server that knows it
                return
            pause(self.look)

    def _look(self, app_ids: Sequence[str]) -> tuple[AppView, list[Candidate]]:
        """Read the apps first: a task that the RM knows then cannot be missing from them."""
        apps = [self.client.get_app(app_id) for app_id in app_ids]
        nodes = self.rm.get_nodes()
        return apps[0], [one for app in apps for one in candidates(app, nodes)]

    def _step(self, live: Sequence[Candidate], count: int) -> Step:
        step = drain_step(live, count, self.locked, self.clock(), self._until)
        if step.unlock:
            self.rm.unlock_nodes(step.unlock)
            self.locked -= set(step.unlock)
        if step.lock:
            self.locked |= set(step.lock)  # first: an answer may be lost
            self.rm.lock_nodes(step.lock)
        if step.preempt:
            self._put_back(step.preempt)
        for one in step.waits_for:
            if one.task.id not in self._said:
                self._said.add(one.task.id)
                left_s = (self._until - self.clock()).total_seconds()
                what = f"{', '.join(one.busy_nodes)} is at work"
                if one.use is Use.UNKNOWN:
                    what = f"nobody knows what {one.task.id} works on"
                self.hear.on_note(f"{what}: waiting up to {max(0.0, left_s):.0f} s for it")
        return step

    def _put_back(self, busy: Sequence[Candidate]) -> None:
        """Take what locked nodes work on off them; it runs again elsewhere, counters untouched."""
        nodes = {node for one in busy for node in one.busy_nodes}
        for task in running_tasks(self.rm):
            if task.node in nodes and self.rm.preempt_task(task.job_id, task.name):
                self.hear.on_note(
                    f"the drain's deadline passed: {task} is taken off {task.node} and runs again "
                    "elsewhere"
                )

    def _killed(self, step: Step) -> None:
        self.locked -= {url for one in step.kill for url in one.urls}
        self._name(step.forced)

    def _name(self, forced: Iterable[Candidate]) -> None:
        for one in forced:
            nodes = ", ".join(one.busy_nodes)
            at_work = f"while {nodes} works" if nodes else "and nobody knows what it works on"
            self.hear.on_note(
                f"the drain's deadline passed: {one.task.id} is killed, {at_work}; that may be lost"
            )

    def _forget(self, app_id: str, killed: dict[str, Candidate]) -> None:
        """Remove the entries of killed tasks from the RM, which never does (facts/stack.md 11).

        Only once the task is gone: the process ends by itself when its last node is removed, and
        Marathon would take that for an end to make good.
        """
        until = self.clock() + GONE
        while self._runs(app_id, killed) and self.clock() < until:
            pause(self.look)
        for one in killed.values():
            for node in one.nodes:
                try:
                    self.rm.remove_node(node.url)
                except ProActiveError as error:
                    self.hear.on_note(f"{node.name} stays listed in the RM: {error.problem}")
                    return  # the watcher removes them

    def _runs(self, app_id: str, killed: dict[str, Candidate]) -> bool:
        app = self.client.find_app(app_id)
        return app is not None and any(t.id in killed and not t.terminal for t in app.tasks)

    def _release(self) -> None:
        if not self.locked:
            return
        urls = sorted(self.locked)
        listing = ", ".join(url.rsplit("/", 1)[-1] for url in urls)
        try:
            self.rm.unlock_nodes(urls)
        except PamesosError as error:
            self.hear.on_note(
                f"these nodes stay locked in the RM, unlock them there: {listing} ({error.problem})"
            )
        else:
            self.hear.on_note(f"unlocked again: {listing}")


def rest_of(apps: Iterable[AppView]) -> str | None:
    """Return the REST address of a cluster whose scheduler runs; None if there is no RM to ask."""
    for app in apps:
        if names.LABEL_REST in app.labels and app.running_tasks():
            return app.labels[names.LABEL_REST]
    return None
