"""How values look: to a person, and as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from datetime import datetime
from typing import Any

import click

from pgqueue.codec import MAX_DEPTH, is_deeper
from pgqueue.database import FIRST, LAST
from pgqueue.describe import one_line
from pgqueue.rows import JobRow

_UNITS = ((36 * 3600, 86400, "d"), (90 * 60, 3600, "h"), (90, 60, "min"), (1, 1, "s"))
_BYTES = ("bytes", "kB", "MB", "GB", "TB")
KIB = 1024
#: JSON that is no longer than this stays on one line.
ROOM = 80
#: Text nested deeper than Python reads is shown as it is stored.
_UNREADABLE = (ValueError, RecursionError)


def age(seconds: float | None) -> str | None:
    """Return a span of time as a person says it.

    >>> age(0.004), age(3.2), age(125), age(7 * 3600), age(80 * 3600)
    ('4 ms', '3 s', '2 min', '7 h', '3 d')
    """
    if seconds is None:
        return None
    for least, unit, name in _UNITS:
        if abs(seconds) >= least:
            return f"{round(seconds / unit):,} {name}"
    return f"{round(seconds * 1000)} ms"


def since(moment: datetime | None, now: datetime) -> str | None:
    """Return how long ago a time is, or how far ahead.

    >>> since(datetime(2026, 1, 1), datetime(2026, 1, 1, 0, 3))
    '3 min ago'
    """
    if moment is None:
        return None
    if is_endless(moment):
        return "never"
    seconds = (now - moment).total_seconds()
    return f"{age(seconds)} ago" if seconds >= 0 else f"in {age(-seconds)}"


def clock(moment: datetime) -> str:
    """Return a time for a person, in the local time zone."""
    return "never" if is_endless(moment) else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def is_endless(moment: datetime) -> bool:
    """Tell whether a time is PostgreSQL's infinity, as `database.py` reads it."""
    return moment in (FIRST, LAST)


def size(count: float) -> str:
    """Return a number of bytes as a person says it.

    >>> size(24576)
    '24 kB'
    """
    for unit in _BYTES:
        if count < KIB or unit == _BYTES[-1]:
            return f"{count:.0f} {unit}"
        count /= KIB
    raise AssertionError


def plural(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> plural(1, "job"), plural(1200, "job")
    ('1 job', '1,200 jobs')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def emit(document: Any) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(document, default=_plain, indent=2))


def job_document(job: JobRow, **more: Any) -> dict[str, Any]:
    """Return a job as JSON shows it: its payload is nested, not quoted."""
    fields = dataclasses.asdict(job)
    payload = {name: stored(fields[name]) for name in ("args", "kwargs", "headers", "result")}
    return {**fields, **payload, **more}


def stored(text: str | None) -> Any:
    """Return the value of stored JSON; what Python cannot read stays text."""
    if text is None:
        return None
    try:
        return _read(text)
    except _UNREADABLE:
        return text


def pretty(text: str) -> list[str]:
    """Return stored JSON as lines for a person."""
    try:
        return [one_line(line) for line in _lines(_read(text))]
    except _UNREADABLE:
        return [one_line(text)]


def _read(text: str) -> Any:
    value = json.loads(text, parse_float=_finite)
    if is_deeper([value], MAX_DEPTH):  # what can just be read may be too deep to be written
        raise RecursionError
    return value


def _lines(value: Any, before: str = "", after: str = "") -> list[str]:
    """Write what fits on one line on one, and everything else a line per member."""
    short = before + json.dumps(value, ensure_ascii=False) + after
    if len(short) <= ROOM or not isinstance(value, (dict, list)) or not value:
        return [short]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    names = (
        [f"{json.dumps(name, ensure_ascii=False)}: " for name in value] if opening == "{" else []
    )
    members = list(value.values() if isinstance(value, dict) else value)
    inner = [
        "  " + line
        for i, member in enumerate(members)
        for line in _lines(member, names[i] if names else "", "," if i + 1 < len(members) else "")
    ]
    return [before + opening, *inner, closing + after]


def _finite(digits: str) -> Any:
    number = float(digits)
    return number if math.isfinite(number) else digits


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return None if is_endless(value) else value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")
