"""How a status looks: text for 80 columns and more, and JSON for programs."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from pamesos.core.report import AppStatus, ClusterStatus, RmStatus

Row = tuple[str, ...]
_UNCUT = 100_000


def width() -> int:
    """Return the columns there are: the terminal's, COLUMNS, or 80."""
    return max(40, shutil.get_terminal_size((80, 24)).columns)


def show(status: ClusterStatus, *, wide: bool, columns: int, now: datetime) -> Iterator[str]:
    """Yield the lines of one cluster: its state, RM, deployments, apps, and what is wrong."""
    yield f"{status.group_id}: {_state(status)}"
    yield from _wrapped(_sides(status), columns)
    for deployment in status.deployments:
        steps = f"step {deployment.current_step} of {deployment.total_steps}"
        actions = ", ".join(f"{action} {app}" for action, app in deployment.current_actions)
        yield from _wrapped(f"deployment {deployment.id}: {steps}, {actions}", columns)
    yield ""
    # Who asks for wide wants every address whole, and the terminal to wrap them.
    yield from table(_rows(status, wide, now), _UNCUT if wide else columns)
    problems = [line for app in status.apps for line in _problems(app, now)]
    if problems:
        yield ""
    for problem in problems:
        yield from _wrapped(problem, columns)


def _state(status: ClusterStatus) -> str:
    stand_in = " (stand-in, not the real ProActive)" if status.stand_in else ""
    return ("up" if status.up else "NOT UP") + stand_in


def _sides(status: ClusterStatus) -> str:
    """Return Marathon's view and the RM's side by side."""
    running, wanted = status.nodes
    parts = [f"nodes {running}/{wanted} running"] if wanted or running else []
    if status.rm is not None:
        parts.append(_rm(status.rm))
    count = len(status.apps)
    return ", ".join(parts) or (f"{count} apps" if count != 1 else "1 app")


def _rm(rm: RmStatus) -> str:
    where = f" at {rm.url}" if rm.url else ""
    if rm.problem is not None:
        return f"RM: not readable ({rm.problem}){where}"
    return f"RM {rm}{where}"


def _rows(status: ClusterStatus, wide: bool, now: datetime) -> list[Row]:
    header: Row = ("NAME", "TIER", "RUNNING", "HEALTHY", "SINCE", "ADDRESS")
    rows = [(*header, "CHANGED", "APP") if wide else header]
    for app in status.apps:
        uptime = app.uptime
        row: Row = (
            app.name,
            app.tier or "-",
            f"{uptime.running}/{uptime.wanted}",
            f"{uptime.healthy}/{uptime.wanted}" if uptime.checks else "-",
            age(app.since, now),
            _addresses(app, wide),
        )
        rows.append((*row, _changed(app, now), app.app_id) if wide else row)
    return rows


def _addresses(app: AppStatus, wide: bool) -> str:
    if wide or len(app.addresses) < 2:
        return ", ".join(app.addresses) or "-"
    return f"{app.addresses[0]} +{len(app.addresses) - 1}"


def _changed(app: AppStatus, now: datetime) -> str:
    try:
        return age(datetime.fromisoformat(app.changed_at), now)
    except ValueError:
        return "-"


def _problems(app: AppStatus, now: datetime) -> Iterator[str]:
    name = _fit(app.name, 32)
    if app.waiting is not None:
        yield f"{name}: {app.waiting}"
    failure = app.last_failure
    if failure is None or (app.waiting is not None and failure.message in app.waiting):
        return
    where = f" on {failure.host}" if failure.host else ""
    message = failure.message.strip() or failure.state
    yield f"{name}: last failure {age(failure.at, now)} ago{where}: {message}"


def age(at: datetime | None, now: datetime) -> str:
    """Return how long ago something was, in one or two units: ``41s``, ``3m12s``, ``2d4h``."""
    if at is None:
        return "-"
    seconds = max(0, int((now - at).total_seconds()))
    units = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    for index, (unit, size) in enumerate(units):
        if seconds >= size or unit == "s":
            count, rest = divmod(seconds, size)
            if index + 1 == len(units) or seconds >= 10 * size:
                return f"{count}{unit}"
            small, small_size = units[index + 1]
            return f"{count}{unit}{rest // small_size}{small}"
    return "-"


def table(rows: Sequence[Row], columns: int) -> Iterator[str]:
    """Yield rows as aligned columns; cells that are too long for the terminal are cut with …."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    room = columns - 2 * (len(widths) - 1)
    while sum(widths) > room and max(widths) > 8:
        widths[widths.index(max(widths))] -= 1
    for row in rows:
        cells = (_fit(cell, size).ljust(size) for cell, size in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _fit(cell: str, size: int) -> str:
    return cell if len(cell) <= size else cell[: size - 1] + "…"


def _wrapped(text: str, columns: int) -> list[str]:
    return textwrap.wrap(
        text, columns, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def as_json(status: ClusterStatus) -> dict[str, Any]:
    """Return a status for programs; keys are camelCase, times ISO 8601 in UTC."""
    return {
        "group": status.group_id,
        "up": status.up,
        "standIn": status.stand_in,
        "apps": [_app_as_json(app) for app in status.apps],
        "deployments": [
            {
                "id": deployment.id,
                "version": deployment.version,
                "step": deployment.current_step,
                "steps": deployment.total_steps,
            }
            for deployment in status.deployments
        ],
        "rm": _rm_as_json(status.rm),
    }


def _app_as_json(app: AppStatus) -> dict[str, Any]:
    failure = app.last_failure
    return {
        "id": app.app_id,
        "name": app.name,
        "tier": app.tier,
        "up": app.up,
        "wanted": app.uptime.wanted,
        "running": app.uptime.running,
        "healthy": app.uptime.healthy if app.uptime.checks else None,
        "since": _iso(app.since),
        "changedAt": app.changed_at,
        "waiting": app.waiting,
        "tasks": [
            {"id": t.id, "state": t.state, "host": t.host, "ports": list(t.ports)}
            for t in app.tasks
        ],
        "lastFailure": None
        if failure is None
        else {"at": _iso(failure.at), "host": failure.host, "message": failure.message},
    }


def _rm_as_json(rm: RmStatus | None) -> dict[str, Any] | None:
    if rm is None:
        return None
    counts = {"free": rm.free, "busy": rm.busy, "other": rm.other, "down": rm.dead}
    known = counts if rm.problem is None else dict.fromkeys(counts)
    return {"url": rm.url, "wanted": rm.wanted, **known, "problem": rm.problem}


def _iso(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at is not None else None
