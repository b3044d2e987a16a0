"""What a watcher learns from the journal of the one before it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from pamesos.clients.zookeeper import parse_url
from pamesos.core.jobs import RunningTask
from pamesos.core.memory import AppMemory, Failure, Memory
from pamesos.core.observed import AppView, GroupView, QueueView, TaskView
from pamesos.core.server import ServerMemory
from pamesos.core.snapshot import ClusterSnapshot
from pamesos.engine.watching.history import changes, merge, restore
from pamesos.engine.watching.history_settle import outcome_of
from pamesos.engine.watching.hold import EVERYTHING, FileStore, Order, Orders
from pamesos.engine.watching.journal import Entry, fold
from pamesos.engine.watching.leader import Gate
from pamesos.errors import SettingsError

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)
WINDOW = timedelta(minutes=10)
APP, TASK, URL = "/small/default", "t-1", "pnp://h:1/default-89cd2972-1_0"


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def entry(action: str, seconds: float = 60, **fields: str) -> Entry:
    outcome = fields.pop("outcome", None)
    note = action in {"task.failed", "app.given_up", "app.helped_again"}
    return Entry("e", ago(seconds), action, "/small", fields, note=note, outcome=outcome)


def failed(task_id: str, seconds: float = 60, version: str = "1") -> Entry:
    return entry("task.failed", seconds, app_id=APP, task_id=task_id, version=version)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        pytest.param(
            [failed("a", 90), failed("b", 30)],
            AppMemory(failures=(Failure("a", ago(90)), Failure("b", ago(30))), version="1"),
            id="failures",
        ),
        pytest.param(
            [failed("a", 900), failed("b", 30)],
            AppMemory(failures=(Failure("b", ago(30)),), version="1"),
            id="one outside of the window",
        ),
        pytest.param(
            [failed("a", 900)],
            AppMemory(failures=(Failure("a", ago(900)),), version="1"),
            id="the last one, however old, is not counted anew",
        ),
        pytest.param(
            [failed("a"), entry("launch_delay.reset", app_id=APP, outcome="done")],
            AppMemory(failures=(Failure("a", ago(60)),), failures_at_reset=1, version="1"),
            id="a delay that was reset",
        ),
        pytest.param(
            [failed("a"), entry("launch_delay.reset", app_id=APP)],
            AppMemory(failures=(Failure("a", ago(60)),), version="1"),
            id="a reset that was cut off",
        ),
        pytest.param(
            [failed("a"), entry("app.given_up", app_id=APP, reason="loop", version="1")],
            AppMemory(failures=(Failure("a", ago(60)),), gave_up="loop", version="1"),
            id="a give-up",
        ),
        pytest.param(
            [
                failed("a"),
                entry("app.given_up", app_id=APP, reason="loop", version="1"),
                entry("app.helped_again", app_id=APP, version="1", asked=True),
            ],
            AppMemory(version="1"),
            id="a give-up that an operator lifted",
        ),
        pytest.param(
            [failed("a"), failed("b", version="2")],
            AppMemory(failures=(Failure("b", ago(60)),), version="2"),
            id="a new definition",
        ),
    ],
)
def test_an_app_is_remembered_as_the_journal_tells(entries, expected):
    assert restore(entries, WINDOW, NOW).app(APP) == expected


@pytest.mark.parametrize(
    ("outcome", "remembered"),
    [
        pytest.param("done", True, id="sent"),
        pytest.param("failed: no answer", True, id="sent, with an error"),
        pytest.param(None, True, id="cut off: perhaps sent"),
        pytest.param("lost: …", False, id="found to be lost"),
        pytest.param("not sent: …", False, id="not sent"),
    ],
)
def test_a_kill_counts_unless_it_never_happened(outcome, remembered):
    kill = entry("task.replaced", app_id=APP, task_id=TASK, outcome=outcome)

    assert (TASK in restore([kill], WINDOW, NOW).killed) is remembered


def test_what_is_noted_is_what_is_restored():
    oom = Failure("a", NOW, "oom", "agent-1", timedelta(seconds=4))
    memory = Memory(
        apps={APP: AppMemory(failures=(oom, Failure("b", NOW)), gave_up="loop", version="1")},
        server=ServerMemory("s-2", "h:1,2", is_successor=True, moved_at=ago(30)),
    )
    notes = [
        Entry("e", NOW, action, "/small", fields, note=True)
        for action, fields in changes(Memory(), memory)
    ]

    assert restore(notes, WINDOW, NOW) == memory
    assert list(changes(memory, memory)) == []


def test_a_preempted_workflow_task_is_remembered_and_looked_for():
    fields = {"job_id": "7", "workflow_task": "sum", "node": "default-1"}
    cut_off = entry("workflow_task.preempted", 30, **fields)
    old = RunningTask(7, "sum", "default-1", ago(60))
    again = RunningTask(7, "sum", "default-2", ago(10))

    assert restore([cut_off], WINDOW, NOW).preempted == {str(old): ago(30)}
    outcomes = [
        outcome_of(cut_off, replace(snapshot(), workflow_tasks=tasks), NOW)
        for tasks in (None, (old,), (again,))
    ]
    assert [(outcome or "").partition(":")[0] for outcome in outcomes] == ["", "lost", "done"]


def test_a_successor_adds_what_it_saw_itself():
    seen, old = Failure("b", ago(5)), Failure("a", ago(60))
    own = Memory(apps={APP: AppMemory(failures=(old, seen), version="1")})
    told = Memory(
        apps={APP: AppMemory(failures=(old,), failures_at_reset=1, version="1")},
        killed={TASK: ago(9)},
    )

    merged = merge(own, told)

    assert merged.app(APP) == AppMemory(failures=(old, seen), failures_at_reset=1, version="1")
    assert merged.killed == {TASK: ago(9)}


def test_the_journal_of_an_older_definition_is_not_believed():
    own = Memory(apps={APP: AppMemory(version="2")})
    told = Memory(apps={APP: AppMemory(gave_up="loop", version="1")})

    assert merge(own, told).app(APP).gave_up == ""


def snapshot(state: str = "", *, delayed: bool = False) -> ClusterSnapshot:
    tasks = (TaskView(TASK, APP, state),) if state else ()
    app = AppView(APP, 1, "1", tasks=tasks, definition={"taskKillGracePeriodSeconds": 10})
    queue = {APP: QueueView(APP, 1, delay_s=5.0)} if delayed else {}
    return ClusterSnapshot(GroupView("/small", "1", (app,)), queue, rm_nodes=())


@pytest.mark.parametrize(
    ("action", "fields", "seconds", "seen", "expected"),
    [
        pytest.param("task.replaced", {"task_id": TASK}, 60, "", "done", id="task gone"),
        pytest.param(
            "task.replaced", {"task_id": TASK}, 60, "TASK_KILLED", "done", id="task ended"
        ),
        pytest.param(
            "task.replaced", {"task_id": TASK}, 60, "TASK_RUNNING", "lost", id="task runs"
        ),
        pytest.param(
            "task.replaced", {"task_id": TASK}, 9, "TASK_RUNNING", None, id="within its kill grace"
        ),
        pytest.param("rm_node.removed", {"url": URL}, 1, "", "done", id="entry gone"),
        pytest.param("launch_delay.reset", {}, 1, "", "done", id="not delayed"),
        pytest.param("something.new", {}, 1, "", "unknown", id="of a newer pamesos"),
    ],
)
def test_a_look_tells_what_became_of_an_action(action, fields, seconds, seen, expected):
    cut_off = entry(action, seconds, app_id=APP, **fields)
    outcome = outcome_of(cut_off, snapshot(seen), NOW)

    assert (outcome.partition(":")[0] if outcome else outcome) == expected


def test_without_a_look_nothing_is_settled():
    cut_off = entry("task.replaced", app_id=APP, task_id=TASK)

    assert outcome_of(cut_off, ClusterSnapshot(group=None), NOW) is None


def test_lines_amount_to_entries_with_their_last_outcome():
    lines = [
        {"id": "a", "at": NOW.isoformat(), "phase": "intent", "action": "x", "cluster": "/small"},
        {"id": "zz", "at": NOW.isoformat(), "phase": "outcome", "outcome": "of nothing"},
        {"id": "b", "phase": "intent"},
        {"id": "a", "at": NOW.isoformat(), "phase": "outcome", "outcome": "done"},
    ]

    assert fold(lines) == (Entry("a", NOW, "x", "/small", {}, outcome="done"),)


def test_orders_are_found_by_whom_they_concern(tmp_path):
    orders = Orders(FileStore(tmp_path))
    everything, one = Order(EVERYTHING, "ann", NOW, "move"), Order("/small", "bob", NOW)
    orders.hold(everything)
    orders.hold(one)
    orders.resume(Order("/small/default", "bob", NOW))

    assert orders.hold_on("/large") == everything
    assert orders.release(EVERYTHING)
    assert orders.hold_on("/large") is None
    assert orders.hold_on("/small") == one
    (wish,) = orders.resumes_in("/small")
    orders.fulfil(wish)
    assert orders.resumes_in("/small") == ()
    assert not orders.release(EVERYTHING)


def test_a_hold_that_cannot_be_read_holds(tmp_path):
    orders = Orders(FileStore(tmp_path))
    orders.hold(Order("/small", "bob", NOW))
    (path,) = (tmp_path / "orders").iterdir()
    path.write_text("{")

    assert orders.hold_on("/small") is not None


@pytest.mark.parametrize(
    ("url", "hosts", "root"),
    [
        pytest.param("zk://h:1/p", "h:1", "/p", id="one"),
        pytest.param("zk://a,b:2182/x/y/", "a:2181,b:2182", "/x/y", id="several"),
    ],
)
def test_an_address_of_zookeeper_is_read(url, hosts, root):
    address = parse_url(url)

    assert (address.hosts, address.root) == (hosts, root)


@pytest.mark.parametrize("url", ["h:1/p", "zk://h:1", "zk:///p", "zk://u:pw@h/p", "zk://h:x/p"])
def test_a_bad_address_of_zookeeper_is_a_settings_error(url):
    with pytest.raises(SettingsError, match="zk://h1:2181") as caught:
        parse_url(url)

    assert "u:pw" not in str(caught.value)


@dataclass
class Lent:
    """A mandate whose terms a test sets."""

    term: int = 1
    why_not: str = ""

    def refusal(self) -> str:
        return self.why_not

    def confirm(self) -> str:
        return self.why_not


def test_what_was_decided_in_one_term_is_not_done_in_the_next(tmp_path):
    mandate = Lent()
    gate = Gate("/small", mandate, Orders(FileStore(tmp_path)))
    gate.begin()
    assert gate.refusal() == ""

    mandate.term = 2
    assert gate.refusal() == "the term has changed"
    gate.begin()
    assert gate.refusal() == ""
    gate.close()
    assert gate.refusal() == "the watcher ends"


def test_orders_that_cannot_be_read_hold(tmp_path):
    (tmp_path / "orders").write_text("no directory")
    gate = Gate("/small", Lent(), Orders(FileStore(tmp_path)))

    assert "cannot be used" in gate.held()
