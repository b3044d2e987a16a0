"""Readiness checks: a deployment goes on only when a task says that it can do its work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from pamesos.local import background
from pamesos.local.health import http
from pamesos.local.instances import ports
from pamesos.local.instances.lifecycle import Lifecycle
from pamesos.local.instances.model import Instance, Task

_DEFAULT_READY = (200,)


class Readiness:
    """Asks each task until it is ready; then never again, as Marathon."""

    def __init__(self, lifecycle: Lifecycle, reach: http.Reach) -> None:
        self._lifecycle = lifecycle
        self._reach = reach
        self._loops: dict[str, list[asyncio.Task[None]]] = {}
        #: Instance id -> name of the check -> what is shown of it.
        self._results: dict[str, dict[str, dict[str, Any]]] = {}

    def started(self, instance: Instance) -> None:
        """Begin to ask a task that runs."""
        checks = instance.app.get("readinessChecks") or ()
        if not checks or instance.ready:
            return
        self._results[instance.id] = {}
        self._loops[instance.id] = [
            background.start(self._loop(instance, check), f"readiness {instance.id}")
            for check in checks
        ]

    def ended(self, instance: Instance) -> None:
        """Stop asking a task."""
        for loop in self._loops.pop(instance.id, ()):
            loop.cancel()
        self._results.pop(instance.id, None)

    def results(self, instance: Instance) -> list[dict[str, Any]]:
        """Return the ``readinessCheckResults`` of an instance."""
        return list(self._results.get(instance.id, {}).values())

    async def _loop(self, instance: Instance, check: Mapping[str, Any]) -> None:
        task = instance.task
        assert task is not None
        while True:
            response = await _ask(self._reach, task, instance, check)
            codes = check.get("httpStatusCodesForReady") or _DEFAULT_READY
            is_ready = response.status in codes
            self._note(instance, task, check, response, is_ready)
            if is_ready:
                return
            await self._reach.pause(instance, float(check["intervalSeconds"]))

    def _note(
        self,
        instance: Instance,
        task: Task,
        check: Mapping[str, Any],
        response: http.Response,
        is_ready: bool,
    ) -> None:
        shown: dict[str, Any] = {"name": check["name"], "taskId": task.id, "ready": is_ready}
        if check.get("preserveLastResponse"):
            shown["lastResponse"] = {
                "status": response.status,
                "contentType": response.content_type,
                "body": response.body,
            }
        results = self._results[instance.id]
        results[check["name"]] = shown
        current = self._lifecycle.tracker.get(instance.id)
        checks = instance.app["readinessChecks"]
        all_ready = len(results) == len(checks) and all(r["ready"] for r in results.values())
        if all_ready and current is not None and current.is_running:
            self._lifecycle.set_ready(current)


async def _ask(
    reach: http.Reach, task: Task, instance: Instance, check: Mapping[str, Any]
) -> http.Response:
    timeout_s = float(check["timeoutSeconds"])
    scheme = str(check.get("protocol", "HTTP")).lower()
    host, port = _address(instance, str(check.get("portName")))
    path = str(check.get("path") or "/")
    try:
        return await reach.get(instance, (scheme, host, port, path), timeout_s)
    except TimeoutError:
        why = f"Future timed out after {timeout_s * 1000:.0f} ms"
    except (OSError, ValueError) as error:
        why = str(error)
    url = f"{scheme}://{task.host}:{port}{path}"
    return http.Response(504, "", "text/plain", f"Marathon could not query {url}: {why}")


def _address(instance: Instance, name: str) -> tuple[str, int]:
    """Return where the port of this name is reached, the first one if none has it."""
    known = ports.addresses(instance)
    named = zip(known, ports.definitions(instance.app), strict=False)
    first = known[0] if known else ports.address(instance, 0)
    return next((address for address, each in named if each.get("name") == name), first)
