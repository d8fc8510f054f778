"""Adds up what was found."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from pgqueue.migrating.knowledge import CHANGE, KINDS, LOOK, NONE, SAME, Verdict, find, in_code
from pgqueue.migrating.places import Place, Remark
from pgqueue.migrating.scan import Scan

UNKNOWN = "pgqueue does not know it: perhaps your own"
#: Up to how many different changes, and lines, some words hold.
_EFFORTS = (
    (12, 40, "about an hour, besides the tests"),
    (30, 250, "a day or two, with the tests"),
    (60, 1000, "some days, with the tests"),
)
_MORE = "weeks rather than days: move a queue at a time, with both running"


@dataclass(frozen=True, slots=True)
class Line:
    """A name of Celery's that is used, with all its places."""

    kind: str
    name: str
    verdict: Verdict
    ours: str
    note: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a code base uses, by kind and name, and what that means."""

    files: int
    relevant: int
    lines: tuple[Line, ...]
    unread: tuple[Remark, ...]
    unresolved: tuple[Remark, ...]

    def uses(self, *verdicts: Verdict) -> int:
        """Count the uses with these verdicts."""
        return sum(len(line.places) for line in self.lines if line.verdict in verdicts)

    def names(self, *verdicts: Verdict) -> int:
        """Count the different names with these verdicts."""
        return sum(line.verdict in verdicts for line in self.lines)

    def hands(self) -> int:
        """Count the lines of code that a person has to change or look at."""
        return len({place for line in self.lines if line.verdict != SAME for place in line.places})

    def fine(self) -> float | None:
        """Return which share of the uses stays as it is; None if there are none."""
        uses = self.uses(SAME, CHANGE, NONE, LOOK)
        return self.uses(SAME) / uses if uses else None

    def effort(self) -> str:
        """Say roughly how much work it is, in words: no more is known."""
        if not self.lines:
            return "none: Celery is not used here"
        names, places = self.names(CHANGE, LOOK), self.hands()
        words = next(
            (text for most, lines, text in _EFFORTS if names <= most and places <= lines), _MORE
        )
        without = [in_code(line.kind, line.name) for line in self.lines if line.verdict == NONE]
        if not without:
            return words
        return f"{words}; before that, decide what replaces {_listed(without)}"


def report(scan: Scan) -> Report:
    """Return what a scan found, grouped."""
    places: dict[tuple[str, str], set[Place]] = defaultdict(set)
    for use in scan.uses:
        places[use.kind, use.name].add(use.place)
    lines = [_line(kind, name, tuple(sorted(each))) for (kind, name), each in places.items()]
    order = list(KINDS)
    lines.sort(key=lambda line: (order.index(line.kind), -len(line.places), line.name))
    return Report(
        scan.files, scan.relevant, tuple(lines), tuple(scan.unread), tuple(scan.unresolved)
    )


def _line(kind: str, name: str, places: tuple[Place, ...]) -> Line:
    row = find(kind, name)
    if row is None:
        return Line(kind, name, LOOK, "", UNKNOWN, places)
    return Line(kind, name, row.verdict, row.ours, row.note, places)


def _listed(names: list[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
