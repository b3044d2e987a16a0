"""Prints the conformance table; exit status 1 if anything differs that is not listed."""

from __future__ import annotations

import argparse
import sys

from tests.local.conformance import streams
from tests.local.conformance.recording import Recording, load
from tests.local.conformance.replay import Outcome, Player
from tests.local.conformance.server import serving
from tests.local.conformance.table import Row, text

DEFAULT = (
    "marathon/01-shapes-and-errors",
    "marathon/07-json-round-trip",
    "marathon-fuzz/seed-1",
    "marathon-fuzz/seed-2",
    "marathon/02-group-with-dependencies",
    "marathon/03-change-scale-rollback-delete",
    "marathon/04-failing-tasks-and-kills",
    "marathon/05-unsatisfiable-and-unreachable",
    streams.NAME,
)


def run(name: str, url: str | None = None) -> Row:
    """Replay a recording on the server at ``url``, or on one of its own."""
    recording = load(name)
    if url is not None:
        return Row(name, tuple(_play(url, recording)))
    with serving(name) as own:
        return Row(name, tuple(_play(own, recording)))


def _play(url: str, recording: Recording) -> list[Outcome]:
    if recording.name == streams.NAME:
        return streams.play(url, recording)
    return Player(url).play(recording)


def main() -> int:
    """Replay what the command line names and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.local.conformance")
    parser.add_argument("recordings", nargs="*", default=DEFAULT, metavar="RECORDING")
    parser.add_argument("--url", help="a running Marathon; it has to be empty")
    arguments = parser.parse_args()
    rows = [run(name, arguments.url) for name in arguments.recordings]
    print(text(rows))
    return int(any(row.unexpected or row.outdated for row in rows))


if __name__ == "__main__":
    sys.exit(main())
