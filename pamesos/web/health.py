"""Is the daemon alive, and does it see its clusters? Both answers are lists of reasons why not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from pamesos.engine.watching.shown import BoardView, ClusterShow

#: A loop waits for at most a full read's pace; a slow server holds one turn up for this long more.
SLACK_S = 120.0


def not_alive(view: BoardView, full_read_s: float) -> list[str]:
    """Return the loops that do not turn any more; restarting the daemon helps."""
    limit_s = full_read_s + SLACK_S
    return [
        f"{one.group_id}: its loop has not turned for {one.idle_s:.0f} s"
        for one in view.clusters
        if one.idle_s > limit_s
    ]


def not_ready(view: BoardView, full_read_s: float) -> list[str]:
    """Return what the watcher does not see now; restarting the daemon does not help."""
    reasons = [] if view.stream.connected else [f"the event stream: {view.stream.problem}"]
    for one in view.clusters:
        reasons.extend(_unseen(one, view, timedelta(seconds=full_read_s + SLACK_S)))
    return reasons + not_alive(view, full_read_s)


def _unseen(one: ClusterShow, view: BoardView, limit: timedelta) -> Iterator[str]:
    if one.state is None:
        yield f"{one.group_id}: it was not read yet"
        return
    if one.state.snapshot.group is None:
        yield f"{one.group_id}: {one.state.snapshot.marathon_problem}"
    read_at = one.counts.full_read_at
    if read_at is not None and view.at - read_at > limit:
        seconds = (view.at - read_at).total_seconds()
        yield f"{one.group_id}: its last full read is {seconds:.0f} s old"
