"""The JSON of the Resource Manager's REST API, with the keys and types of the recordings."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pamesos.local.standin.server.rm import Node, ResourceManager, Source

Json = dict[str, Any]
_INFRASTRUCTURE = (
    "org.ow2.proactive.resourcemanager.nodesource.infrastructure.DefaultInfrastructureManager"
)
_POLICY = "org.ow2.proactive.resourcemanager.nodesource.policy.StaticPolicy"
_SOURCE_TEXT = (
    "Infrastructure: DefaultInfrastructureManager, Policy: StaticPolicy "
    "userAccessType: [ALL], providerAccessType: [ALL]"
)


def state(rm: ResourceManager) -> Json:
    """``GET /rm/state``; totalNodesNumber includes the dead ones."""
    free, alive, every = rm.urls({"FREE"}), rm.alive_urls(), rm.urls()
    return {
        "rmNodeUrls": {"freeNodesUrls": free, "aliveNodesUrls": alive, "allNodesUrls": every},
        "maxNumberOfNodes": None,
        "totalAliveNodesNumber": len(alive),
        "freeNodes": free,
        "aliveNodes": alive,
        "freeNodesNumber": len(free),
        "totalNodesNumber": len(every),
        "allNodes": every,
    }


def monitoring(rm: ResourceManager) -> Json:
    """``GET /rm/monitoring/full``."""
    return {
        "nodeSource": [source_event(source) for source in rm.sources.values()],
        "nodesEvents": [node_event(node) for node in rm.nodes.values()],
    }


def monitoring_since(rm: ResourceManager, counter: int) -> Json:
    """``GET /rm/monitoring?clientCounter=N``: what changed after N."""
    return {
        "latestCounter": rm.counter,
        "nodeSource": [source_event(s) for s in rm.sources.values() if s.counter > counter],
        "nodesEvents": [node_event(n) for n in rm.nodes.values() if n.counter > counter],
    }


def node_event(node: Node) -> Json:
    """An entry of ``nodesEvents``."""
    info = (
        f"Node {node.name}\nURL: {node.url}\nNode source: {node.source}\nProvider: rm\n"
        f"Used by: {node.owner or 'nobody'}\nState: {_spoken(node.state)}\n"
        f"Locked: {str(node.locked).lower()}\nJMX RMI: null\nJMX RO: null\n"
    )
    return {
        "timeStamp": node.time,
        "counter": node.counter,
        "firstCounter": node.first_counter,
        "nodeUrl": node.url,
        "nodeSource": node.source,
        "hostName": node.host,
        "nodeState": node.state,
        "previousNodeState": node.previous,
        "nodeProvider": "rm",
        "nodeOwner": node.owner,
        "description": info,
        "defaultJMXUrl": None,
        "proactiveJMXUrl": None,
        "lockTime": node.lock_time,
        "nodeLocker": node.locker,
        "usageInfo": node.usage,
        "tokens": [],
        "tenant": None,
        "key": node.url,
        "locked": node.locked,
        "nodeInfo": info,
        "padname": "",
        "vnName": "",
        "vmname": node.vm,
        "rmurl": None,
        "timeStampFormatted": _formatted(node.time),
        "eventType": node.event,
    }


def _spoken(word: str) -> str:
    return word.replace("_", " ").capitalize()


def _formatted(time: int) -> str:
    """``11/22/26, 3:42 PM``."""
    at = datetime.fromtimestamp(time / 1000).astimezone()
    return f"{at.month}/{at.day}/{at:%y}, {at.hour % 12 or 12}:{at:%M %p}"


def source_event(source: Source) -> Json:
    """An entry of ``nodeSource``, and of ``GET /rm/nodesource``."""
    return {
        "timeStamp": source.time,
        "counter": source.counter,
        "firstCounter": source.first_counter,
        "nodeSourceName": source.name,
        "nodeSourceDescription": _SOURCE_TEXT,
        "additionalInformation": {},
        "nodeSourceAdmin": source.admin,
        "nodeSourceStatus": "deployed" if source.deployed else "undeployed",
        "infrastructureType": _INFRASTRUCTURE,
        "policyType": _POLICY,
        "accessTokens": [],
        "tenant": None,
        "key": source.name,
        "sourceName": source.name,
        "sourceDescription": _SOURCE_TEXT,
        "rmurl": None,
        "timeStampFormatted": _formatted(source.time),
        "eventType": source.event,
    }


def outcome(problem: str | None) -> Json:
    """What changes of node sources answer, with HTTP 200 whether they worked or not."""
    if problem is None:
        return {"result": True, "errorMessage": None, "stackTrace": None}
    trace = f"java.lang.IllegalArgumentException: {problem}"
    return {"result": False, "errorMessage": problem, "stackTrace": trace}
