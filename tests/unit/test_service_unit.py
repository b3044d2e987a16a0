"""The systemd unit: systemd accepts it, calls it well confined, and it matches the daemon."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "scripts" / "pamesos-watch.service"


def settings() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, comment_prefixes="#")
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser["Service"]


@pytest.fixture
def analyzed(tmp_path: Path) -> Path:
    """Return the unit with a program that exists, as systemd looks for it."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    unit = tmp_path / UNIT.name
    unit.write_text(re.sub("(?m)^ExecStart=.*", "ExecStart=/bin/true", UNIT.read_text()))
    return unit


def systemd_analyze(*arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_systemd_accepts_the_unit(analyzed):
    assert systemd_analyze("verify", "--man=no", str(analyzed)).strip() == ""


def test_systemd_calls_the_unit_well_confined(analyzed):
    verdict = systemd_analyze("security", "--offline=yes", "--no-pager", str(analyzed))

    level = re.search(r"Overall exposure level for \S+: ([0-9.]+)", verdict)
    assert level is not None
    assert float(level[1]) <= 1.5


def test_the_unit_asks_for_what_the_daemon_does():
    unit = settings()

    assert (unit["Type"], unit["NoNewPrivileges"], unit["ProtectSystem"]) == (
        "notify",
        "yes",
        "strict",
    )
    assert int(unit["WatchdogSec"]) >= 60
    assert int(unit["TimeoutStopSec"]) > 5
    assert unit["RestartPreventExitStatus"] == "2"
