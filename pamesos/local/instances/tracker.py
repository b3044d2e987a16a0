"""All instances there are, by app; who waits for a change of an app is woken here.

The tracker knows no rules. Everything that changes an instance goes through :meth:`put` and
:meth:`remove`, which is where it is kept on disk too.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from pamesos.local.instances.model import Instance, instance_of

#: (id, new value or None when it is gone)
Listener = Callable[[str, Instance | None], None]


class Changes:
    """Which instances of an app changed since one last looked."""

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._rung = asyncio.Event()

    def add(self, instance_id: str) -> None:
        """Note a change."""
        self._ids.add(instance_id)
        self._rung.set()

    async def take(self) -> set[str]:
        """Return the ids of the instances that changed, as soon as there are any."""
        await self._rung.wait()
        self._rung.clear()
        ids, self._ids = self._ids, set()
        return ids


class Tracker:
    """Instances by app, in the order in which they were made."""

    def __init__(self, listener: Listener = lambda _id, _instance: None) -> None:
        self._by_app: dict[str, dict[str, Instance]] = {}
        self._app_of: dict[str, str] = {}
        self._listener = listener
        self._watches: dict[str, set[Changes]] = {}

    @contextlib.contextmanager
    def watch(self, app_id: str) -> Iterator[Changes]:
        """Collect the changes of an app's instances from now on."""
        changes = Changes()
        self._watches.setdefault(app_id, set()).add(changes)
        try:
            yield changes
        finally:
            self._watches[app_id].discard(changes)

    def _tell(self, instance: Instance, value: Instance | None) -> None:
        self._listener(instance.id, value)
        for changes in self._watches.get(instance.app_id, ()):
            changes.add(instance.id)

    def get(self, instance_id: str) -> Instance | None:
        """Return an instance, None if there is none of this id."""
        app = self._app_of.get(instance_id)
        return None if app is None else self._by_app[app].get(instance_id)

    def by_task(self, task_id: str) -> Instance | None:
        """Return the instance whose task has exactly this id."""
        instance = self.get(instance_of(task_id) or "")
        if instance is None or instance.task is None or instance.task.id != task_id:
            return None
        return instance

    def of_app(self, app_id: str) -> tuple[Instance, ...]:
        """Return the instances of an app, oldest first."""
        return tuple(self._by_app.get(app_id, {}).values())

    def is_last(self, instance: Instance) -> bool:
        """Tell whether an app has no instance but this one."""
        members = self._by_app.get(instance.app_id, {})
        return len(members) <= (instance.id in members)

    def apps(self) -> tuple[str, ...]:
        """Return the ids of the apps that have instances."""
        return tuple(self._by_app)

    def all(self) -> Iterator[Instance]:
        """Yield every instance."""
        for instances in self._by_app.values():
            yield from instances.values()

    def put(self, instance: Instance) -> Instance:
        """Add or replace an instance, and wake those who wait for its app."""
        self._by_app.setdefault(instance.app_id, {})[instance.id] = instance
        self._app_of[instance.id] = instance.app_id
        self._tell(instance, instance)
        return instance

    def remove(self, instance: Instance) -> None:
        """Forget an instance."""
        if self._app_of.pop(instance.id, None) is None:
            return
        instances = self._by_app[instance.app_id]
        del instances[instance.id]
        if not instances:
            del self._by_app[instance.app_id]
        self._tell(instance, None)
