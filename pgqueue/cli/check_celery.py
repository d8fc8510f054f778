"""`pgq check-celery`: what a code base uses of Celery, and what becomes of it."""

from __future__ import annotations

import math
import shutil
import sys
import textwrap
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pgqueue.cli import formats, tables
from pgqueue.cli.options import examples, json_option
from pgqueue.describe import one_line
from pgqueue.migrating.knowledge import CHANGE, LOOK, NONE, SAME, Verdict, in_code
from pgqueue.migrating.places import Remark
from pgqueue.migrating.report import Line, Report, report
from pgqueue.migrating.scan import scan

VERDICTS: tuple[Verdict, ...] = (SAME, CHANGE, NONE, LOOK)
REMARKS = 10
A_WHILE = 0.5  # seconds before progress is shown, and between two lines of it
SECTIONS: dict[Verdict, str] = {
    NONE: "Without a counterpart",
    LOOK: "To be looked at",
    CHANGE: "To be changed",
    SAME: "Stays as it is, but for the import",
}


@click.command(
    "check-celery",
    epilog=examples(
        "pgq check-celery .",
        "pgq check-celery src deploy --all | less",
        "pgq check-celery . --only change --all",
        "pgq check-celery . --json | jq '.lines[] | select(.verdict == \"none\")'",
    ),
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--all", "every", is_flag=True, help="Show every place, not only the first.")
@click.option(
    "--only",
    type=click.Choice(VERDICTS),
    multiple=True,
    help="Show only uses with this verdict; may be repeated.",
)
@json_option
def check_celery(
    paths: tuple[Path, ...], every: bool, only: tuple[Verdict, ...], as_json: bool
) -> None:
    """Tell what a code base uses of Celery, and what becomes of it.

    PATHS are folders or files. Python is parsed, never imported or run; in Procfiles, compose
    files, Dockerfiles, units, scripts and lists of requirements the celery command and packages
    are found by their text. No database is needed.

    \b
    same    nothing changes but the import
    change  the line changes: the note says how
    none    there is no counterpart: the note says what else to do
    look    nothing is known of it: perhaps it is your own

    What the text alone cannot tell (names made at run time, options in variables) is listed, and
    so is every file that could not be read. The estimate at the end is a rough one.

    Exit codes: 0 everything has a counterpart; 1 something has none; 2 wrong usage.
    """  # noqa: D301 (the backspace is what tells click to leave lines as they are)
    progress = _Progress()
    found = report(scan(list(paths), progress.show))
    progress.end()
    if as_json:
        formats.emit(document(found))
    else:
        _show(found, every, only)
    click.get_current_context().exit(1 if found.names(NONE) else 0)


def document(found: Report) -> dict[str, Any]:
    """Return a report as JSON shows it."""
    return {
        "files": found.files,
        "files_with_celery": found.relevant,
        "lines": [
            {**asdict(line), "count": len(line.places), "places": [str(p) for p in line.places]}
            for line in found.lines
        ],
        "unread": [_remark(each) for each in found.unread],
        "unresolved": [_remark(each) for each in found.unresolved],
        "estimate": {
            "uses": found.uses(*VERDICTS),
            **{verdict: found.uses(verdict) for verdict in VERDICTS},
            "lines_for_a_hand": found.hands(),
            "share_fine": found.fine(),
            "effort": found.effort(),
        },
    }


def _remark(remark: Remark) -> dict[str, Any]:
    return {"file": remark.place.file, "line": remark.place.line, "text": remark.text}


# ── for people ───────────────────────────────────────────────────────────────────────────────


def _show(found: Report, every: bool, only: tuple[Verdict, ...]) -> None:
    for verdict, title in SECTIONS.items():
        lines = [line for line in found.lines if line.verdict == verdict]
        if lines and (not only or verdict in only):
            _section(title, lines, every)
    if not only:
        _remarks("The text does not tell", found.unresolved, every)
        _remarks("Not read", found.unread, every)
    _estimate(found)


def _section(title: str, lines: list[Line], every: bool) -> None:
    room = tables.width()
    columns = ("CELERY", "USES", "HERE", "FIRST PLACE")
    rows = [
        (
            in_code(line.kind, line.name),
            len(line.places),
            "" if line.ours == line.name else line.ours,
            _end(str(line.places[0]), room and room // 3),
        )
        for line in lines
    ]
    head, *shown = tables.render(columns, rows, right=("USES",), indent="  ", width=room)
    click.echo(click.style(title, bold=True))
    click.echo(head)
    said = ""
    for line, text in zip(lines, shown, strict=True):
        click.echo(text)
        if line.note != said:
            _note(line.note, room)
        said = line.note
        for place in line.places if every else ():
            click.echo(click.style(f"      {one_line(str(place))}", dim=True))
    click.echo()


def _note(note: str, room: int | None) -> None:
    width = max(room - 6, tables.LEAST) if room else len(note) + 1
    for part in textwrap.wrap(note, width, break_on_hyphens=False):
        click.echo(click.style(f"      {part}", dim=True))


def _end(text: str, room: int | None) -> str:
    """Return the end of a path: it says more than its beginning."""
    text = one_line(text)
    if room is None or tables.columns(text) <= room:
        return text
    return "…" + text[-room + 1 :]


def _remarks(title: str, remarks: tuple[Remark, ...], every: bool) -> None:
    if not remarks:
        return
    click.echo(click.style(title, bold=True))
    shown = remarks if every else remarks[:REMARKS]
    for remark in shown:
        click.echo(f"  {one_line(str(remark.place))}: {one_line(remark.text)}")
    if len(remarks) > len(shown):
        click.echo(f"  … and {len(remarks) - len(shown):,} more: --all shows them")
    click.echo()


def _estimate(found: Report) -> None:
    files, uses = formats.plural(found.files, "file"), formats.plural(found.uses(*VERDICTS), "use")
    click.echo(
        f"{files}, {found.relevant:,} of them with Celery; {uses} of {len(found.lines):,} names"
    )
    share = found.fine()
    if share is None:
        click.echo("Celery is not used here.")
        return
    needs = [
        f"{found.uses(verdict):,} {what}"
        for verdict, what in (
            (CHANGE, "to change"),
            (LOOK, "to look at"),
            (NONE, "without a counterpart"),
        )
        if found.uses(verdict)
    ]
    # Rounded down: all of them are all of them.
    click.echo(f"fine as they are: {math.floor(share * 100)}% of the uses")
    hands = formats.plural(found.hands(), "line")
    click.echo(f"for a hand: {hands} of code{': ' if needs else ''}{', '.join(needs)}")
    click.echo(f"rough effort: {found.effort()}")


class _Progress:
    """What is being done, on standard error, once it takes a while and somebody looks."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._next = time.monotonic() + A_WHILE
        self._shown = False

    def show(self, what: str, done: int, of: int) -> None:
        if not self._live or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + A_WHILE / 5
        self._shown = True
        text = f"{what}: {done:,} of {of:,}" if of else f"{what}: {done:,}"
        room = shutil.get_terminal_size().columns - 1
        click.echo(f"\r\x1b[K{tables.cut(text, room)}", nl=False, err=True)

    def end(self) -> None:
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
