"""Delays, upgrade strategies, the order of kills, health: rules of the runtime as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pamesos.local.deployments.upgrade import Strategy, kill_order, strategy
from pamesos.local.engine.scope import group_changed_by
from pamesos.local.health.state import Health, is_fatal, is_ignored
from pamesos.local.instances.model import STARTING, instance_of, new_instance_id, task_id
from pamesos.local.launcher.backoff import Delay, after_failure, seconds_left
from pamesos.local.times import Versions, from_iso, iso
from tests.unit.local_runtime.values import app, instance

NOW = datetime(2026, 11, 22, 16, 31, 33, 819000, tzinfo=UTC)


def test_the_delay_grows_by_the_factor_as_recorded() -> None:
    # facts/stack.md: 1.14 1.32 1.52 1.75 2.01 2.31 2.66 3.06 s, after a first failure long before.
    delay, lengths = None, []
    for _ in range(9):
        delay = after_failure(delay, app(), NOW)
        lengths.append(round(delay.length_s, 2))
    assert lengths == [1.0, 1.15, 1.32, 1.52, 1.75, 2.01, 2.31, 2.66, 3.06]


def test_the_delay_stops_growing_at_its_limit() -> None:
    slow = app(backoffSeconds=200, backoffFactor=2)
    delay = after_failure(after_failure(None, slow, NOW), slow, NOW)
    assert delay.length_s == 300


def test_a_delay_is_forgotten_after_calm() -> None:
    delay = Delay(40.0, NOW)
    late = NOW + timedelta(seconds=301)
    assert after_failure(delay, app(), late).length_s == 1
    assert after_failure(delay, app(), NOW + timedelta(seconds=299)).length_s == 40 * 1.15


def test_a_delay_that_is_over_holds_nothing_back() -> None:
    delay = Delay(2.0, NOW + timedelta(seconds=2))
    assert seconds_left(delay, NOW) == 2
    assert seconds_left(delay, NOW + timedelta(seconds=3)) == 0
    assert seconds_left(None, NOW) == 0


@pytest.mark.parametrize(
    ("count", "running", "healthy", "over", "expected"),
    [
        pytest.param(3, 3, 1, 1, Strategy(0, 6), id="1/1 first starts all"),
        pytest.param(3, 3, 0.5, 0, Strategy(1, 3), id="0.5/0 one by one (recordings 03)"),
        pytest.param(3, 3, 0, 0, Strategy(3, 3), id="0/0 ends all first (recordings 03)"),
        pytest.param(3, 3, 1, 0, Strategy(0, 4), id="1/0 takes one more for the time being"),
        pytest.param(3, 6, 0, 0, Strategy(6, 3), id="a forced one ends what two left behind"),
        pytest.param(4, 3, 1, 1, Strategy(0, 8), id="change and scale up at once"),
        pytest.param(1, 1, 0.5, 0.5, Strategy(0, 2), id="half of one is one"),
    ],
)
def test_an_upgrade_strategy_bounds_kills_and_launches(
    count: int, running: int, healthy: float, over: float, expected: Strategy
) -> None:
    upgrade = {"minimumHealthCapacity": healthy, "maximumOverCapacity": over}
    assert strategy(app(instances=count, upgradeStrategy=upgrade), running) == expected


def test_the_youngest_go_first_but_before_them_what_does_not_run() -> None:
    waiting = instance(1, None)
    starting = instance(2, STARTING)
    old, young = instance(3), instance(4)
    given = [old, waiting, young, starting]
    assert kill_order(given, "YOUNGEST_FIRST") == [waiting, starting, young, old]
    assert kill_order(given, "OLDEST_FIRST") == [waiting, starting, old, young]


_CHECK = {"gracePeriodSeconds": 60, "maxConsecutiveFailures": 3}


@pytest.mark.parametrize(
    ("was_green", "after_s", "expected"),
    [
        pytest.param(False, 59, True, id="still starting"),
        pytest.param(False, 61, False, id="grace over"),
        pytest.param(True, 5, False, id="was up already"),
    ],
)
def test_failures_count_once_a_task_was_up_or_had_its_grace(
    was_green: bool, after_s: int, expected: bool
) -> None:
    now = NOW + timedelta(seconds=after_s)
    assert is_ignored(_CHECK, iso(NOW), was_green, now) is expected


def test_the_failure_after_the_allowed_ones_is_fatal() -> None:
    health = Health(alive=True)
    fatal = []
    for _ in range(4):
        fatal.append(is_fatal(_CHECK, health))
        health = health.failed(iso(NOW), "500")
    assert fatal == [False, False, False, True]
    assert not is_fatal(_CHECK | {"maxConsecutiveFailures": 0}, health), "0 never kills"


def test_a_success_clears_the_failures_and_keeps_the_first_one() -> None:
    health = Health().succeeded("1").failed("2", "why").succeeded("3")
    assert health.as_json("a.instance-x") == {
        "alive": True,
        "consecutiveFailures": 0,
        "firstSuccess": "1",
        "instanceId": "instance [a.instance-x]",
        "lastSuccess": "3",
        "lastFailure": "2",
        "lastFailureCause": "why",
    }


def test_versions_are_never_given_out_twice() -> None:
    versions = Versions()
    versions.seen("2099-01-01T00:00:00.000Z")
    given = [versions.next() for _ in range(3)]
    assert given == [f"2099-01-01T00:00:00.00{number}Z" for number in (1, 2, 3)]


def test_a_time_is_read_as_it_was_written() -> None:
    assert iso(NOW) == "2026-11-22T16:31:33.819Z"
    assert from_iso(iso(NOW)) == NOW


def test_a_task_id_names_its_instance() -> None:
    made = new_instance_id("/small/nodes/default")
    assert made.startswith("small_nodes_default.instance-")
    assert task_id(made, 2) == f"{made}._app.2"
    assert instance_of(f"{made}._app.2") == made
    assert instance_of("nope") is None


@pytest.mark.parametrize(
    ("path", "group"),
    [
        pytest.param("/v2/apps//proactive/nodes", "/proactive", id="app"),
        pytest.param("/v2/apps/proactive/nodes/restart", "/proactive", id="restart"),
        pytest.param("/v2/apps/solo", "/", id="app of the root"),
        pytest.param("/v2/apps", "/", id="several apps"),
        pytest.param("/v2/groups/proactive", "/", id="group"),
        pytest.param("/v2/groups/top/db", "/top", id="group in a group"),
        pytest.param("/v2/groups", "/", id="root"),
        pytest.param("/v2/tasks/delete", "/", id="tasks"),
    ],
)
def test_a_change_is_told_by_the_group_around_it(path: str, group: str) -> None:
    assert group_changed_by(path) == group
