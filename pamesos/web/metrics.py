"""Prometheus metrics, made of the board at each scrape: the watcher keeps plain numbers only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

import pamesos
from pamesos.core import names
from pamesos.core.report import rm_status, wanted_workers
from pamesos.engine.watching.publish import Board
from pamesos.engine.watching.shown import BoardView, ClusterShow, ClusterState
from pamesos.engine.watching.tally import BUCKETS_S, Counts, Durations

CLUSTER = "cluster"


class Exporter:
    """Renders a board for a scrape. All names begin with ``pamesos_`` (or ``process_``)."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, board: Board, webhook_counts: Callable[[], Mapping[str, int]]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_BoardCollector(board, webhook_counts))
        ProcessCollector(registry=self._registry)

    def render(self) -> bytes:
        return generate_latest(self._registry)


class _BoardCollector(Collector):
    def __init__(self, board: Board, webhook_counts: Callable[[], Mapping[str, int]]) -> None:
        self._board = board
        self._webhook_counts = webhook_counts

    def collect(self) -> Iterator[Metric]:
        view = self._board.view()
        yield from _daemon(view)
        yield _webhook(self._webhook_counts())
        yield from _work(view.clusters)
        yield from _sight(view.clusters)
        yield from _sizes([one.state for one in view.clusters if one.state is not None])


def _daemon(view: BoardView) -> Iterator[Metric]:
    build = _gauge("build_info", "Always 1; the version is a label.", ("version",))
    build.add_metric([pamesos.__version__], 1)
    yield build
    yield _single("watched_clusters", "Clusters that are watched.", len(view.clusters))
    yield _single(
        "event_stream_connected",
        "1 while Marathon's event stream is connected.",
        view.stream.connected,
    )
    events = CounterMetricFamily("pamesos_events", "Events that Marathon sent.")
    events.add_metric([], view.stream.events)
    yield events
    losses = CounterMetricFamily("pamesos_event_stream_losses", "Times the event stream was lost.")
    losses.add_metric([], view.stream.losses)
    yield losses


def _webhook(counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(
        "pamesos_webhook_messages", "Messages to the webhook, by outcome.", labels=("outcome",)
    )
    for outcome, count in counts.items():
        family.add_metric([outcome], count)
    return family


def _work(shows: Iterable[ClusterShow]) -> Iterator[Metric]:
    """What the watcher did, by cluster."""
    shows = tuple(shows)
    actions = _counter("actions", "Actions, by kind and outcome.", ("action", "outcome"))
    reads = _counter(
        "reads", "Reads of Marathon, of everything or of one app.", ("kind", "outcome")
    )
    answers = HistogramMetricFamily(
        "pamesos_event_answer_seconds",
        "Seconds from an event to the end of the cycle that answered it.",
        labels=(CLUSTER,),
    )
    for one in shows:
        _add_all(actions, one.group_id, one.counts.actions)
        _add_all(reads, one.group_id, one.counts.reads)
        answers.add_metric([one.group_id], _buckets(one.counts.answers), one.counts.answers.sum_s)
    yield from (actions, reads, answers)
    yield _totals("holds", "Times a hold began.", shows, lambda counts: counts.holds)
    yield _totals("give_ups", "Times an app was given up.", shows, lambda counts: counts.give_ups)
    yield _totals("cycles", "Cycles: look, decide, act.", shows, lambda counts: counts.cycles)
    yield _totals(
        "cycle_failures", "Cycles that ended in a defect.", shows, lambda c: c.cycle_failures
    )


def _sight(shows: Iterable[ClusterShow]) -> Iterator[Metric]:
    """What the watcher sees of each cluster, and since when."""
    idle = _gauge("loop_idle_seconds", "Seconds since the loop of a cluster last turned.")
    read = _gauge("last_full_read_timestamp_seconds", "When a cluster was last read as a whole.")
    marathon = _gauge("marathon_readable", "1 if the last read of Marathon worked.")
    rm = _gauge("rm_readable", "1 if the last read of the Resource Manager worked.")
    held = _gauge("held", "1 while the watcher touches nothing in a cluster.")
    given = _gauge("given_up_apps", "Apps that the watcher does not help any more.")
    bad = _gauge("bad_agents", "Agents that a human should keep an app away from.")
    suspects = _gauge("suspects", "Tasks that run and whose node the RM does not hear from.")
    for one in shows:
        idle.add_metric([one.group_id], one.idle_s)
        if one.counts.full_read_at is not None:
            read.add_metric([one.group_id], _seconds(one.counts.full_read_at))
        if one.state is None:
            continue
        snapshot = one.state.snapshot
        marathon.add_metric([one.group_id], snapshot.group is not None)
        rm.add_metric([one.group_id], snapshot.rm_nodes is not None)
        held.add_metric([one.group_id], bool(one.state.holds))
        given.add_metric([one.group_id], len(one.state.give_ups))
        bad.add_metric([one.group_id], len(one.state.bad_agents))
        suspects.add_metric([one.group_id], len(one.state.memory.suspects))
    yield from (idle, read, marathon, rm, held, given, bad, suspects)


def _sizes(states: Iterable[ClusterState]) -> Iterator[Metric]:
    """How big each cluster is and should be, as Marathon and as the RM say. Unread: no sample."""
    tasks = _gauge("app_tasks", "Tasks of an app, as Marathon says.", ("app", "tier", "state"))
    nodes = _gauge("node_tasks", "Tasks of all node sources, as Marathon says.", ("state",))
    rm = _gauge("rm_nodes", "Nodes of the cluster, as the Resource Manager says.", ("state",))
    for state in states:
        group, cluster = state.snapshot.group, state.group_id
        if group is None:
            continue
        for app in group.apps:
            tier = app.labels.get(names.LABEL_TIER, "")
            tasks.add_metric([cluster, app.id, tier, "wanted"], app.instances)
            tasks.add_metric([cluster, app.id, tier, "running"], len(app.running_tasks()))
        sources = state.snapshot.tier(names.TIER_NODES)
        nodes.add_metric([cluster, "wanted"], sum(app.instances for app in sources))
        nodes.add_metric([cluster, "running"], sum(len(app.running_tasks()) for app in sources))
        rm.add_metric([cluster, "wanted"], wanted_workers(group))
        if state.snapshot.rm_nodes is not None:
            status = rm_status(group, "", state.snapshot.rm_nodes)
            counts = (("free", status.free), ("busy", status.busy), ("down", status.dead))
            for word, count in (*counts, ("other", status.other)):
                rm.add_metric([cluster, word], count)
    yield from (tasks, nodes, rm)


def _gauge(name: str, text: str, labels: tuple[str, ...] = ()) -> GaugeMetricFamily:
    of_daemon = name == "build_info"
    return GaugeMetricFamily(
        f"pamesos_{name}", text, labels=labels if of_daemon else (CLUSTER, *labels)
    )


def _single(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"pamesos_{name}", text, value=float(value))


def _counter(name: str, text: str, labels: tuple[str, ...] = ()) -> CounterMetricFamily:
    return CounterMetricFamily(f"pamesos_{name}", text, labels=(CLUSTER, *labels))


def _totals(
    name: str, text: str, shows: Iterable[ClusterShow], pick: Callable[[Counts], int]
) -> CounterMetricFamily:
    family = _counter(name, text)
    for one in shows:
        family.add_metric([one.group_id], pick(one.counts))
    return family


def _add_all(
    family: CounterMetricFamily, cluster: str, counts: Mapping[tuple[str, str], int]
) -> None:
    for (first, second), count in sorted(counts.items()):
        family.add_metric([cluster, first, second], count)


def _buckets(durations: Durations) -> list[tuple[str, float]]:
    total, buckets = 0, []
    for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), durations.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets


def _seconds(at: datetime) -> float:
    return at.timestamp()
