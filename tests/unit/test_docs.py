"""What the documents claim about the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pamesos.cli.app import COMMANDS
from pamesos.errors import ExitStatus

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
SOURCES = sorted((ROOT / "pamesos").rglob("*.py"))


def test_every_exit_status_is_in_the_table():
    rows = re.findall(
        r"^\| (\d+) \| ([a-z ]+) \|", (ROOT / "docs/exit-status.md").read_text(), re.M
    )

    assert [(int(number), name.replace(" ", "_").upper()) for number, name in rows] == [
        (int(status), status.name) for status in ExitStatus
    ]


def test_only_commands_that_exist_are_named():
    unknown = {
        path.name: missing
        for path in [*PAGES, *SOURCES]
        if (missing := set(re.findall(r"`pamesos ([a-z]+)", path.read_text())) - COMMANDS.keys())
    }

    assert unknown == {}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text())

    assert [link for link in links if not (path.parent / link).exists()] == []
