"""Serves a built user interface below /ui/, as Marathon serves its own.

Nothing is built in: a folder is named with ``--ui``. Without one the answer is the recorded one of
a Marathon without a UI (recordings/marathon/01).
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from pamesos.local.api.responses import bare
from pamesos.local.engine import Engine

INDEX = "index.html"


async def ui(request: Request) -> Response:
    """Answer /ui/…: a file of the folder, its index for a place within the UI, else 404."""
    engine: Engine = request.app.state.engine
    folder, path = engine.setup.ui, request.path_params["path"]
    found = None if folder is None else find(folder, path)
    if found is None:
        return bare(404)
    return FileResponse(found)


def find(folder: Path, path: str) -> Path | None:
    """Return the file that a path below /ui/ stands for; never one outside of the folder.

    A path without a suffix is no file but a place within the UI, which its index knows.
    """
    root = folder.resolve()
    try:
        file = (root / path).resolve()
        if file.is_dir():
            file = file / INDEX
        if not file.is_relative_to(root):
            return None
        if file.is_file():
            return file
    except (OSError, ValueError):
        return None
    index = root / INDEX
    return index if not PurePosixPath(path).suffix and index.is_file() else None


routes = [Route("/ui/{path:path}", ui, methods=["GET"])]
