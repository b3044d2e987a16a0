"""What the watcher decides: values and a time in, actions with reasons out.

The rules are the rows of the table in architecture.md; each function names its row.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from datetime import datetime, timedelta

from pamesos.core import names
from pamesos.core.actions import (
    Action,
    BadAgent,
    GiveUp,
    Hold,
    KillTask,
    PreemptTask,
    RemoveRmNode,
    ResetLaunchDelay,
    Wait,
)
from pamesos.core.crashloop import BadHost, bad_hosts, classify
from pamesos.core.memory import Memory
from pamesos.core.observed import AppView
from pamesos.core.policy import Policy, policy_of
from pamesos.core.server import ghosts, settled_at
from pamesos.core.snapshot import ClusterSnapshot, NodeTask, is_ready

__all__ = ["Policy", "decide", "policy_of"]


def decide(
    snapshot: ClusterSnapshot, memory: Memory, policy: Policy, now: datetime
) -> tuple[Action, ...]:
    """Decide for one cluster; ``memory`` must already know the snapshot."""
    if snapshot.group is None:  # row 1
        return (Hold(f"Marathon cannot be read: {snapshot.marathon_problem}"),)
    blocked = _unready_tier(snapshot)
    return (
        *_relaunches(snapshot, memory, policy, blocked),
        *_node_actions(snapshot, memory, policy, blocked, now),
    )


def _unready_tier(snapshot: ClusterSnapshot) -> str:
    """Return why the nodes must not be touched (row 6), or an empty text."""
    for tier in (names.TIER_DATABASE, names.TIER_SCHEDULER):
        for app in snapshot.tier(tier):
            if not is_ready(app):
                return f"{app.id} is not ready ({app.running}/{app.instances} running)"
    return ""


def _relaunches(
    snapshot: ClusterSnapshot, memory: Memory, policy: Policy, blocked: str
) -> Iterator[Action]:
    """Rows 3 to 5: help a relaunch come now, while the budget lasts."""
    for app in snapshot.apps:
        known = memory.app(app.id)
        if known.gave_up:
            yield GiveUp(app.id, known.gave_up)
            continue
        bad = bad_hosts(known.failures, app, policy.agent_failures)
        yield from (_bad_agent(app, host, policy) for host in bad)
        hosts = {host.host for host in bad}
        # A bad host must not eat the budget (row 5).
        counted = tuple(failure for failure in known.failures if failure.host not in hosts)
        if len(counted) > policy.budget:
            yield GiveUp(app.id, str(classify(counted, app, policy.window)))
        elif _may_reset(app, snapshot, memory, blocked, hosts):
            delay = snapshot.queue[app.id].delay_s
            yield ResetLaunchDelay(
                app.id,
                f"{len(counted)} of {policy.budget} failures; Marathon would wait {delay:.0f} s",
            )


def _bad_agent(app: AppView, bad: BadHost, policy: Policy) -> BadAgent:
    minutes = policy.window.total_seconds() / 60
    pattern = bad.host.replace(".", "\\.")
    return BadAgent(
        app.id,
        bad.host,
        f"{bad.failures} failures within {minutes:g} min on {bad.host}, while "
        f"{bad.running_elsewhere} of its tasks run on other agents; to keep it out, deactivate the "
        f'agent in Mesos, or give the app the constraint ["hostname", "UNLIKE", "{pattern}"], '
        "which restarts it",
    )


def _may_reset(
    app: AppView, snapshot: ClusterSnapshot, memory: Memory, blocked: str, bad: Set[str]
) -> bool:
    queued = snapshot.queue.get(app.id)
    if queued is None or not queued.waiting_for_delay:
        return False
    # A node that cannot find its scheduler would only fail again and eat the budget (row 6).
    if blocked and app.labels.get(names.LABEL_TIER) == names.TIER_NODES:
        return False
    known = memory.app(app.id)
    new = known.failures[max(0, known.failures_at_reset) :]  # one reset for each failure
    if known.failures_at_reset < 0 and not known.failures:
        return True
    return any(failure.host not in bad for failure in new)


def _node_actions(
    snapshot: ClusterSnapshot, memory: Memory, policy: Policy, blocked: str, now: datetime
) -> Iterator[Action]:
    if not snapshot.tier(names.TIER_NODES):
        return
    if blocked:  # row 6
        yield Hold(f"nodes are left alone: {blocked}")
        return
    if snapshot.rm_nodes is None:  # row 1
        yield Hold(f"nodes are left alone: the RM cannot be read: {snapshot.rm_problem}")
        return
    suspects = [node for node in snapshot.node_tasks() if node.task.id in memory.suspects]
    total = sum(app.instances for app in snapshot.tier(names.TIER_NODES))
    if len(suspects) >= policy.mass_floor and len(suspects) > policy.mass_share * total:
        yield from _mass_failure(suspects, total, memory, policy, now)
        return
    yield from _replacements(suspects, memory, policy, now)
    yield from _ghosts(snapshot, memory, policy, now)
    for node in snapshot.orphans():  # row 12
        yield RemoveRmNode(node.url, f"{node.state.value} in the RM and its task is gone")


def _mass_failure(
    suspects: list[NodeTask], total: int, memory: Memory, policy: Policy, now: datetime
) -> Iterator[Action]:
    """Row 1, and its one exception (row 7): why most nodes look broken is known.

    A server that took another's place, and whose RM never had them: they did not come back to it.
    They are replaced a few at a time, as long as their successors do better.
    """
    viewed = memory.server.first_viewed_at if memory.server.is_successor else None
    lost = [n for n in suspects if viewed is not None and memory.suspects[n.task.id] <= viewed]
    others = len(suspects) - len(lost)  # successors that are still to register, or worse
    few = max(1, total // 10)
    if not lost or others > few:
        yield Hold(
            f"{len(suspects)} of {total} nodes look broken at once: "
            "a broken view or network, not broken nodes"
        )
        return
    if others == few:
        yield Hold(
            f"{len(lost)} nodes did not come back to the scheduler; {others} successors are still "
            "to join before the next ones are replaced"
        )
    yield from _replacements(lost[: few - others], memory, policy, now)


def _ghosts(
    snapshot: ClusterSnapshot, memory: Memory, policy: Policy, now: datetime
) -> Iterator[Action]:
    """Row 7: put back what the server's old address keeps RUNNING for ever."""
    due = settled_at(memory.server, policy.register_grace)
    if due is None or snapshot.workflow_tasks is None:
        return
    found = list(ghosts(memory.server, snapshot.workflow_tasks, memory.preempted.keys()))
    if found and now < due:
        reason = (
            f"{len(found)} workflow tasks ran before the scheduler moved; put back if they stay"
        )
        yield Wait("workflow tasks", due, reason)
        return
    reason = (
        f"it began before the scheduler moved to {memory.server.address}: its end cannot arrive"
    )
    for task in found[: policy.kills_per_minute]:
        yield PreemptTask(task, reason)


def _replacements(
    suspects: list[NodeTask], memory: Memory, policy: Policy, now: datetime
) -> Iterator[Action]:
    """Row 8, bounded by row 2 (deployments), row 4 (give-ups) and the rate limit."""
    recent = sum(now - at < timedelta(minutes=1) for at in memory.killed.values())
    for node in suspects:
        if node.task.id in memory.killed or memory.app(node.app.id).gave_up:
            continue
        since = memory.suspects[node.task.id]
        due = since + policy.patience(node)
        what = _what_is_wrong(node, now - since)
        if node.app.deployment_ids:  # row 2
            yield Wait(
                node.task.id, due, f"{what}; left to deployment {node.app.deployment_ids[0]}"
            )
        elif now < due:
            yield Wait(node.task.id, due, f"{what}; replaced at {due:%H:%M:%S}")
        elif recent >= policy.kills_per_minute:
            yield Wait(
                node.task.id,
                now + timedelta(seconds=10),
                f"{what}; {recent} were replaced within a minute, the next one must wait",
            )
        else:
            recent += 1
            yield KillTask(node.app.id, node.task.id, what)


def _what_is_wrong(node: NodeTask, lasting: timedelta) -> str:
    seconds = lasting.total_seconds()
    if node.declared_dead:
        return f"task runs but the RM says {node.entries[0].state.value} for {seconds:.0f} s"
    return f"task runs but the RM has not seen its node for {seconds:.0f} s"
