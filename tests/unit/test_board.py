"""The board: what of a watcher's cycles is counted, told and shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pamesos.clients.events import Connected, Disconnected, Event
from pamesos.core.actions import BadAgent, GiveUp, Hold
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.bell import Ring
from pamesos.engine.watching.publish import KEPT, Board
from pamesos.engine.watching.shown import ClusterState
from pamesos.engine.watching.tally import BUCKETS_S, Durations, outcome_kind
from pamesos.engine.watching.timeline import replay
from pamesos.web.health import not_alive, not_ready
from tests.boards import NOW, MemoryLines, intent, outcome, state, whole

HOLD = Hold("the RM cannot be read")
GIVE_UP = GiveUp("/small/default", "crash loop: 6 failures within 10 min")
BAD_AGENT = BadAgent("/small/default", "host-3", "4 of 4 failures were on host-3")
BLIND = ClusterSnapshot(None, marathon_problem="no answer")


def board_after(*states: ClusterState) -> tuple[Board, list[str]]:
    """Return a board after these cycles, and the actions it told of."""
    board, told = Board(clock=lambda: NOW), []
    board.subscribe(lambda deed: told.append(deed.action))
    board.watch("/small")
    for one in states:
        board.publish(one)
    return board, told


def cycle(seconds: float, *notices, snapshot: ClusterSnapshot | None = None, **more):
    at = NOW + timedelta(seconds=seconds)
    return state("small", snapshot or whole("small"), *notices, at=at, **more)


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param([cycle(0)], [], id="nothing happened"),
        pytest.param([cycle(0, HOLD), cycle(1)], [], id="a hold of one look is no news"),
        pytest.param([cycle(0, HOLD), cycle(5, HOLD)], ["hold"], id="a hold that lasts"),
        pytest.param(
            [cycle(0, HOLD), cycle(5, HOLD), cycle(10, Hold("another reason")), cycle(15)],
            ["hold", "hold.over"],
            id="a hold is told once, whatever its reason becomes",
        ),
        pytest.param([cycle(0, GIVE_UP), cycle(5, GIVE_UP)], ["give_up"], id="a give-up, once"),
        pytest.param(
            [cycle(0, GIVE_UP), cycle(5), cycle(9, GIVE_UP)],
            ["give_up", "give_up.over", "give_up"],
            id="a give-up that comes back",
        ),
        pytest.param(
            [cycle(0, BAD_AGENT), cycle(1, BAD_AGENT), cycle(2)],
            ["bad_agent", "bad_agent.over"],
            id="a bad agent",
        ),
        pytest.param(
            [cycle(0, HOLD, GIVE_UP, standby="host-2 acts"), cycle(9, HOLD, standby="host-2 acts")],
            [],
            id="a standby tells nothing",
        ),
    ],
)
def test_what_begins_and_ends_is_told_once(states, expected):
    board, told = board_after(*states)

    assert told == expected
    (show,) = board.view().clusters
    assert [deed.action for deed in reversed(show.deeds)] == expected
    assert show.counts.holds == expected.count("hold")
    assert show.counts.give_ups == expected.count("give_up")


def test_reads_are_counted_by_what_was_read_and_whether_it_worked():
    one_app = Ring(apps=frozenset({"/small/default"}))
    board, _ = board_after(
        cycle(0),
        replace(cycle(1), ring=one_app),
        replace(cycle(2), ring=Ring()),
        replace(cycle(3, snapshot=BLIND), ring=one_app),
        replace(cycle(4), ring=one_app),  # after a failure everything is read
    )

    counts = board.view().clusters[0].counts
    assert counts.reads == {("full", "done"): 2, ("app", "done"): 1, ("app", "failed"): 1}
    assert counts.full_read_at == NOW + timedelta(seconds=4)
    assert counts.cycles == 5


def test_a_cluster_that_is_gone_is_shown_no_more_even_if_its_last_cycle_comes_late():
    board, _ = board_after(cycle(0))
    board.forget("/small")
    board.publish(cycle(1))

    assert board.view().clusters == ()


def test_the_stream_says_since_when_it_is_lost():
    board = Board(clock=lambda: NOW)
    board.hear(Connected("http://m:8080", first=True))
    board.hear(Event("status_update_event", {}))
    board.hear(Disconnected("Marathon closed the event stream"))
    board.hear(Disconnected("connection refused"))

    stream = board.view().stream
    assert (stream.connected, stream.problem) == (False, "connection refused")
    assert (stream.events, stream.losses) == (1, 1)


def test_a_journal_that_is_read_fills_the_timeline_without_doubling_it():
    board, _ = board_after(cycle(0))
    place = MemoryLines([intent("a", "task.replaced", "/small"), outcome("a", "done")])
    lines = board.listen_to(place)
    lines.append(intent("b", "task.replaced", "/small"))
    for _ in range(2):
        list(lines.read())

    deeds = board.view().clusters[0].deeds
    assert sorted((deed.id, deed.outcome) for deed in deeds) == [("a", "done"), ("b", None)]


def test_an_action_is_counted_by_its_outcome_not_by_its_intent():
    board, told = board_after(cycle(0))
    lines = board.listen_to(MemoryLines())
    lines.append(intent("a", "task.replaced", "/small"))
    assert board.view().clusters[0].counts.actions == {}

    lines.append(outcome("a", "failed: no answer"))
    assert board.view().clusters[0].counts.actions == {("task.replaced", "failed"): 1}
    assert told == ["task.replaced"]


def test_a_listener_with_a_defect_does_not_end_a_cycle():
    def broken(_: object) -> None:
        raise RuntimeError

    board = Board(clock=lambda: NOW)
    board.subscribe(broken)
    board.watch("/small")
    board.publish(cycle(0, GIVE_UP))

    assert board.view().clusters[0].counts.give_ups == 1


def test_only_the_last_deeds_are_kept_and_torn_lines_are_skipped():
    lines = [intent(str(number), "task.replaced", "/small") for number in range(KEPT + 5)]
    lines += [{"phase": "intent", "id": "x"}, {"phase": "outcome", "id": "y"}, {}]

    deeds = replay(lines, KEPT)["/small"]
    assert len(deeds) == KEPT
    assert deeds[-1].id == str(KEPT + 4)
    assert {deed.outcome for deed in deeds} == {"cut off by a crash"}


def test_a_loop_that_does_not_turn_is_not_alive():
    board, _ = board_after(cycle(0))
    view = board.view()
    (show,) = view.clusters
    stuck = replace(view, clusters=(replace(show, idle_s=421.0),))

    assert not_alive(view, 300) == []
    assert not_alive(stuck, 300) == ["/small: its loop has not turned for 421 s"]


def test_an_old_full_read_is_not_ready():
    board, _ = board_after(cycle(0))
    board.hear(Connected("http://m:8080", first=True))
    view = board.view()

    assert not_ready(view, 300) == []
    late = replace(view, at=NOW + timedelta(seconds=421))
    assert not_ready(late, 300) == ["/small: its last full read is 421 s old"]


def test_durations_fall_into_the_bucket_whose_bound_they_do_not_pass():
    durations = Durations().plus(0.005).plus(0.02).plus(99)

    assert sum(durations.counts) == 3
    assert durations.counts[0] == durations.counts[2] == durations.counts[len(BUCKETS_S)] == 1


@pytest.mark.parametrize(
    ("outcome_text", "kind"),
    [
        pytest.param("done", "done", id="done"),
        pytest.param("not needed: the app is not queued", "not_needed", id="not needed"),
        pytest.param("not sent: another daemon leads", "not_sent", id="not sent"),
        pytest.param("lost: cut off before it was sent", "lost", id="lost"),
        pytest.param("failed: no answer", "failed", id="failed"),
        pytest.param("anything else", "failed", id="a label never holds a free text"),
    ],
)
def test_outcomes_are_a_few_words(outcome_text, kind):
    assert outcome_kind(outcome_text) == kind
