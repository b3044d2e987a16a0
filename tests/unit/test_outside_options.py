"""The options of what is seen from outside: secrets stay secret, and what is off costs nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pamesos.cli.outside import URL_VARIABLE, Outside, seen_from_outside
from pamesos.engine.watching.publish import Board
from pamesos.errors import SettingsError

SECRET = "http://hooks.example/T0K3N"


def enter(options: Outside) -> None:
    with seen_from_outside(options, Board(), "http://m:8080", 300):
        pass


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_nothing_is_served_or_told_unless_asked_for(monkeypatch):
    monkeypatch.delenv(URL_VARIABLE, raising=False)

    enter(Outside(listen=None, webhook_file=None, webhook_form="generic"))


def test_the_address_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv(URL_VARIABLE, "T0K3N without a scheme")

    with pytest.raises(SettingsError, match="no http or https URL") as error:
        enter(Outside(None, None, "generic"))
    assert "T0K3N" not in str(error.value)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        pytest.param(b"T0K3N", "no http or https URL", id="no address"),
        pytest.param(b"http://\xff/T0K3N", "not UTF-8 text", id="no text"),
        pytest.param(b"http://[T0K3N", "no http or https URL", id="half an address"),
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(f"{SECRET}\n{SECRET}".encode(), "more than one line", id="two lines"),
    ],
)
def test_a_faulty_webhook_file_is_refused_without_its_text(tmp_path, data, fault):
    file = write(tmp_path / "webhook", data)

    with pytest.raises(SettingsError, match=fault) as error:
        enter(Outside(None, file, "generic"))
    assert "T0K3N" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_webhook_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match="No such file"):
        enter(Outside(None, tmp_path / "nowhere", "generic"))


def test_a_sound_file_is_taken(tmp_path):
    enter(Outside(None, write(tmp_path / "webhook", f"{SECRET}\n".encode()), "slack"))


def test_a_watcher_without_a_page_loads_nothing_for_one():
    code = (
        "import sys, pamesos.cli.watch, pamesos.cli.outside, pamesos.engine.watching.daemon\n"
        "print({'prometheus_client', 'markupsafe', 'http.server', 'pamesos.web'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "set()", done.stderr
