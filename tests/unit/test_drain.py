"""Which nodes go, and when: no workflow task is killed before the deadline."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pamesos.core import names
from pamesos.core.drain import LET_GO, Candidate, Use, batch_of, candidates, drain_step
from pamesos.core.observed import AppView, TaskView
from pamesos.core.rm import NodeState, RmNode

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
LATER = NOW + timedelta(seconds=300)
NODES = "/small/default"


def task(number: int, state: str = "TASK_RUNNING") -> TaskView:
    uuid = f"{number:08x}-e692-11f1-b2da-729e5334f0e6"
    staged = NOW - timedelta(hours=9 - number)  # the higher, the younger
    return TaskView(f"small_default.instance-{uuid}._app.1", NODES, state, staged_at=staged)


def url(number: int, worker: int = 0) -> str:
    return f"pnp://10.0.0.7:31000/default-{number:08x}-1_{worker}"


def one(number: int, *words: str, state: str = "TASK_RUNNING") -> Candidate:
    """A task and its nodes, each given as ``FREE``, ``BUSY locked`` and so on."""
    nodes = tuple(
        RmNode(url(number, worker), NodeState.of(word.split()[0]), locked="locked" in word)
        for worker, word in enumerate(words)
    )
    return Candidate(task(number, state), nodes)


@pytest.mark.parametrize(
    ("candidate", "use", "quiet"),
    [
        pytest.param(one(1, "FREE", "FREE"), Use.IDLE, False, id="idle-but-may-get-a-task"),
        pytest.param(one(1, "FREE locked", "FREE locked"), Use.IDLE, True, id="idle-and-locked"),
        pytest.param(one(1, "FREE locked", "FREE"), Use.IDLE, False, id="one-is-not-locked"),
        pytest.param(one(1, "FREE locked", "BUSY locked"), Use.BUSY, False, id="one-is-busy"),
        pytest.param(one(1, "TO_BE_REMOVED locked"), Use.BUSY, False, id="works-to-its-end"),
        pytest.param(one(1, "CONFIGURING locked"), Use.BUSY, False, id="may-be-at-work-soon"),
        pytest.param(one(1, "WEIRD locked"), Use.BUSY, False, id="unknown-may-be-at-work"),
        pytest.param(one(1, "DOWN", "LOST"), Use.NONE, True, id="dead"),
        pytest.param(one(1, "DOWN", "FREE locked"), Use.IDLE, True, id="dead-and-locked"),
        pytest.param(one(1), Use.NONE, True, id="never-registered"),
        pytest.param(
            one(1, "FREE locked", state="TASK_UNREACHABLE"),
            Use.UNKNOWN,
            False,
            id="unreachable-is-not-idle",
        ),
    ],
)
def test_what_a_task_is_good_for(candidate, use, quiet):
    assert (candidate.use, candidate.quiet) == (use, quiet)


def numbers(some) -> list[int]:
    return [int(c.task.id.split("instance-")[1][:8], 16) for c in some]


@pytest.mark.parametrize(
    ("live", "count", "locked", "killed", "waited"),
    [
        pytest.param([one(1, "FREE"), one(2, "FREE")], 1, [2], [], [], id="youngest-idle-first"),
        pytest.param([one(1, "FREE"), one(2, "BUSY")], 1, [1], [], [], id="idle-before-busy"),
        pytest.param([one(1, "BUSY"), one(2, "BUSY")], 1, [2], [], [2], id="busy-is-locked-too"),
        pytest.param(
            [one(1, "FREE"), one(2, "FREE locked")], 1, [], [2], [], id="locked-and-idle-goes"
        ),
        pytest.param(
            [one(1, "FREE"), one(2, "BUSY locked")], 1, [1], [], [], id="an-idle-one-takes-over"
        ),
        pytest.param(
            [one(1, "BUSY"), one(2, "BUSY locked"), one(3, "BUSY")],
            1,
            [],
            [],
            [2],
            id="a-locked-one-is-stuck-to",
        ),
        pytest.param([one(1), one(2, "FREE")], 1, [], [1], [], id="no-node-goes-at-once"),
        pytest.param(
            [one(1, "FREE"), one(2, "FREE", state="TASK_UNREACHABLE")],
            1,
            [1],
            [],
            [],
            id="unreachable-last",
        ),
        pytest.param([one(1, "FREE locked"), one(2, "BUSY")], 2, [2], [1], [2], id="all-go"),
        pytest.param([one(1, "FREE")], 0, [], [], [], id="none-goes"),
        pytest.param([one(1, "FREE locked")], -1, [], [], [], id="fewer-run-than-wanted"),
    ],
)
def test_a_step_before_the_deadline(live, count, locked, killed, waited):
    ours = {node.url for c in live for node in c.nodes if node.locked}

    step = drain_step(live, count, ours, NOW, LATER)

    assert [int(u.split("default-")[1][:8], 16) for u in step.lock] == locked
    assert numbers(step.kill) == killed
    assert numbers(step.waits_for) == waited
    assert step.forced == ()


def test_what_is_kept_is_unlocked_if_the_drain_had_locked_it():
    live = [one(1, "FREE locked"), one(2, "BUSY locked"), one(3, "FREE locked")]

    step = drain_step(live, 1, {url(1), url(2)}, NOW, LATER)

    assert numbers(step.kill) == [1]
    assert step.unlock == (url(2),)  # 3 was locked by somebody else


AT_WORK = [one(1, "BUSY locked", "FREE locked"), one(2, "BUSY")]


def test_at_the_deadline_what_a_node_works_on_is_put_back_before_it_is_killed():
    step = drain_step(AT_WORK, 2, set(), NOW, NOW)

    assert numbers(step.preempt) == [2, 1]
    assert step.preempt[1].busy_nodes == ("default-00000001-1_0",)
    assert step.lock == (url(2),)
    assert step.kill == ()


def test_a_node_that_does_not_let_go_is_killed_and_named():
    step = drain_step(AT_WORK, 2, set(), NOW + LET_GO, NOW)

    assert numbers(step.kill) == numbers(step.forced) == [2, 1]
    assert step.lock == step.preempt == step.waits_for == ()


def test_nothing_is_put_back_before_the_deadline():
    assert drain_step(AT_WORK, 2, set(), NOW, LATER).preempt == ()


def test_an_idle_node_is_not_named_at_the_deadline():
    assert drain_step([one(1, "FREE")], 1, set(), NOW + LET_GO, NOW).forced == ()


def test_each_task_is_paired_with_the_nodes_of_its_process():
    labels = {names.LABEL_NODE_SOURCE: "default"}
    ended = replace(task(3), state="TASK_FAILED")
    app = AppView(NODES, 3, "v1", labels=labels, tasks=(task(1), task(2), ended))
    nodes = [RmNode(url(1, 0), NodeState.FREE), RmNode(url(1, 1), NodeState.BUSY)]
    nodes += [RmNode("pnp://h:1/somebody", NodeState.FREE), RmNode(url(3), NodeState.DOWN)]

    found = candidates(app, nodes)

    assert [(c.task.id, c.urls) for c in found] == [
        (task(1).id, (url(1, 0), url(1, 1))),
        (task(2).id, ()),
    ]


@pytest.mark.parametrize(
    ("stranger", "state", "use"),
    [
        pytest.param(("mine", "FREE", "h"), "TASK_RUNNING", Use.UNKNOWN, id="may-be-its-node"),
        pytest.param(("mine", "DOWN", "h"), "TASK_RUNNING", Use.NONE, id="dead"),
        pytest.param(("mine", "BUSY", "other"), "TASK_RUNNING", Use.NONE, id="on-another-host"),
        pytest.param(("mine", "BUSY", "h"), "TASK_STAGING", Use.NONE, id="it-does-not-run-yet"),
        pytest.param(
            ("large-00000009-1", "BUSY", "h"), "TASK_RUNNING", Use.NONE, id="of-another-source"
        ),
    ],
)
def test_nodes_with_names_of_their_own_are_not_taken_for_none(stranger, state, use):
    name, word, host = stranger
    one_task = replace(task(1, state), host="h")
    app = AppView(NODES, 1, "v1", labels={names.LABEL_NODE_SOURCE: "default"}, tasks=(one_task,))

    (found,) = candidates(app, [RmNode(f"pnp://{host}:1/{name}", NodeState.of(word), host)])

    assert found.use is use


@pytest.mark.parametrize(
    ("instances", "batch"),
    [
        pytest.param(1, 1, id="one"),
        pytest.param(3, 1, id="few"),
        pytest.param(8, 2, id="a-quarter"),
        pytest.param(100, 25, id="many"),
    ],
)
def test_a_restart_goes_a_few_at_a_time(instances, batch):
    assert batch_of(instances) == batch
