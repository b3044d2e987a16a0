"""Every error pamesos raises on purpose, and the exit status each one ends with.

An error states the problem, then the remedy: the command or the change that gets the operator out
of it. Facts (``app_id``, ``status``) are attributes, so that logs carry them as fields and tests
need not parse prose. No error text ever holds a secret: bodies of requests are never quoted.

    PamesosError                      1
    ├── InvalidInputError             2  nothing was sent
    │   ├── InvalidDescriptionError
    │   └── SettingsError
    ├── MarathonError
    │   ├── MarathonUnavailableError  6
    │   └── MarathonRefusedError      7
    │       └── DeploymentLockedError 8
    ├── MesosUnavailableError         6
    ├── StateUnavailableError         6
    ├── ProActiveError
    │   ├── ProActiveUnavailableError 6
    │   ├── ProActiveRefusedError     7
    │   ├── JobFailedError            1
    │   └── JobTimedOutError          5
    └── NotFoundError                 9
"""

from __future__ import annotations

import enum
from collections.abc import Iterable


class ExitStatus(enum.IntEnum):
    """What the process tells the shell; the table in docs/exit-status.md is made of these."""

    DONE = 0
    FAILED = 1
    BAD_INPUT = 2
    CANCELLED = 3
    SUPERSEDED = 4
    TIMED_OUT = 5
    UNAVAILABLE = 6
    REFUSED = 7
    LOCKED = 8
    NOT_FOUND = 9
    INTERRUPTED = 130


class PamesosError(Exception):
    """Root of the hierarchy; the CLI catches this class and no other."""

    exit_status = ExitStatus.FAILED

    def __init__(self, problem: str, *, remedy: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem}\nTry: {self.remedy}"


class InvalidInputError(PamesosError):
    """The caller gave something unusable; nothing was sent anywhere."""

    exit_status = ExitStatus.BAD_INPUT


class InvalidDescriptionError(InvalidInputError):
    """The file cannot be turned into a plan; ``faults`` has one line for each fault."""

    def __init__(self, source: str, faults: Iterable[str], *, remedy: str | None = None) -> None:
        self.source = source
        self.faults = tuple(faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        listing = "\n".join(f"  {fault}" for fault in self.faults)
        super().__init__(
            f"{source} cannot be used, {count}; nothing was sent:\n{listing}",
            remedy=remedy or f"correct the file, then run `pamesos validate {source}`",
        )


class SettingsError(InvalidInputError):
    """A setting, flag or environment variable of pamesos itself is unusable."""


class MarathonError(PamesosError):
    """Marathon could not be reached, or refused a request."""


class MarathonUnavailableError(MarathonError):
    """No usable reply; asking again later may succeed."""

    exit_status = ExitStatus.UNAVAILABLE

    def __init__(
        self, url: str, detail: str, *, remedy: str | None = None, sent: bool = False
    ) -> None:
        self.url = url
        self.detail = detail
        #: The request may have been carried out although its answer was lost: look, never re-send.
        self.sent = sent
        super().__init__(
            f"Marathon at {url} gave no usable answer: {detail}",
            remedy=remedy
            or "check the address (--marathon, PAMESOS_MARATHON_URL) and that its /ping says pong",
        )


class MarathonRefusedError(MarathonError):
    """Marathon understood the request and said no; repeating it is useless."""

    exit_status = ExitStatus.REFUSED

    def __init__(
        self, method: str, path: str, status: int, detail: str, *, remedy: str | None = None
    ) -> None:
        self.method, self.path, self.status, self.detail = method, path, status, detail
        super().__init__(
            f"Marathon refused {method} {path} (HTTP {status}): {detail}",
            remedy=remedy or "correct what it names; `pamesos render FILE` shows what is sent",
        )


class DeploymentLockedError(MarathonRefusedError):
    """Another deployment holds an app of the group (HTTP 409)."""

    exit_status = ExitStatus.LOCKED

    def __init__(self, method: str, path: str, deployment_ids: Iterable[str]) -> None:
        self.deployment_ids = tuple(deployment_ids)
        held_by = ", ".join(self.deployment_ids) or "unknown"
        super().__init__(
            method,
            path,
            409,
            f"locked by the running deployment {held_by}",
            remedy="wait until it ends, or cancel it in the Marathon UI under Deployments",
        )


class MesosUnavailableError(PamesosError):
    """A Mesos master or agent gave no usable answer (sandboxes are read from them)."""

    exit_status = ExitStatus.UNAVAILABLE

    def __init__(
        self, url: str, detail: str, *, remedy: str | None = None, sent: bool = False
    ) -> None:
        self.url, self.detail, self.sent = url, detail, sent
        super().__init__(
            f"Mesos at {url} gave no usable answer: {detail}",
            remedy=remedy or "check that this machine reaches the Mesos masters and agents",
        )


class StateUnavailableError(PamesosError):
    """What pamesos itself must remember (journal, holds) cannot be read or written now."""

    exit_status = ExitStatus.UNAVAILABLE

    def __init__(self, where: str, detail: str) -> None:
        self.where, self.detail = where, detail
        super().__init__(
            f"the watcher's state at {where} cannot be used: {detail}",
            remedy="check --state-dir (space, permissions) or --zookeeper (that it answers)",
        )


class ProActiveError(PamesosError):
    """The ProActive server could not be reached, or refused a request."""


class ProActiveUnavailableError(ProActiveError):
    """No usable reply from the REST API; asking again later may succeed."""

    exit_status = ExitStatus.UNAVAILABLE

    def __init__(self, url: str, detail: str) -> None:
        self.url = url
        self.detail = detail
        super().__init__(
            f"ProActive at {url} gave no usable answer: {detail}",
            remedy="`pamesos status NAME` shows whether the scheduler runs and is ready",
        )


class ProActiveRefusedError(ProActiveError):
    """ProActive said no. A rejected login is final: three of them lock the account for 10 min."""

    exit_status = ExitStatus.REFUSED

    def __init__(self, url: str, status: int, detail: str, *, remedy: str | None = None) -> None:
        self.url, self.status, self.detail = url, status, detail
        super().__init__(
            f"ProActive at {url} refused (HTTP {status}): {detail}",
            remedy=remedy or "correct what it names, then run the command again",
        )


class JobFailedError(ProActiveError):
    """A job ended, and not well; the report was printed."""


class JobTimedOutError(ProActiveError):
    """A job was still running when the time was up; it goes on."""

    exit_status = ExitStatus.TIMED_OUT


class NotFoundError(PamesosError):
    """The cluster, app, task or job that was named does not exist."""

    exit_status = ExitStatus.NOT_FOUND
