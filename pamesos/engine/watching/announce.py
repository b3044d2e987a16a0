"""News in words: what a webhook says of a repair, a hold or a give-up."""

from __future__ import annotations

from pamesos.clients.webhook import Message
from pamesos.engine.watching.timeline import Deed

_KINDS = {
    "hold": "hold",
    "hold.over": "hold-over",
    "give_up": "give-up",
    "give_up.over": "give-up-over",
}


def message_of(deed: Deed) -> Message:
    """Return the message about a deed; ``kind`` is ``repair`` for whatever was acted."""
    kind = _KINDS.get(deed.action, "repair")
    cluster = deed.group_id.strip("/")
    facts = {
        "kind": kind,
        "cluster": cluster,
        "action": deed.action,
        "subject": deed.subject,
        "reason": deed.reason,
        "outcome": deed.outcome,
        "at": deed.at.isoformat(),
    }
    return Message(_sentence(deed, kind, cluster), facts)


def _sentence(deed: Deed, kind: str, cluster: str) -> str:
    match kind:
        case "hold":
            return f"pamesos holds {cluster}: {deed.reason}"
        case "hold-over":
            return f"pamesos no longer holds {cluster}; {deed.reason}"
        case "give-up":
            return f"pamesos gives up on {deed.subject}, which needs you: {deed.reason}"
        case "give-up-over":
            return f"pamesos helps {deed.subject} again; {deed.reason}"
    return f"pamesos in {cluster}: {deed.action} {deed.subject} ({deed.outcome}): {deed.reason}"
