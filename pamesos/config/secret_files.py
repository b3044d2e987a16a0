"""``passwordFile``: read beside the file that names it, when the cluster is submitted."""

from __future__ import annotations

from dataclasses import replace

from pamesos.config.tree import Fault, Node

_MAX_CHARACTERS = 1024


def read_password_files(root: Node) -> tuple[Node, list[Fault]]:
    """Return the tree with the database's ``password`` taken from its file."""
    path = ("database", "credentials")
    node = root
    for key in path:
        child = dict(node.children()).get(key)
        if child is None:
            return root, []
        node = child
    file = dict(node.children()).get("passwordFile")
    if file is None or not isinstance(file.value, str):
        return root, []
    text, problem = _read(file)
    if "password" in dict(node.children()):
        problem = "give either password or passwordFile, not both"
    if problem:
        return root, [Fault((*path, "passwordFile"), problem, file.place)]
    return _with_password(root, path, Node(text, file.place)), []


def _read(file: Node) -> tuple[str, str]:
    path = file.place.directory / str(file.value)
    try:
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        return "", "this file is not text in UTF-8"
    except OSError as error:
        return "", f"cannot read this file: {error.strerror}"
    if not text or len(text) > _MAX_CHARACTERS:
        return "", f"expected a file with one line of 1 to {_MAX_CHARACTERS} characters"
    return text, ""


def _with_password(node: Node, path: tuple[str, ...], password: Node) -> Node:
    assert isinstance(node.value, dict), "the caller walked this path"
    if not path:
        return replace(node, value={**node.value, "password": password})
    child = _with_password(node.value[path[0]], path[1:], password)
    return replace(node, value={**node.value, path[0]: child})
