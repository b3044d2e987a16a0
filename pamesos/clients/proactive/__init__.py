"""The REST API of the ProActive Scheduler and Resource Manager, as far as pamesos uses it.

Facts: facts/proactive.md 5; recordings/proactive. Replies become values of ``core.rm`` and
``core.jobs``; failures become ProActiveError.
"""

from __future__ import annotations

from pamesos.clients.proactive.client import ProActiveClient
from pamesos.clients.proactive.replies import ServerVersion
from pamesos.clients.proactive.transport import Timeouts
from pamesos.core.jobs import Credentials, JobState, JobView, TaskResult, TaskRun, TaskStatus
from pamesos.core.rm import NodeState, RmNode

__all__ = [
    "Credentials",
    "JobState",
    "JobView",
    "NodeState",
    "ProActiveClient",
    "RmNode",
    "ServerVersion",
    "TaskResult",
    "TaskRun",
    "TaskStatus",
    "Timeouts",
]
