"""Brings what an app's ``fetch`` names into its sandbox, as the fetcher of Mesos does.

Blocks: runs in a thread. What went wrong is written to the sandbox's ``stderr``, where the fetcher
writes it; the task's message says only that something did.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_TARS = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
_REMOTE = ("http", "https")
_STALLED_S = 60.0

Json = Mapping[str, Any]


class FetchError(Exception):
    """Something could not be fetched; the text is for the sandbox."""


def fetch(artifacts: list[Json], sandbox: Path) -> None:
    """Fetch everything, in order. Raises FetchError."""
    for artifact in artifacts:
        uri = str(artifact["uri"])
        try:
            _fetch_one(uri, artifact, sandbox)
        except (
            OSError,
            EOFError,
            ValueError,
            tarfile.TarError,
            zipfile.BadZipFile,
            urllib.error.URLError,
        ) as error:
            raise FetchError(f"Failed to fetch '{uri}': {error}") from error


def _fetch_one(uri: str, artifact: Json, sandbox: Path) -> None:
    parts = urlsplit(uri)
    name = artifact.get("destPath") or Path(unquote(parts.path)).name
    target = sandbox / name
    if not name or not target.resolve().is_relative_to(sandbox.resolve()):
        raise ValueError("its name does not lie in the sandbox")
    target.parent.mkdir(parents=True, exist_ok=True)
    if parts.scheme in _REMOTE:
        _download(uri, target)
    elif parts.scheme in ("", "file"):
        _copy(Path(unquote(parts.path)), target)
    else:
        raise ValueError(f"{parts.scheme} is not fetched here, only local files, http and https")
    if artifact.get("executable"):
        target.chmod(target.stat().st_mode | 0o111)
    elif artifact.get("extract", True):
        _extract(target, sandbox)


def _download(uri: str, target: Path) -> None:
    # Only http and https come here.
    answer = urllib.request.urlopen(uri, timeout=_STALLED_S)  # noqa: S310
    with answer, target.open("wb") as file:
        shutil.copyfileobj(answer, file)


def _copy(source: Path, target: Path) -> None:
    if not source.is_absolute():
        raise ValueError("a local file is named by its absolute path")
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
    else:
        shutil.copy(source, target)


def _extract(archive: Path, sandbox: Path) -> None:
    """Unpack an archive into the sandbox; what is none stays as it is."""
    name = archive.name
    if name.endswith(_TARS):
        with tarfile.open(archive) as tar:
            tar.extractall(sandbox, filter="tar")
    elif name.endswith(".zip"):
        _unzip(archive, sandbox)
    elif name.endswith(".gz"):
        with gzip.open(archive) as packed, archive.with_suffix("").open("wb") as plain:
            shutil.copyfileobj(packed, plain)


def _unzip(archive: Path, sandbox: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            path = Path(packed.extract(member, sandbox))
            # zipfile forgets who may execute what; unzip does not.
            if mode := (member.external_attr >> 16) & 0o777:
                path.chmod(mode)
