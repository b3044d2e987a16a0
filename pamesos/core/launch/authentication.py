"""The logins of the server: its own copy of config/authentication, with the described users in it.

The server writes there at each login (facts/proactive.md 2, "directories worth a volume"), and the
users of one cluster are none of another's that runs from the same installation.

Which property names a file differs between versions of ProActive: up to 10 each of Resource
Manager and Scheduler had its own, later ones share one. Every version says so in its
``config/*/settings.ini``, so the command reads the names there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources as package_files

from pamesos.core.launch.shell import quote
from pamesos.core.model import Description, User

#: The server's own accounts: nodes, Scheduler and REST log in with them, by files and settings
#: that hold their passwords (facts/proactive.md 4).
INTERNAL_LOGINS = ("rm", "scheduler", "watcher")
ADMIN = "admin"


def password_variable(position: int) -> str:
    """Return the environment variable of the user at this position, counted from 0."""
    return f"PAMESOS_USER_PASSWORD_{position + 1}"


def environment(users: Sequence[User]) -> dict[str, str]:
    return {
        password_variable(at): user.password.reveal()
        for at, user in enumerate(users)
        if user.password is not None
    }


def password_files(users: Sequence[User]) -> tuple[str, ...]:
    return tuple(user.password_file for user in users if user.password_file)


def launch(description: Description) -> str:
    """Return lines that set the positional parameters to what the server shall be told."""
    users = description.scheduler.users
    if not description.proactive.is_stand_in:
        return _joined(_part("copy"), _users(users, "real"))
    return _joined("set --", _users(users, "stand-in"))


def _users(users: Sequence[User], kind: str) -> str:
    if not users:
        return ""
    lines = [_part("users"), "mask=$(umask)", "umask 077"]
    for at, user in enumerate(users):
        groups = " ".join(quote(group) for group in user.groups)
        if user.password is not None:
            variable = password_variable(at)
            lines += [f'user {quote(user.login)} "${variable}" {groups}', f"unset {variable}"]
        else:
            lines += [f"from_file {quote(user.password_file or '')}"]
            lines += [f'user {quote(user.login)} "$password" {groups}', "unset password"]
    return _joined("\n".join(lines), _part(kind), 'umask "$mask"')


def _joined(*parts: str) -> str:
    return "\n".join(part.strip("\n") for part in parts if part)


@cache
def _part(name: str) -> str:
    # A constant of the package: the same bytes at every call.
    text = (package_files.files(__package__) / "authentication.sh").read_text(encoding="utf-8")
    return text.split(f"# --- {name} ---\n", 1)[1].split("\n# --- ", 1)[0]
