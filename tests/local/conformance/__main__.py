"""Prints the conformance table; exit status 1 if anything differs that is not listed."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

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
_LONG = DEFAULT[5:8]
_SIDE_BY_SIDE = 4


def run(name: str, url: str | None = None) -> Row:
    """Replay a recording on the server at ``url``, or on one of its own."""
    recording = load(name)
    if url is not None:
        return Row(name, tuple(_play(url, recording)))
    with serving(name) as own:
        return Row(name, tuple(_play(own, recording)))


def run_all(names: Sequence[str] = DEFAULT) -> dict[str, Row]:
    """Replay recordings side by side, each on a server of its own: most of the time they wait."""
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        longest_first = sorted(names, key=lambda name: name not in _LONG)
        rows = dict(zip(longest_first, pool.map(run, longest_first), strict=True))
    return {name: rows[name] for name in names}


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
    if arguments.url:
        rows = [run(name, arguments.url) for name in arguments.recordings]
    else:
        rows = list(run_all(arguments.recordings).values())
    print(text(rows))
    return int(any(row.unexpected or row.outdated for row in rows))


if __name__ == "__main__":
    sys.exit(main())
