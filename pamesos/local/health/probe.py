"""Asks a task how it is, the way its check says. IO only: what an answer means is elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pamesos.local.executors.base import Executor
from pamesos.local.health import http
from pamesos.local.instances import ports
from pamesos.local.instances.model import Instance

#: Checks that Mesos makes beside the task, not Marathon from afar.
_MESOS = ("MESOS_", "COMMAND")


def is_of_mesos(check: Mapping[str, Any]) -> bool:
    """Tell whether Mesos makes this check: only then ``delaySeconds`` counts (recordings 04)."""
    return str(check["protocol"]).startswith(_MESOS)


async def ask(
    executor: Executor, reach: http.Reach, instance: Instance, check: Mapping[str, Any]
) -> str | None:
    """Return what is wrong, None if nothing is."""
    timeout_s = float(check["timeoutSeconds"])
    protocol = str(check["protocol"]).removeprefix("MESOS_")
    try:
        if protocol == "COMMAND":
            command = str(check["command"]["value"])
            return await executor.probe(instance, command, timeout_s)
        host, port = _address(instance, check)
        if protocol == "TCP":
            await reach.connect(instance, host, port, timeout_s)
            return None
        url = (protocol.lower(), host, port, str(check.get("path") or "/"))
        return _verdict(await reach.get(instance, url, timeout_s), check)
    except TimeoutError:
        return f"timeout after {timeout_s:g} s"
    except (OSError, ValueError, LookupError) as error:
        return f"{type(error).__name__}: {error}"


def _address(instance: Instance, check: Mapping[str, Any]) -> tuple[str, int]:
    port = check.get("port")
    if port is not None:
        return ports.address(instance, int(port))
    index = int(check.get("portIndex") or 0)
    known = ports.addresses(instance)
    if index >= len(known):
        raise LookupError(f"the task has no port of index {index}")
    return known[index]


def _verdict(response: http.Response, check: Mapping[str, Any]) -> str | None:
    is_good = 200 <= response.status < 400
    if is_good or (check.get("ignoreHttp1xx") and 100 <= response.status < 200):
        return None
    return f"{response.status} {response.reason}".strip()
