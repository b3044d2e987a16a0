"""The bell and the journal: the two small parts that must never lose anything."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime

import pytest

from pamesos.engine.watching.bell import Bell, Ring
from pamesos.engine.watching.journal import FileLines, Journal
from pamesos.errors import SettingsError

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


def test_rings_that_come_together_are_heard_once():
    bell = Bell()
    for app_id in ("/small/a", "/small/b", "/small/a"):
        bell.ring(app_id)

    assert bell.wait(0) == Ring(apps=frozenset({"/small/a", "/small/b"}))
    assert bell.wait(0) == Ring()


def test_a_full_read_can_be_asked_for_beside_apps():
    bell = Bell()
    bell.ring("/small/a")
    bell.ring_everything()

    assert bell.wait(0) == Ring(apps=frozenset({"/small/a"}), everything=True)


def test_a_waiter_is_woken_by_a_ring_from_another_thread():
    bell, heard = Bell(), []
    waiter = threading.Thread(target=lambda: heard.append(bell.wait(30)))
    waiter.start()

    bell.ring("/small/a")
    waiter.join(10)

    assert heard == [Ring(apps=frozenset({"/small/a"}))]


def test_a_nudge_wakes_without_naming_anything():
    bell = Bell()
    bell.nudge()

    assert bell.wait(30) == Ring()


def test_an_action_is_in_the_journal_before_its_outcome(tmp_path):
    kept = FileLines(tmp_path)
    journal = Journal(kept)
    entry = journal.intend(NOW, "task.replaced", {"task_id": "t-1", "reason": "DOWN for 31 s"})

    assert [line["phase"] for line in lines(kept)] == ["intent"]

    journal.conclude(NOW, entry, "done")
    kept.close()
    intent, outcome = lines(kept)
    assert intent["id"] == outcome["id"] == entry
    assert intent["task_id"] == "t-1"
    assert outcome["outcome"] == "done"


def test_a_line_torn_by_a_crash_does_not_swallow_the_next(tmp_path):
    (tmp_path / "actions.jsonl").write_text('{"id": "a", "phase": "int')

    kept = FileLines(tmp_path)
    journal = Journal(kept)
    journal.intend(NOW, "launch_delay.reset", {"app_id": "/small/database"})
    kept.close()

    torn, whole = kept.path.read_text().splitlines()
    assert torn == '{"id": "a", "phase": "int'
    assert json.loads(whole)["app_id"] == "/small/database"


def test_an_unusable_state_directory_is_a_settings_error(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="--state-dir"):
        FileLines(tmp_path / "file" / "below")


def lines(kept: FileLines) -> list[dict]:
    return [json.loads(line) for line in kept.path.read_text().splitlines()]
