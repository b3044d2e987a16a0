"""Marathon's view and the RM's side by side, counted and printed."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from pamesos.cli.status_view import age, show, table
from pamesos.core import names
from pamesos.core.observed import AppView, GroupView, HealthResult, QueueView, TaskView
from pamesos.core.report import ClusterStatus, RmStatus, report, rest_url, rm_status
from pamesos.core.rm import NodeState, RmNode

NOW = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
REST = "http://10.0.0.1:8080/rest"
UUIDS = [f"{digit * 8}-e692-11f1-b2da-729e5334f0e6" for digit in "abc"]


def task(app_id: str, number: int, incarnation: int = 1) -> TaskView:
    prefix = app_id.strip("/").replace("/", "_")
    return TaskView(
        id=f"{prefix}.instance-{UUIDS[number]}._app.{incarnation}",
        app_id=app_id,
        state="TASK_RUNNING",
        host=f"agent-{number}.local",
        ports=(31000 + number,),
        started_at=NOW - timedelta(minutes=3, seconds=12),
        health_results=(HealthResult(alive=True),),
    )


def app(app_id: str, tier: str, count: int, **labels: str) -> AppView:
    return AppView(
        id=app_id,
        instances=count,
        version="2026-11-22T16:31:33.819Z",
        last_config_change_at="2026-11-22T16:31:33.819Z",
        labels={names.LABEL_TIER: tier, **labels},
        health_checks=1,
        tasks=tuple(task(app_id, number) for number in range(count)),
    )


DATABASE = app("/small/database", "database", 1)
SCHEDULER = app("/small/scheduler", "scheduler", 1, **{names.LABEL_REST: REST})
NODES = app(
    "/small/nodes/default",
    "nodes",
    3,
    **{names.LABEL_NODE_SOURCE: "default", names.LABEL_WORKERS: "2"},
)
SMALL = GroupView("/small", "v", (DATABASE, NODES, SCHEDULER))


def rm_nodes(state: NodeState = NodeState.FREE) -> tuple[RmNode, ...]:
    """Both workers of each of the three tasks."""
    return tuple(
        RmNode(f"pnp://agent:31000/default-{uuid[:8]}-1_{worker}", state)
        for uuid in UUIDS
        for worker in range(2)
    )


def status(group: GroupView = SMALL, nodes: tuple[RmNode, ...] | None = None) -> ClusterStatus:
    rm = rm_status(group, REST, rm_nodes() if nodes is None else nodes)
    return report(group, (), {}, NOW, rm)


def lines(seen: ClusterStatus, columns: int = 80, *, wide: bool = False) -> list[str]:
    return list(show(seen, wide=wide, columns=columns, now=NOW))


def test_a_cluster_that_is_up_says_so_on_both_sides() -> None:
    seen = status()

    assert seen.up
    assert lines(seen) == [
        "/small: up",
        f"nodes 3/3 running, RM 6/6 free at {REST}",
        "",
        "NAME       TIER       RUNNING  HEALTHY  SINCE  ADDRESS",
        "database   database   1/1      1/1      3m12s  agent-0.local:31000",
        "scheduler  scheduler  1/1      1/1      3m12s  agent-0.local:31000",
        "default    nodes      3/3      3/3      3m12s  agent-0.local:31000 +2",
    ]


BUSY = tuple(dataclasses.replace(node, state=NodeState.BUSY) for node in rm_nodes()[:2])
DOWN = tuple(dataclasses.replace(node, state=NodeState.DOWN) for node in rm_nodes()[:2])
OLD = (RmNode("pnp://agent:31000/default-dddddddd-1_0", NodeState.FREE),)
OLD_DOWN = (RmNode("pnp://agent:31000/default-dddddddd-1_0", NodeState.DOWN),)


@pytest.mark.parametrize(
    ("nodes", "words", "up"),
    [
        pytest.param(rm_nodes(), "6/6 free", True, id="all free"),
        pytest.param(BUSY + rm_nodes()[2:], "4/6 free, 2 busy", True, id="busy ones work"),
        pytest.param(DOWN + rm_nodes()[2:], "4/6 free, 2 down", False, id="a hung process"),
        pytest.param(rm_nodes()[2:], "4/6 free", False, id="a process that never registered"),
        pytest.param((*rm_nodes(), *OLD_DOWN), "6/6 free, 1 down", True, id="an old dead entry"),
        pytest.param(
            (*rm_nodes()[1:], *OLD), "5/6 free", False, id="a free node of a replaced task"
        ),
        pytest.param((), "0/6 free", False, id="an empty RM"),
    ],
)
def test_rm_nodes_are_counted_by_the_tasks_they_belong_to(
    nodes: tuple[RmNode, ...], words: str, up: bool
) -> None:
    seen = status(nodes=nodes)

    assert str(seen.rm) == words
    assert seen.up is up


def test_an_rm_that_cannot_be_read_is_unknown_and_not_broken() -> None:
    rm = RmStatus(REST, problem="connection refused")
    seen = report(SMALL, (), {}, NOW, rm)

    assert lines(seen)[1] == "nodes 3/3 running, RM: not readable (connection refused) at"
    assert not seen.up


def test_a_plain_group_has_no_rm() -> None:
    plain = GroupView("/plain", "v", (dataclasses.replace(DATABASE, labels={}),))

    assert rest_url(plain) is None
    assert report(plain, (), {}, NOW, None).up


def test_an_app_that_waits_says_why_and_what_waits_for_it_says_so() -> None:
    queued = QueueView(DATABASE.id, 1)
    database = dataclasses.replace(DATABASE, tasks=())
    scheduler = dataclasses.replace(
        SCHEDULER, tasks=(), dependencies=(DATABASE.id,), deployment_ids=("d",)
    )
    group = GroupView("/small", "v", (database, scheduler))

    seen = report(group, (), {DATABASE.id: queued}, NOW, None)

    assert lines(seen)[-2:] == [
        "database: 1 of 1 wait for an offer of Mesos",
        "scheduler: waits until /small/database is up",
    ]


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(columns: int) -> None:
    long = dataclasses.replace(NODES, labels={names.LABEL_NODE_SOURCE: "n" * 120})
    seen = status(GroupView("/small", "v", (long, DATABASE)), ())

    # A URL is never broken, so that it can be copied.
    shown = [line for line in lines(seen, columns) if REST not in line]

    assert max(len(line) for line in shown) <= columns


def test_a_wide_table_shows_all_addresses_and_ids() -> None:
    text = "\n".join(lines(status(), 200, wide=True))

    assert "agent-0.local:31000, agent-1.local:31001, agent-2.local:31002" in text
    assert "/small/nodes/default" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        pytest.param(0, "0s", id="now"),
        pytest.param(41, "41s", id="seconds"),
        pytest.param(192, "3m12s", id="minutes and seconds"),
        pytest.param(1200, "20m", id="many minutes"),
        pytest.param(4000, "1h6m", id="hours and minutes"),
        pytest.param(187200, "2d4h", id="days and hours"),
        pytest.param(-5, "0s", id="a clock that is behind"),
    ],
)
def test_ages_are_short(seconds: int, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words


def test_a_table_is_aligned() -> None:
    assert list(table([("A", "BB"), ("CCC", "D")], 80)) == ["A    BB", "CCC  D"]
