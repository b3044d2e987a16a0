"""Bytes to a tree: the one place that reads description files, JSON or YAML.

What cannot be a description is refused before it costs anything: by size before it is read, by
depth and number of values while it is read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pamesos.config.tree import Fault, Node, Place
from pamesos.errors import InvalidDescriptionError

#: A generous limit: the largest hand-written groups known have some hundred KiB.
MAX_BYTES = 8 * 1024 * 1024
STDIN = Path("-")


def read_tree(path: Path) -> tuple[Node, list[Fault]]:
    """Return the tree and faults that leave the rest readable (a key that is there twice).

    Raises InvalidDescriptionError when there is nothing that could be read.
    """
    source = "<stdin>" if path == STDIN else str(path)
    text = _decode(_read(path, source), source)
    place = Place(source, 1, Path() if path == STDIN else path.parent)
    if not text.strip():
        raise InvalidDescriptionError(
            source, ["the file is empty"], remedy="start from a file of apps/, e.g. quickstart.json"
        )
    if _is_json(path, text):
        from pamesos.config.json_reader import parse_json

        return parse_json(text, place)
    from pamesos.config.yaml_reader import parse_yaml

    return parse_yaml(text, place)


def _is_json(path: Path, text: str) -> bool:
    if path.suffix in (".yaml", ".yml"):
        return False
    return path.suffix == ".json" or text.lstrip()[0] in "{["


def _read(path: Path, source: str) -> bytes:
    if path == STDIN:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        _check_size(len(data), source)
        return data
    try:
        if path.is_dir():
            raise InvalidDescriptionError(
                source, ["this is a directory"], remedy=f"name a file in it, such as {path}/*.json"
            )
        if path.is_file():
            _check_size(path.stat().st_size, source)
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InvalidDescriptionError(
            source, ["there is no such file"], remedy="check the name; `ls` shows what is there"
        ) from error
    except PermissionError as error:
        raise InvalidDescriptionError(
            source, ["no permission to read it"], remedy=f"chmod u+r {path}, or run as its owner"
        ) from error
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise InvalidDescriptionError(source, [reason], remedy="check the name") from error
    _check_size(len(data), source)
    return data


def _check_size(size: int, source: str) -> None:
    if size > MAX_BYTES:
        raise InvalidDescriptionError(
            source,
            [f"larger than {MAX_BYTES // 1024 // 1024} MiB; that is no description"],
            remedy="check that this is the right file",
        )


def _decode(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InvalidDescriptionError(
            f"{source}",
            [f"{source}:{line}: byte {error.start} is not valid UTF-8"],
            remedy="save the file as UTF-8",
        ) from error
