"""How Marathon is reached, as a value: settings build it, clients use it."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True)
class Connection:
    """Addresses and credentials of one Marathon (several URLs = its masters, any order).

    ``urls`` hold no credentials and no trailing slash, so they may be printed. ``password`` never
    shows in a repr; a token is only ever known by the path of its file, which is read again when
    it changes. Times are seconds.
    """

    urls: tuple[str, ...] = (DEFAULT_URL,)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    token_file: str | None = None
    ca_bundle: str | None = None
    client_cert: str | None = None
    client_key: str | None = None
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    #: How long weather (a leader gap of about 14 s, facts/stack.md) is sat out before it is shown.
    retry_budget_s: float = 30.0

    @property
    def has_credentials(self) -> bool:
        """Whether a request to a foreign host would give something away."""
        return self.user is not None or self.token_file is not None
