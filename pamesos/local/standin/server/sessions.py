"""Logins: who may, who is locked out, which session is whose. The caller gives the time."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from pamesos.local.standin.users import Accepts, accepts_delivered

MAX_ATTEMPTS = 3
WINDOW_S = 600.0
WRONG = "Incorrect Username/Password"
LOCKED = "Too many failed login/attempts, please try again in 10 minutes."


class LoginRejectedError(Exception):
    """Wrong login, or locked out; the text is the real server's."""


@dataclass
class Sessions:
    """Sessions live in memory only: they die with the server, as the real ones do."""

    accepts: Accepts = accepts_delivered
    _open: dict[str, str] = field(default_factory=dict, repr=False)
    _failures: dict[str, list[float]] = field(default_factory=dict)

    def check(self, user: str, password: str, now: float) -> None:
        """Raise LoginRejectedError unless the login is right and not locked.

        Three wrong ones lock the account, then even the right password is refused.
        """
        recent = [at for at in self._failures.get(user, ()) if now - at < WINDOW_S]
        self._failures[user] = recent
        if len(recent) >= MAX_ATTEMPTS:
            raise LoginRejectedError(LOCKED)
        if not self.accepts(user, password):
            recent.append(now)
            raise LoginRejectedError(WRONG)
        self._failures.pop(user)

    def open(self, user: str) -> str:
        """Return the id of a new session."""
        sid = secrets.token_hex(30)
        self._open[sid] = user
        return sid

    def user(self, sid: str | None) -> str | None:
        """Return whose session it is; None if it is unknown."""
        return self._open.get(sid or "")

    def close(self, sid: str) -> None:
        self._open.pop(sid, None)
