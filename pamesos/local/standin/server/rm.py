"""The Resource Manager's list of nodes and node sources. No IO; the caller gives the time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

DEFAULT_SOURCE = "Default"
_ALIVE = frozenset({"FREE", "BUSY", "CONFIGURING", "TO_BE_REMOVED"})


class NodeLink(Protocol):
    """The connection to a node process."""

    def send(self, message: dict[str, Any]) -> None: ...


@dataclass
class Node:
    """One worker. Times in epoch milliseconds."""

    url: str
    host: str
    source: str
    state: str = "CONFIGURING"
    previous: str | None = None
    locked: bool = False
    lock_time: int = -1
    locker: str | None = None
    event: str | None = None
    time: int = 0
    first_counter: int = 0
    counter: int = 0
    #: While Busy: JOB_ID, JOB_NAME, TASK_ID, TASK_NAME, and whose job it is.
    usage: dict[str, str] | None = None
    owner: str | None = None
    vm: str = ""
    link: NodeLink | None = None
    #: Epoch ms until which a node that was known before a restart may come back.
    awaited_until: int | None = None
    idle_since: int = 0

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def process(self) -> str:
        return self.url.rpartition("/")[0]

    @property
    def alive(self) -> bool:
        return self.state in _ALIVE

    def document(self) -> dict[str, Any]:
        """Return the record: what a restarted server must know."""
        return {
            "url": self.url,
            "host": self.host,
            "source": self.source,
            "locked": self.locked,
            "lock_time": self.lock_time,
            "locker": self.locker,
        }


@dataclass
class Source:
    name: str
    admin: str = "rm"
    deployed: bool = True
    event: str | None = None
    time: int = 0
    first_counter: int = 0
    counter: int = 0


@dataclass
class ResourceManager:
    """All nodes by URL, in the order in which they came."""

    nodes: dict[str, Node] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    counter: int = 0

    def ensure_source(self, name: str, now: int, admin: str = "rm") -> Source:
        """Return a node source, made and deployed if it is new."""
        if name not in self.sources:
            self.sources[name] = Source(name, admin)
            self._note(self.sources[name], "NODESOURCE_CREATED", now)
        return self.sources[name]

    def add(self, url: str, host: str, source: str, link: NodeLink, now: int) -> Node:
        """Add a node, or take over the entry of the same URL (facts/proactive.md 3)."""
        known = self.nodes.get(url)
        node = known or Node(url, host, source)
        self.nodes[url] = node
        node.host, node.source, node.link, node.awaited_until = host, source, link, None
        node.vm = f"{node.process}/PA_JVM{abs(hash(node.process)) % 10**9}"
        if known is None:
            self._note(node, "NODE_STATE_CHANGED", now)
        return node

    def change(self, node: Node, state: str, now: int) -> None:
        """Move a node to a state; the same state again is no event."""
        if node.state == state:
            return
        node.previous, node.state = node.state, state
        if state == "FREE":
            node.usage = node.owner = None
            node.idle_since = now
        self._note(node, "NODE_STATE_CHANGED", now)

    def lock(self, node: Node, locker: str | None, now: int) -> None:
        """Lock a node, or unlock it with None."""
        node.locked = locker is not None
        node.locker, node.lock_time = locker, now if locker is not None else -1
        self._note(node, "NODE_STATE_CHANGED", now)

    def remove(self, node: Node) -> None:
        self.nodes.pop(node.url, None)
        self.counter += 1

    def free_nodes(self) -> list[Node]:
        """Return the nodes that may get a task: the least loaded processes first, so that the
        work spreads, then those that are idle longest."""
        busy: dict[str, int] = {}
        for node in self.nodes.values():
            busy[node.process] = busy.get(node.process, 0) + (node.state == "BUSY")
        free = [
            node
            for node in self.nodes.values()
            if node.state == "FREE" and not node.locked and node.link is not None
        ]
        return sorted(free, key=lambda node: (busy[node.process], node.idle_since, node.url))

    def of_link(self, link: NodeLink) -> list[Node]:
        return [node for node in self.nodes.values() if node.link is link]

    def urls(self, states: Iterable[str] | None = None) -> list[str]:
        wanted = None if states is None else set(states)
        return [n.url for n in self.nodes.values() if wanted is None or n.state in wanted]

    def alive_urls(self) -> list[str]:
        return self.urls(_ALIVE)

    def _note(self, item: Node | Source, event: str, now: int) -> None:
        self.counter += 1
        if item.first_counter == 0:
            item.first_counter = self.counter
        item.counter, item.time, item.event = self.counter, now, event
