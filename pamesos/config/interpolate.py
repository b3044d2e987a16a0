"""``${VAR}`` in the values of a file: from the environment, with a default, or escaped.

``${VAR}`` is the variable, ``${VAR:-text}`` the variable or, unset or empty, the text, and
``$${`` a literal ``${`` for the shell of the task. A ``$`` before anything else means itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from pamesos.config.tree import Fault, Interpolated, KeyPath, Node

_REFERENCE = re.compile(
    r"\$\$\{"
    r"|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}"
    r"|(?P<broken>\$\{[^}]{0,40}\}?)"
)


def interpolate(root: Node, environ: Mapping[str, str]) -> tuple[Node, list[Fault]]:
    """Return the tree with every reference replaced, and a fault for each that cannot be."""
    faults: list[Fault] = []
    return _walk(root, (), environ, faults), faults


def _walk(node: Node, path: KeyPath, environ: Mapping[str, str], faults: list[Fault]) -> Node:
    value = node.value
    if isinstance(value, dict):
        members = {key: _walk(child, (*path, key), environ, faults) for key, child in value.items()}
        return Node(members, node.place)
    if isinstance(value, list):
        items = [_walk(child, (*path, at), environ, faults) for at, child in enumerate(value)]
        return Node(items, node.place)
    if isinstance(value, str) and "${" in value:
        text, problems = interpolate_text(value, environ)
        faults += [Fault(path, problem, node.place) for problem in problems]
        return Node(Interpolated(text), node.place)
    return node


def interpolate_text(text: str, environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """Return the text with its references replaced, and what is wrong with the others."""
    problems: list[str] = []

    def replace(match: re.Match[str]) -> str:
        if match["broken"] is not None:
            problems.append(
                "a ${ that is no ${VAR} or ${VAR:-default}; write $${ for the shell's own ${"
            )
            return ""
        name, default = match["name"], match["default"]
        if name is None:
            return "${"
        if default is not None:
            return environ.get(name) or default
        if name not in environ:
            problems.append(
                f"the environment variable {name} is not set; set it, or write "
                f"${{{name}:-default}}, or $${{{name}}} if the task's shell shall read it"
            )
        return environ.get(name, "")

    return _REFERENCE.sub(replace, text), problems
