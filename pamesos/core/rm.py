"""What the ProActive Resource Manager lists, as values."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class NodeState(enum.Enum):
    """States of a node in the RM; values are the words of its REST API (facts/proactive.md 5)."""

    FREE = "FREE"
    BUSY = "BUSY"
    CONFIGURING = "CONFIGURING"
    DEPLOYING = "DEPLOYING"
    TO_BE_REMOVED = "TO_BE_REMOVED"
    DOWN = "DOWN"
    LOST = "LOST"
    #: A word this version does not know: neither alive nor broken.
    OTHER = "OTHER"

    @classmethod
    def of(cls, word: str) -> NodeState:
        """Return the state of a word, whatever its case and spacing; OTHER if unknown."""
        try:
            return cls(word.strip().upper().replace(" ", "_").replace("-", "_"))
        except ValueError:
            return cls.OTHER

    @property
    def alive(self) -> bool:
        """Whether the RM hears from the node."""
        return self in _ALIVE

    @property
    def dead(self) -> bool:
        """Whether the RM itself says that the node is gone."""
        return self in _DEAD


_ALIVE = frozenset({NodeState.FREE, NodeState.BUSY, NodeState.CONFIGURING, NodeState.TO_BE_REMOVED})
_DEAD = frozenset({NodeState.DOWN, NodeState.LOST})


@dataclass(frozen=True)
class RmNode:
    """One entry of ``/rm/monitoring/full``; a process with W workers shows W of them."""

    url: str
    state: NodeState
    host: str = ""
    node_source: str = ""
    locked: bool = False

    @property
    def name(self) -> str:
        """Last segment of the URL: ``pnp://10.0.0.7:31000/default-1f3c2a9b-1_0``."""
        return self.url.rstrip("/").rsplit("/", 1)[-1]
