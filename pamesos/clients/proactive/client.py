"""One method for each call that pamesos makes; replies become values."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

from pamesos.clients.proactive.multipart import MultipartFile
from pamesos.clients.proactive.replies import (
    ServerVersion,
    parse_job,
    parse_node,
    parse_task,
    parse_text,
)
from pamesos.clients.proactive.transport import (
    NotConnectedError,
    Reply,
    Request,
    Timeouts,
    retrying,
    send,
)
from pamesos.core.jobs import Credentials, JobView, TaskResult, TaskRun
from pamesos.core.rm import RmNode
from pamesos.errors import InvalidInputError, ProActiveRefusedError, ProActiveUnavailableError

if TYPE_CHECKING:
    import requests

_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
_LOGIN_REMEDY = (
    "set PAMESOS_PROACTIVE_USER and PAMESOS_PROACTIVE_PASSWORD_FILE to a login of this server; "
    "three wrong ones lock the account for 10 minutes, so do not simply repeat it"
)


class ProActiveClient:
    """A session with one ProActive server; not for use by several threads at once.

    ``rest_url`` is the base, ``http://host:port/rest``. It logs in when the first call needs it,
    and once more when the server forgot the session. ``retry_for_s`` 0 turns retries off (for
    loops that repeat by themselves). Every method raises ProActiveUnavailableError when there is
    no usable reply and ProActiveRefusedError when the server says no.
    """

    def __init__(
        self,
        rest_url: str,
        credentials: Credentials,
        *,
        timeouts: Timeouts | None = None,
        retry_for_s: float = 20.0,
        verify: bool | str = True,
    ) -> None:
        self.url = rest_url.rstrip("/")
        self._credentials = credentials
        self._timeouts = timeouts or Timeouts()
        self._retry_for_s = retry_for_s
        self._verify = verify
        self._session: requests.Session | None = None
        self._sid: str | None = None
        #: Once rejected, a login is never sent again: three of them lock the account.
        self._rejected: ProActiveRefusedError | None = None

    def __repr__(self) -> str:
        return f"ProActiveClient({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def login(self, *, read_timeout_s: float | None = None) -> None:
        """Log in anew. A rejected login is final: later calls raise it without sending anything."""
        if self._rejected is not None:
            raise self._rejected
        login = (("username", self._credentials.user), ("password", self._credentials.password))
        request = Request("POST", "/scheduler/login", form=login, read_timeout_s=read_timeout_s)
        try:
            reply = self._send(request, sid=None)
        except NotConnectedError:
            raise self._reject(401, "the login was rejected") from None
        except ProActiveRefusedError as error:
            # A wrong login is HTTP 404 (recordings/proactive/01-basic.jsonl, bad-login).
            raise self._reject(error.status, error.detail) from None
        sid = reply.text.strip()
        if not sid or len(sid) > 1024 or len(sid.split()) != 1 or sid.startswith("<"):
            raise ProActiveUnavailableError(self.url, "the login's reply is no session id")
        self._sid = sid

    def _reject(self, status: int, detail: str) -> ProActiveRefusedError:
        detail = detail.removeprefix("POST /scheduler/login: ")
        self._rejected = ProActiveRefusedError(
            self.url,
            status,
            f"the login of {self._credentials.user!r} was rejected: {detail}",
            remedy=_LOGIN_REMEDY,
        )
        return self._rejected

    def disconnect(self) -> None:
        """End the session on the server, if there is one."""
        sid, self._sid = self._sid, None
        if sid is not None:
            with contextlib.suppress(NotConnectedError):  # then it had ended already
                self._send(Request("PUT", "/scheduler/disconnect"), sid=sid, retry=False)

    def close(self) -> None:
        """Disconnect as far as that is possible; else the session idles out (facts 5)."""
        with contextlib.suppress(ProActiveUnavailableError, ProActiveRefusedError):
            self.disconnect()

    def get_version(self) -> ServerVersion:
        """Return the versions; needs no login: 200 means that REST answers (not the database)."""
        body = self._send(Request("GET", "/rm/version", repeatable=True), sid=None).json(self.url)
        if not isinstance(body, dict) or "rm" not in body:
            raise ProActiveUnavailableError(self.url, "the reply is not ProActive's version")
        return ServerVersion(str(body["rm"]), str(body.get("rest", "")))

    def get_nodes(self) -> tuple[RmNode, ...]:
        """Return all nodes the RM lists, dead ones too: it never drops those (stack.md 11)."""
        body = self._get_json("/rm/monitoring/full")
        return tuple(parse_node(e) for e in self._members(body, "nodesEvents", "/rm/monitoring"))

    def remove_node(self, node_url: str, *, preempt: bool = False) -> bool:
        """Remove a node from the RM; False if the RM does not know it. A Busy one waits for its
        task's end unless ``preempt``. The process ends when its last node is removed."""
        form = (("url", node_url), ("preempt", "true" if preempt else "false"))
        return self._post_flag("/rm/node/remove", form)

    def lock_nodes(self, node_urls: Iterable[str]) -> bool:
        """Lock nodes: they get no new task; what they run goes on."""
        return self._post_urls("/rm/node/lock", node_urls)

    def unlock_nodes(self, node_urls: Iterable[str]) -> bool:
        """Undo :meth:`lock_nodes`."""
        return self._post_urls("/rm/node/unlock", node_urls)

    def check_database(self) -> None:
        """Return if the server's database answers, through the server.

        RM state and scheduler status come from memory, so they prove nothing; a login and
        ``jobsinfo`` block while the database is away (recordings/proactive/11-db-outage.jsonl).
        Raises ProActiveUnavailableError within about twice ``timeouts.database_s``.
        """
        short = self._timeouts.database_s
        if self._sid is None:
            self.login(read_timeout_s=short)
        request = Request("GET", "/scheduler/jobsinfo?index=0&limit=1", read_timeout_s=short)
        self._with_session(request)

    def submit(self, workflow: Path, variables: Mapping[str, str] | None = None) -> int:
        """Submit a workflow file and return the job's id; sent again only if it never left."""
        matrix = "".join(
            f";{quote(name, safe='')}={quote(value, safe='')}"
            for name, value in (variables or {}).items()
        )
        boundary = secrets.token_hex(16)
        request = Request(
            "POST",
            "/scheduler/submit" + matrix,
            body=lambda: MultipartFile(workflow, boundary),  # opened anew for each attempt
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
            label="POST /scheduler/submit",
        )
        try:
            body = self._with_session(request).json(self.url)
        except OSError as error:
            raise InvalidInputError(
                f"{workflow} cannot be read: {error.strerror}; nothing was sent",
                remedy="name a readable workflow file",
            ) from error
        try:
            return int(body["id"])
        except (KeyError, TypeError, ValueError):
            raise self._odd("/scheduler/submit") from None

    def get_job(self, job_id: int) -> JobView:
        """Return the state of a job. An unknown job is refused (404)."""
        info = self._get_json(f"/scheduler/jobs/{job_id}/info")
        if not isinstance(info, dict) or "status" not in info:
            raise self._odd("/info")
        return parse_job(job_id, info)

    def get_tasks(self, job_id: int) -> tuple[TaskRun, ...]:
        """Return all tasks of a job with status, node and host."""
        body = self._get_json(f"/scheduler/jobs/{job_id}/taskstates")
        return tuple(parse_task(task) for task in self._members(body, "list", "/taskstates"))

    def list_jobs(self, index: int, limit: int) -> list[dict[str, Any]]:
        """Return one page of the entries of ``jobsinfo``; see :mod:`.running`."""
        body = self._get_json(f"/scheduler/jobsinfo?index={index}&limit={limit}")
        return self._members(body, "list", "/jobsinfo")

    def get_task_result(self, job_id: int, task: str) -> TaskResult:
        """Return what the task left; all None before its end."""
        reply = self._get(f"{_task_path(job_id, task)}/result")
        body = reply.json(self.url) if reply.status != 204 and reply.text else {}
        body = body if isinstance(body, dict) else {}
        output = body.get("output")
        output = output if isinstance(output, dict) else {}
        return TaskResult(
            value=parse_text(body.get("value")),
            error=parse_text(body.get("exceptionMessage")),
            stdout=parse_text(output.get("stdoutLogs")),
            stderr=parse_text(output.get("stderrLogs")),
        )

    def get_task_value(self, job_id: int, task: str) -> str | None:
        """Return the value (a script's exit code for bash); None before the end (204)."""
        reply = self._get(f"{_task_path(job_id, task)}/result/value")
        return None if reply.status == 204 else reply.text

    def get_task_log(self, job_id: int, task: str) -> str:
        """Return the output so far, lines ``[1t0@host;task;15:42:52] text``."""
        return self._get(f"{_task_path(job_id, task)}/result/log/all").text

    def kill_job(self, job_id: int) -> bool:
        """Kill a job; its running tasks become ABORTED."""
        reply = self._with_session(Request("PUT", f"/scheduler/jobs/{job_id}/kill"))
        return reply.text.strip() == "true"

    def preempt_task(self, job_id: int, task: str) -> bool:
        """Take a task off its node and run it again: the cure for ghost tasks (facts 3)."""
        reply = self._with_session(Request("PUT", f"{_task_path(job_id, task)}/preempt"))
        return reply.text.strip() == "true"

    def _get(self, path: str) -> Reply:
        return self._with_session(Request("GET", path, repeatable=True))

    def _get_json(self, path: str) -> Any:
        return self._get(path).json(self.url)

    def _post_flag(self, path: str, form: tuple[tuple[str, str], ...]) -> bool:
        return self._with_session(Request("POST", path, form=form)).text.strip() == "true"

    def _post_urls(self, path: str, node_urls: Iterable[str]) -> bool:
        form = tuple(("nodeurls", url) for url in node_urls)
        return self._post_flag(path, form) if form else True

    def _with_session(self, request: Request) -> Reply:
        """Send with the session; on 401 log in once and send once more."""
        if self._sid is None:
            self.login()
        try:
            return self._send(request, sid=self._sid)
        except NotConnectedError:
            self._sid = None
            self.login(read_timeout_s=request.read_timeout_s)
        try:
            return self._send(request, sid=self._sid)
        except NotConnectedError:
            self._sid = None
            raise ProActiveRefusedError(
                self.url, 401, "a new session was not accepted either"
            ) from None

    def _send(self, request: Request, *, sid: str | None, retry: bool = True) -> Reply:
        session = self._open()
        return retrying(
            lambda: send(session, self.url, request, self._timeouts, sid),
            repeatable=request.repeatable,
            budget_s=self._retry_for_s if retry else 0,
        )

    def _open(self) -> requests.Session:
        if self._session is None:
            import requests as http  # slow to import: only a command that talks pays for it

            self._session = http.Session()
            self._session.verify = self._verify
            self._session.headers["Connection"] = "close"
            # A proxy of the environment is for the world outside, not for this machine.
            self._session.trust_env = urlsplit(self.url).hostname not in _THIS_MACHINE
        return self._session

    def _members(self, body: Any, key: str, path: str) -> list[dict[str, Any]]:
        members = body.get(key) if isinstance(body, dict) else None
        if not isinstance(members, list) or not all(isinstance(m, dict) for m in members):
            raise self._odd(path)
        return members

    def _odd(self, path: str) -> ProActiveUnavailableError:
        return ProActiveUnavailableError(self.url, f"the reply of {path} has an unknown shape")


def _task_path(job_id: int, task: str) -> str:
    return f"/scheduler/jobs/{job_id}/tasks/{quote(task, safe='')}"
