"""The server's mind: the Resource Manager with its nodes, and the Scheduler that uses them."""

from __future__ import annotations

from typing import Any

from pamesos.local.standin.server.rm import DEFAULT_SOURCE, Node, NodeLink, ResourceManager, Source
from pamesos.local.standin.server.scheduler import Scheduler, now_ms
from pamesos.local.standin.server.store import Change, Store


class UnknownSourceError(Exception):
    """A node wants to join a node source that does not exist."""


class Core:
    """What happens to nodes, and what that means for jobs."""

    def __init__(self, store: Store, found: dict[str, dict[str, Any]], rest_url: str) -> None:
        self.store = store
        self.rm = ResourceManager()
        self.scheduler = Scheduler(self.rm, store, found, rest_url)
        for name, document in found["source"].items():
            self.rm.sources[name] = Source(name, document["admin"], document["deployed"])
        self.rm.sources.setdefault(DEFAULT_SOURCE, Source(DEFAULT_SOURCE))
        for url, document in found["node"].items():
            self.rm.nodes[url] = Node(**document)

    def recover(self, reachable: set[str], until: int) -> None:
        """After a restart: expect the nodes that were reachable back, give up on the others."""
        for node in self.rm.nodes.values():
            node.vm = f"{node.process}/PA_JVM0"
            running = self.scheduler.on(node.url)
            if node.process not in reachable:
                node.state = "DOWN"
                continue
            node.awaited_until = until
            node.state = "FREE" if running is None else "BUSY"
            if running is not None:
                self.scheduler.occupy(node, *running)
        for node in self.rm.nodes.values():
            if not node.alive:
                self.scheduler.lose(node)
        self.scheduler.lose_strays()

    def join(self, link: NodeLink, message: dict[str, Any]) -> None:
        """Register a node process and welcome it. Raises UnknownSourceError.

        The welcome goes out before anything else is sent to it: it names the runs to go on with.
        """
        source, now = message["source"] or DEFAULT_SOURCE, now_ms()
        if source not in self.rm.sources:
            raise UnknownSourceError(f"Unknown node source {source}")
        nodes = [self.rm.add(url, message["host"], source, link, now) for url in message["urls"]]
        theirs = set(message["runs"])
        keep = [run for run in self.scheduler.runs_on(set(message["urls"])) if run in theirs]
        link.send({"do": "welcome", "keep": keep})
        for node in nodes:
            running = self.scheduler.on(node.url)
            if running is not None and running[1].run in keep:
                self.scheduler.occupy(node, *running)
                self.rm.change(node, "BUSY", now)
            else:
                self.scheduler.lose(node)
                self.rm.change(node, "FREE", now)
        self.store.write(*(Change("node", node.url, node.document()) for node in nodes))
        self.scheduler.dispatch()

    def heard(self, link: NodeLink) -> None:
        """A node answered: if it was given up, it is back, and what it ran is not its any more."""
        nodes = self.rm.of_link(link)
        if not any(node.state == "DOWN" for node in nodes):
            return
        for node in nodes:
            if node.state == "DOWN":
                self.rm.change(node, "FREE", now_ms())
        link.send({"do": "keep", "runs": self.scheduler.runs_on({node.url for node in nodes})})
        self.scheduler.dispatch()

    def silent(self, link: NodeLink) -> None:
        """A node did not answer in time: it is Down, and stays listed."""
        for node in self.rm.of_link(link):
            self._down(node)
        self.scheduler.dispatch()

    def closed(self, link: NodeLink) -> None:
        """A node's connection ended."""
        if self.scheduler.stopping:
            return
        for node in self.rm.of_link(link):
            node.link = None
            self._down(node)
        self.scheduler.dispatch()

    def expire(self) -> None:
        """Give up nodes that were expected back after a restart and did not come."""
        for node in list(self.rm.nodes.values()):
            if node.awaited_until is not None and now_ms() > node.awaited_until:
                node.awaited_until = None
                self._down(node)
        self.scheduler.dispatch()

    def _down(self, node: Node) -> None:
        if node.state == "TO_BE_REMOVED":
            self._forget(node)
        else:
            self.rm.change(node, "DOWN", now_ms())
        self.scheduler.lose(node)

    def remove_node(self, url: str, *, preempt: bool) -> bool:
        """Remove a node; a Busy one after its task, unless ``preempt``. False if it is unknown."""
        node = self.rm.nodes.get(url)
        if node is None:
            return False
        if node.state == "BUSY" and not preempt:
            self.rm.change(node, "TO_BE_REMOVED", now_ms())
            return True
        self._forget(node)
        self.scheduler.lose(node)
        self.scheduler.dispatch()
        return True

    def lock_nodes(self, urls: list[str], locker: str | None) -> bool:
        """Lock nodes, or unlock them with None; False if one is unknown."""
        nodes = [self.rm.nodes.get(url) for url in urls]
        for node in nodes:
            if node is not None:
                self.rm.lock(node, locker, now_ms())
                self.store.write(Change("node", node.url, node.document()))
        self.scheduler.dispatch()
        return bool(nodes) and None not in nodes

    def save_source(self, source: Source) -> None:
        document = {"admin": source.admin, "deployed": source.deployed}
        self.store.write(Change("source", source.name, document))

    def remove_source(self, name: str, *, preempt: bool) -> bool:
        """Remove a node source with its nodes; False if it is unknown."""
        if self.rm.sources.pop(name, None) is None:
            return False
        for node in [node for node in self.rm.nodes.values() if node.source == name]:
            self.remove_node(node.url, preempt=preempt)
        self.store.write(Change("source", name, None))
        return True

    def _forget(self, node: Node) -> None:
        if node.link is not None:
            node.link.send({"do": "drop", "url": node.url})
        self.rm.remove(node)
        self.store.write(Change("node", node.url, None))

    def ended(self, link: NodeLink, message: dict[str, Any]) -> None:
        """A node reports the end of a run; acknowledged once it is in the database."""
        run = message["run"]
        found = self.scheduler.find_run(run)
        if found is None:  # it was taken from the node meanwhile
            link.send({"do": "ack", "run": run})
            return
        job, task = found
        node = self.rm.nodes.get(task.node_url or "")
        if node is not None and node.state == "TO_BE_REMOVED":
            self._forget(node)
        elif node is not None:
            self.rm.change(node, "FREE", now_ms())
        written = self.scheduler.end(job, task, message)
        written.add_done_callback(lambda _: link.send({"do": "ack", "run": run}))

    def stop(self, *, preserve_nodes: bool) -> None:
        """Before the server ends: keep the nodes, or tell them to leave as the real one does."""
        self.scheduler.stopping = True
        if preserve_nodes:
            return
        self.scheduler.put_back()
        for node in self.rm.nodes.values():
            if node.link is not None:
                node.link.send({"do": "leave"})
            self.store.write(Change("node", node.url, None))
