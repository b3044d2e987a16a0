"""The result of a run: which exchanges were equal, and why the others were not."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from tests.local.conformance.known import BY_CHANCE, KNOWN
from tests.local.conformance.replay import Outcome


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One transcript: ``unexpected`` differ unlisted, ``outdated`` are listed but equal."""

    name: str
    outcomes: tuple[Outcome, ...]

    @property
    def known(self) -> dict[int, str]:
        return KNOWN.get(self.name, {}) | BY_CHANCE.get(self.name, {})

    @property
    def differing(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.reason is not None and each.played]

    @property
    def unexpected(self) -> list[Outcome]:
        return [each for each in self.differing if each.exchange.line not in self.known]

    @property
    def outdated(self) -> list[int]:
        lines = {each.exchange.line for each in self.differing}
        return sorted(KNOWN.get(self.name, {}).keys() - lines)


def text(rows: Iterable[Row]) -> str:
    """Return the table and, below it, each difference with its reason.

    Skipped are reads that caught something half-way, and of this run it was over by then.
    """
    head = (
        f"{'recording':<42}{'exchanges':>10}{'equal':>8}{'skipped':>9}{'known':>7}{'differing':>11}"
    )
    lines, notes = [head], []
    for row in rows:
        known = len(row.differing) - len(row.unexpected)
        skipped = sum(not outcome.played for outcome in row.outcomes)
        equal = len(row.outcomes) - len(row.differing) - skipped
        counts = f"{len(row.outcomes):>10}{equal:>8}{skipped:>9}{known:>7}{len(row.unexpected):>11}"
        lines.append(f"{row.name:<42}{counts}")
        notes.extend(_note(row, outcome) for outcome in row.differing)
        lines_skipped = [str(each.exchange.line) for each in row.outcomes if not each.played]
        if lines_skipped:
            notes.append(f"{row.name}: skipped as half-way {', '.join(lines_skipped)}")
        notes.extend(
            f"{row.name}:{line} is listed as differing, but equal" for line in row.outdated
        )
    return "\n".join([*lines, *notes])


def _note(row: Row, outcome: Outcome) -> str:
    exchange = outcome.exchange
    why = row.known.get(exchange.line)
    note = f"{row.name}:{exchange.line} {exchange.method} {exchange.target}\n    {outcome.reason}"
    return note + (f"\n    known: {why}" if why else "")
