"""What of a cluster's state is news: holds and verdicts that began or ended, once each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from pamesos.engine.watching.shown import ClusterState
from pamesos.engine.watching.timeline import Deed

#: A hold is news once it has lasted this long: one look without the RM is none.
HOLD_IS_NEWS_S = 4.0


@dataclass
class NewsDesk:
    """Remembers of one cluster what was told already."""

    hold_at: datetime | None = None
    hold_told: str = ""
    #: (action, subject) -> reason of what needs a human.
    verdicts: dict[tuple[str, str], str] = field(default_factory=dict)

    def read(self, state: ClusterState) -> list[Deed]:
        """Return what is new in this state. A standby has nothing to tell."""
        if state.standby:
            return []
        return [*self._of_hold(state), *self._of_verdicts(state)]

    def _of_hold(self, state: ClusterState) -> list[Deed]:
        if not state.holds:
            told, self.hold_told, self.hold_at = self.hold_told, "", None
            return [_notice(state, "hold.over", "", f"it was: {told}")] if told else []
        self.hold_at = self.hold_at or state.at
        if self.hold_told or (state.at - self.hold_at).total_seconds() < HOLD_IS_NEWS_S:
            return []  # told already, whatever its reason has become, or not news yet
        self.hold_told = "; ".join(hold.reason for hold in state.holds)
        return [_notice(state, "hold", "", self.hold_told)]

    def _of_verdicts(self, state: ClusterState) -> list[Deed]:
        old, new = self.verdicts, _verdicts(state)
        self.verdicts = new
        begun = [_notice(state, *key, new[key]) for key in sorted(new.keys() - old)]
        ended = [
            _notice(state, f"{action}.over", subject, f"it was: {old[action, subject]}")
            for action, subject in sorted(old.keys() - new)
        ]
        return begun + ended


def _verdicts(state: ClusterState) -> dict[tuple[str, str], str]:
    given = {("give_up", one.app_id): one.reason for one in state.give_ups}
    bad = {("bad_agent", f"{one.app_id} on {one.host}"): one.reason for one in state.bad_agents}
    return {**given, **bad}


def _notice(state: ClusterState, action: str, subject: str, reason: str) -> Deed:
    return Deed("", state.at, state.group_id, action, subject, reason, kind="notice")
