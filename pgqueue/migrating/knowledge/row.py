"""One thing of Celery's, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["same", "change", "none", "look"]

SAME: Verdict = "same"
CHANGE: Verdict = "change"
NONE: Verdict = "none"
#: Not a verdict of a row, but of a use that no row knows.
LOOK: Verdict = "look"


@dataclass(frozen=True, slots=True)
class Row:
    """A name of Celery's: `ours` is what it is called here, `note` what is to be known besides.

    `verdict` is "same" if nothing changes but the import, "change" if the line does, and "none" if
    there is no counterpart. A name that ends in `*` stands for all that begin like it.
    """

    kind: str
    name: str
    verdict: Verdict
    ours: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A row that does not say yet of which kind it is."""

    names: tuple[str, ...]
    verdict: Verdict
    ours: str
    note: str


def rows(kind: str, *entries: Entry) -> tuple[Row, ...]:
    """Return the rows of a kind; an entry may stand for several names.

    >>> [row.name for row in rows("task option", same("bind", "name"))]
    ['bind', 'name']
    """
    return tuple(
        Row(kind, name, entry.verdict, _ours(entry, name), entry.note)
        for entry in entries
        for name in entry.names
    )


def same(*names: str, ours: str = "", note: str = "") -> Entry:
    """Return what stays as it is, under the same name if `ours` does not say another."""
    return Entry(names, SAME, ours, note)


def change(*names: str, ours: str = "", note: str) -> Entry:
    """Return what is to be written in another way, which `note` says."""
    return Entry(names, CHANGE, ours, note)


def none(*names: str, note: str) -> Entry:
    """Return what has no counterpart, and what is done instead."""
    return Entry(names, NONE, "", note)


def _ours(entry: Entry, name: str) -> str:
    return name if entry.verdict == SAME and not entry.ours else entry.ours
