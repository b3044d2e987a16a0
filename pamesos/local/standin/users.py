"""``pamesos-stand-in users``: the arguments of tools/proactive-users, as far as pamesos uses them.

The files are as the real ones, ``login:hash`` and ``login:group`` (facts/proactive.md 4); the
hashes are the stand-in's own. A login file that is missing is made with the delivered accounts.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import secrets
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

#: As the real server comes (facts/proactive.md 4); public knowledge.
DEFAULT_USERS = {"admin": "admin", "watcher": "w_pwd", "rm": "rm_pwd", "scheduler": "scheduler_pwd"}
#: Enough for accounts of a stand-in; a login takes a few milliseconds.
_COST = 2**10

Accepts = Callable[[str, str], bool]


def accepts_delivered(user: str, password: str) -> bool:
    """Return whether this is a login that every server comes with."""
    known = DEFAULT_USERS.get(user)
    return known is not None and hmac.compare_digest(known.encode(), password.encode())


def accepts_from(path: Path) -> Accepts:
    """Return what checks logins against a login file, which is read again at each login."""

    def accepts(user: str, password: str) -> bool:
        salt, _, known = _read(path).get(user, "").partition("$")
        return bool(known) and hmac.compare_digest(known, _hash(password, salt))

    return accepts


def _hash(password: str, salt: str) -> str:
    key = hashlib.scrypt(password.encode(), salt=salt.encode(), n=_COST, r=8, p=1)
    return key.hex()


def _read(path: Path) -> dict[str, str]:
    """Return login -> the rest of its line, unescaped as far as the launch command escapes."""
    users = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        login, colon, value = line.partition(":")
        if colon:
            value = value.lstrip(" ").replace("\\\\", "\0").replace("\\", "").replace("\0", "\\")
            users[login] = value
    return users


def _store(path: Path, lines: Sequence[str]) -> None:
    path.touch(mode=0o600)
    path.write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Create or update the users of two source files; returns the exit status."""
    parser = argparse.ArgumentParser(prog="pamesos-stand-in users", allow_abbrev=False)
    parser.add_argument("-C", "--create", action="store_true", required=True)
    for option in ("-slf/--sourceloginfile", "-sgf/--sourcegroupfile"):
        parser.add_argument(*option.split("/"), type=Path, required=True)
    for option in ("-lf/--loginfile", "-gf/--groupfile"):
        parser.add_argument(*option.split("/"), type=Path, required=True)
    parser.add_argument("-kf", "--keyfile")
    parsed = parser.parse_args(arguments)
    try:
        _create(parsed.sourceloginfile, parsed.sourcegroupfile, parsed.loginfile, parsed.groupfile)
    except OSError as error:
        sys.stderr.write(f"ERROR : {error.filename}: {error.strerror}\n")
        return 1
    return 0


def _create(source_logins: Path, source_groups: Path, logins: Path, groups: Path) -> None:
    new = _read(source_logins)
    before = _read(logins) if logins.exists() else {}
    hashed = {} if before else {user: _hashed(word) for user, word in DEFAULT_USERS.items()}
    hashed |= before | {user: _hashed(password) for user, password in new.items()}
    _store(logins, [f"{user}:{value}" for user, value in hashed.items()])
    kept = groups.read_text(encoding="utf-8").splitlines() if groups.exists() else []
    kept = [line for line in kept if line.partition(":")[0] not in new]
    _store(groups, [*kept, *source_groups.read_text(encoding="utf-8").splitlines()])
    for user in new:
        sys.stdout.write(f"{'Updated' if user in before else 'Created'} user {user}\n")


def _hashed(password: str) -> str:
    salt = secrets.token_hex(8)
    return f"{salt}${_hash(password, salt)}"
