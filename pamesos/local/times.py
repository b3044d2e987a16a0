"""Times as Marathon writes them: UTC, milliseconds, a Z at the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """Return the time, aware and in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Return ``2026-11-22T16:31:33.819Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def from_iso(text: str) -> datetime:
    """Return the moment that :func:`iso` wrote. Raises ValueError for another shape."""
    return datetime.fromisoformat(text)


class Versions:
    """Gives out versions: the time, but never the same one twice and never an earlier one."""

    def __init__(self) -> None:
        self._last = datetime(1970, 1, 1, tzinfo=UTC)

    def next(self) -> str:
        """Return the version of the next change."""
        moment = now()
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        self._last = max(moment, self._last + timedelta(milliseconds=1))
        return iso(self._last)

    def seen(self, version: str) -> None:
        """Take note of a version given out before a restart."""
        self._last = max(self._last, from_iso(version))
