"""The endpoints of a Mesos master and its agent, on the same port as Marathon.

Members as in recordings/stack/09-mesos-endpoints.jsonl. Master and agent answer ``/state`` both:
here it has what either says. Alone, the agent is at ``/slave(1)/state``, as on a real one.
"""

from __future__ import annotations

import grp
import pwd
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from pamesos.local.api import mesos_views as views
from pamesos.local.api.responses import json_response
from pamesos.local.engine import Engine

#: At most as much of a file in one answer: 16 pages, as the real one.
LONGEST_READ = 16 * 4096


async def state(request: Request) -> Response:
    """Answer /state: of the master and of its agent."""
    engine: Engine = request.app.state.engine
    return json_response({**views.agent_state(engine), **views.master_state(engine)})


async def agent_state(request: Request) -> Response:
    """Answer the agent's own /state."""
    return json_response(views.agent_state(request.app.state.engine))


async def agents(request: Request) -> Response:
    """Answer /slaves."""
    engine: Engine = request.app.state.engine
    return json_response({"slaves": views.agents(engine), "recovered_slaves": []})


async def tasks(request: Request) -> Response:
    """Answer /tasks."""
    return json_response({"tasks": views.tasks(request.app.state.engine)})


async def health(_request: Request) -> Response:
    """Answer /health: up."""
    return Response()


async def version(_request: Request) -> Response:
    """Answer /version."""
    return json_response(views.VERSION)


async def browse(request: Request) -> Response:
    """Answer /files/browse: the files of a directory of a sandbox."""
    path = _inside(request)
    if path is None or not path.is_dir():
        return _no_file()
    asked = str(_asked(request))
    return json_response([_entry(asked, child) for child in sorted(path.iterdir())])


async def read(request: Request) -> Response:
    """Answer /files/read: a piece of a file; offset -1 asks for its size (stack.md 15)."""
    path = _inside(request)
    if path is None or not path.is_file():
        return _no_file()
    query = request.query_params
    try:
        offset, length = int(query.get("offset", -1)), int(query.get("length", LONGEST_READ))
    except ValueError:
        return Response("Failed to parse offset or length.\n", 400, media_type="text/plain")
    if offset == -1:
        return json_response({"data": "", "offset": path.stat().st_size})
    with path.open("rb") as file:
        file.seek(max(0, offset))
        data = file.read(max(0, min(length, LONGEST_READ)))
    return json_response({"data": data.decode("utf-8", "replace"), "offset": offset})


async def download(request: Request) -> Response:
    """Answer /files/download: a whole file."""
    path = _inside(request)
    if path is None or not path.is_file():
        return _no_file()
    attachment = {"Content-Disposition": f"attachment; filename={path.name}"}
    return FileResponse(path, headers=attachment, media_type="application/octet-stream")


def _asked(request: Request) -> Path:
    return Path(request.query_params.get("path", ""))


def _inside(request: Request) -> Path | None:
    """Return the file that was asked for, None unless it lies in the agent's work directory."""
    engine: Engine = request.app.state.engine
    work_dir = engine.setup.work_dir.resolve()
    try:
        path = _asked(request).resolve()
    except (OSError, ValueError):
        return None
    return path if path.is_relative_to(work_dir) else None


def _no_file() -> Response:
    return Response(status_code=404, media_type="text/plain")


def _entry(directory: str, path: Path) -> dict[str, Any]:
    status = path.lstat()
    return {
        "gid": _name(grp.getgrgid, status.st_gid, "gr_name"),
        "mode": stat.filemode(status.st_mode),
        "mtime": float(int(status.st_mtime)),
        "nlink": status.st_nlink,
        "path": f"{directory}/{path.name}",
        "size": status.st_size,
        "uid": _name(pwd.getpwuid, status.st_uid, "pw_name"),
    }


def _name(lookup: Any, number: int, member: str) -> str:
    try:
        return str(getattr(lookup(number), member))
    except KeyError:
        return str(number)


def _both(path: str, endpoint: Any) -> Iterable[Route]:
    """Serve a path also below the agent's process name."""
    return (Route(path, endpoint), Route(f"/slave(1){path}", endpoint))


routes = [
    Route("/state", state),
    Route("/state.json", state),
    Route("/master/state", state),
    Route("/slave(1)/state", agent_state),
    Route("/slaves", agents),
    Route("/master/slaves", agents),
    Route("/tasks", tasks),
    Route("/health", health),
    Route("/version", version),
    *_both("/files/browse", browse),
    *_both("/files/read", read),
    *_both("/files/download", download),
]
