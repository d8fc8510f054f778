"""Aligned tables for people: as wide as the terminal, one line a row, whatever the cells hold."""

from __future__ import annotations

import os
import shutil
import sys
import unicodedata
from collections.abc import Collection, Iterable, Sequence

import click

from pgqueue.describe import one_line

GAP = "  "
#: A column is not cut below this.
LEAST = 8

Cell = str | int | None

#: Categories of characters that take no column of their own: marks, joiners, variations.
_ON_TOP = ("Mn", "Me", "Cf")


def show(
    titles: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Collection[str] = (),
    whole: Collection[str] = (),
    indent: str = "",
) -> None:
    """Print a table; columns in `right` are aligned right, those in `whole` are never cut."""
    for line in render(titles, rows, right=right, whole=whole, indent=indent, width=width()):
        click.echo(line)


def render(
    titles: Sequence[str],
    rows: Iterable[Sequence[Cell]],
    *,
    right: Collection[str] = (),
    whole: Collection[str] = (),
    indent: str = "",
    width: int | None = None,
) -> list[str]:
    """Return the lines of a table, the first one bold."""
    cells = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(columns, column)) for column in zip(titles, *cells, strict=True)]
    cuttable = [i for i, title in enumerate(titles) if title not in whole]
    if width is not None:
        _narrow(widths, cuttable, width - len(indent) - len(GAP) * (len(titles) - 1))

    def line(texts: Sequence[str]) -> str:
        parts = [
            _pad(cut(text, room), room, right=title in right)
            for text, room, title in zip(texts, widths, titles, strict=True)
        ]
        return (indent + GAP.join(parts)).rstrip()

    return [click.style(line(titles), bold=True), *map(line, cells)]


def width() -> int | None:
    """Return the width of the terminal; None if the output goes elsewhere, and is not to be cut."""
    if os.environ.get("COLUMNS", "").isdigit():
        return int(os.environ["COLUMNS"])
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def cut(text: str, room: int | None) -> str:
    """Return a text that takes at most so many columns.

    >>> cut("mail.send_welcome", 10)
    'mail.send…'
    """
    if room is None or columns(text) <= room:
        return text
    taken = 0
    for end, char in enumerate(text):
        taken += _columns(char)
        if taken >= room:
            return text[:end] + "…"
    raise AssertionError


def columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.category(char) in _ON_TOP:
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if isinstance(cell, int) else one_line(str(cell))


def _narrow(widths: list[int], cuttable: list[int], room: int) -> None:
    for i in cuttable:  # in one step what would take a million
        widths[i] = min(widths[i], max(room, LEAST))
    while sum(widths) > room and (wide := [i for i in cuttable if widths[i] > LEAST]):
        widths[max(wide, key=lambda i: widths[i])] -= 1


def _pad(text: str, room: int, *, right: bool) -> str:
    blanks = " " * (room - columns(text))
    return blanks + text if right else text + blanks
