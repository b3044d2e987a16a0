"""News in words: what a webhook says of a repair, a hold or a give-up."""

from __future__ import annotations

from pamesos.clients.webhook import Message
from pamesos.engine.watching.timeline import Deed

_KINDS = {
    "hold": "hold",
    "hold.over": "hold-over",
    "give_up": "give-up",
    "give_up.over": "give-up-over",
    "bad_agent": "bad-agent",
    "bad_agent.over": "bad-agent-over",
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
    begin = _BEGINS.get(kind)
    if begin is None:
        did = f"{deed.action} {deed.subject} ({deed.outcome})"
        return f"pamesos in {cluster}: {did}: {deed.reason}"
    return f"pamesos {begin} {deed.subject or cluster}: {deed.reason}"


_BEGINS = {
    "hold": "touches nothing in",
    "hold-over": "no longer holds",
    "give-up": "gives up and needs you for",
    "give-up-over": "helps again",
    "bad-agent": "warns of an agent,",
    "bad-agent-over": "no longer warns of",
}
