"""A file, its overrides and the environment to what is sent: the one entry point of this package.

All faults are reported at once. The steps: read, merge ``-e`` and ``--set``, replace ``${VAR}``,
check against the schema, check what no single field can know, then plan and render.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from pamesos.config.interpolate import interpolate
from pamesos.config.merge import apply_set, merge
from pamesos.config.reader import STDIN, read_tree
from pamesos.config.tree import Fault, Node, plain
from pamesos.core.addresses import pinned_addresses
from pamesos.core.group import render_group
from pamesos.core.model import Description, Submission
from pamesos.core.plan import build_plan
from pamesos.core.warnings import warnings_of
from pamesos.errors import InvalidDescriptionError


def load(
    path: Path,
    *,
    overrides: Sequence[Path] = (),
    sets: Sequence[str] = (),
    environ: Mapping[str, str],
) -> Submission:
    """Return what is to be sent; ``-`` reads standard input.

    A description becomes its group. A file that already is a Marathon group (``apps`` or
    ``groups``, and neither ``scheduler`` nor ``nodeSources``) is checked and sent as it is.
    Raises InvalidDescriptionError with one line for each fault.
    """
    source = "<stdin>" if path == STDIN else str(path)
    root, faults = _merged(path, overrides, sets)
    if _is_marathon_group(root):
        from pamesos.config.marathon_group import load_group

        return load_group(root, faults, source)
    description = _describe(root, faults, source, environ)
    return submission(description, source)


def submission(description: Description, source: str) -> Submission:
    """Return what is sent for a description whose addresses are all pinned."""
    plan = build_plan(description, pinned_addresses(description))
    return Submission(
        name=description.name,
        group_id=plan.group_id,
        group=render_group(plan),
        source=source,
        description=description,
        secrets=frozenset(_secrets(description)),
        warnings=tuple(warnings_of(description)),
    )


def _secrets(description: Description) -> Iterator[str]:
    if description.database.credentials:
        yield description.database.credentials.password.reveal()
    if description.keystore and description.keystore.password:
        yield description.keystore.password.reveal()
    for user in description.scheduler.users:
        if user.password is not None:
            yield user.password.reveal()


def _merged(path: Path, overrides: Sequence[Path], sets: Sequence[str]) -> tuple[Node, list[Fault]]:
    root, faults = read_tree(path)
    for override in overrides:
        over, more = read_tree(override)
        root, faults = merge(root, over), faults + more
    return reduce(apply_set, sets, root), faults


def _is_marathon_group(root: Node) -> bool:
    keys = set(root.value) if isinstance(root.value, dict) else set()
    return bool(keys & {"apps", "groups"}) and not keys & {"scheduler", "nodeSources", "database"}


def _describe(
    root: Node, faults: list[Fault], source: str, environ: Mapping[str, str]
) -> Description:
    from marshmallow import ValidationError

    from pamesos.config.crosscheck import cross_faults
    from pamesos.config.faults import flatten, placed
    from pamesos.config.schema import description_schema
    from pamesos.config.secret_files import read_password_files

    root, unset = interpolate(root, environ)
    root, unread = read_password_files(root)
    data: Any = plain(root)
    schema = description_schema()
    description: Description | None = None
    found = [*faults, *unset, *unread]
    try:
        description = schema.load(data)
    except ValidationError as error:
        known = {fault.path for fault in found}
        found += [fault for fault in flatten(error.messages, schema) if fault.path not in known]
    known = {fault.path for fault in found}
    found += [fault for fault in cross_faults(data) if fault.path not in known]
    if found or description is None:
        raise InvalidDescriptionError(source, map(str, placed(found, root)))
    return description
