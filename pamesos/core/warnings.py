"""What a description may say but its author should know: sentences, never a refusal."""

from __future__ import annotations

from collections.abc import Iterator

from pamesos.core.launch.authentication import ADMIN
from pamesos.core.model import Description, is_loopback


def warnings_of(description: Description) -> Iterator[str]:
    """Yield one sentence for each thing to know, without any secret."""
    yield from _default_admin(description)


def _default_admin(description: Description) -> Iterator[str]:
    """ProActive ships with admin/admin (facts/proactive.md, short list 8).

    The stand-in listens on its host's address only, the real server on all of its agent's.
    """
    scheduler = description.scheduler
    if description.proactive.is_stand_in and is_loopback(scheduler.host):
        return
    if scheduler.command:
        return
    mine = [user for user in scheduler.users if user.login == ADMIN]
    if not mine:
        yield (
            "anyone can log in as admin with the password admin, which ProActive ships with; "
            "give scheduler.users a user admin with a password of its own"
        )
    elif mine[0].password is not None and mine[0].password.reveal() == ADMIN:
        yield "the password of admin is the public default; choose another"
