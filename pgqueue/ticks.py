"""What people write of when something is due: by the clock, or by the time that passes. Pure.

`every 30 seconds` goes by the time that passes; `*/5 * * * *` by the wall clock, with seconds as a
sixth field (`*/5 * * * * 30s`), or in words: `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`;
`solar sunset 59.91 10.75` by the sun.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import cast
from zoneinfo import ZoneInfo

from pgqueue.cron import crontab
from pgqueue.errors import ConfigurationError
from pgqueue.misspelt import Spelt
from pgqueue.sun import solar

SHORTEST, LONGEST = timedelta(milliseconds=100), timedelta(days=36_500)

_UNITS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
}
_WRITTEN = ("day", "hour", "minute")
_RESOLUTIONS = (timedelta(hours=1), timedelta(minutes=1), timedelta.resolution)
_EVERY = re.compile(
    r"every\s+(?:(?P<number>\d+(?:\.\d+)?)\s*)?"
    r"(?P<unit>w|d|h|m|min|s|sec|week|day|hour|minute|second)s?(?P<relative>,?\s+relative)?",
    re.IGNORECASE,
)
_SOLAR = re.compile(
    r"solar\s+(?P<event>\w+)\s+(?P<lat>-?\d+(?:\.\d+)?)\s+(?P<lon>-?\d+(?:\.\d+)?)", re.IGNORECASE
)
_SHORT = {"w": "week", "d": "day", "h": "hour", "m": "minute", "min": "minute"} | dict.fromkeys(
    ("s", "sec"), "second"
)
_IN_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS = (5, 6)


@dataclass(frozen=True, init=False, slots=True)
class schedule(Spelt):  # noqa: N801 (Celery's name)
    """A schedule by the time that passes: every so many seconds, or every `timedelta`.

    It keeps its phase, which begins when it is added, also over restarts. `relative`: it begins at
    full minutes, hours or days (midnight), by the largest unit of the interval.

    >>> schedule(90), schedule(timedelta(hours=6), relative=True)
    (schedule('every 90 seconds'), schedule('every 6 hours relative'))
    """

    run_every: timedelta
    relative: bool

    def __init__(self, run_every: float | timedelta, relative: bool = False) -> None:
        span = run_every
        if isinstance(span, (int, float)) and not isinstance(span, bool):
            try:
                span = timedelta(seconds=span)
            except (OverflowError, ValueError):
                span = timedelta.max
        if not isinstance(span, timedelta) or not SHORTEST <= span <= LONGEST:
            raise ConfigurationError(
                f"schedule({run_every!r}): give seconds or a timedelta, from 0.1 s to 100 years"
            )
        object.__setattr__(self, "run_every", span)
        object.__setattr__(self, "relative", bool(relative))

    @property
    def text(self) -> str:
        """It as people write it.

        >>> schedule(timedelta(days=1)).text, schedule(0.5).text
        ('every day', 'every 0.5 seconds')
        """
        name = next((n for n in _WRITTEN if not self.run_every % _UNITS[n]), "second")
        number = self.run_every / _UNITS[name]
        shown = str(number).removesuffix(".0")
        count = name if number == 1 else f"{shown} {name}s"
        return f"every {count}{' relative' if self.relative else ''}"

    def __repr__(self) -> str:
        return f"schedule({self.text!r})"

    def next(self, after: datetime, zone: tzinfo, anchor: datetime) -> datetime:
        """Return the first time after a moment, as counted from another, the anchor."""
        after, anchor = after.astimezone(UTC), anchor.astimezone(UTC)
        if self.relative and self.run_every >= _UNITS["day"]:
            return self._midnight(after, zone, anchor)
        if self.relative:
            anchor = self._floored(anchor.astimezone(zone))
        steps = (after - anchor) // self.run_every + 1
        return (anchor + steps * self.run_every).astimezone(zone)

    def _floored(self, shown: datetime) -> datetime:
        unit = next(unit for unit in _RESOLUTIONS if self.run_every >= unit)
        into = timedelta(minutes=shown.minute, seconds=shown.second, microseconds=shown.microsecond)
        return (shown.astimezone(UTC) - into % unit).astimezone(shown.tzinfo)

    def _midnight(self, after: datetime, zone: tzinfo, anchor: datetime) -> datetime:
        days = timedelta(days=self.run_every.days)
        first = anchor.astimezone(zone).replace(
            tzinfo=None, hour=0, minute=0, second=0, microsecond=0, fold=0
        )
        shown = after.astimezone(zone).replace(tzinfo=None, fold=0)
        clock = first + (shown - first) // days * days
        while True:
            # Where the clock leaves out midnight, this is how it would have gone on.
            due = clock.replace(tzinfo=zone).astimezone(UTC)
            if due > after:
                return due.astimezone(zone)
            clock += days


@lru_cache(1024)
def read(text: str) -> crontab | schedule | solar:
    """Return what a text says; raises `ConfigurationError` if it is none of what is shown above.

    >>> read("every 5 minutes").text, read("@daily").text, read("*/10 9-17 * * mon-fri").text
    ('every 5 minutes', '0 0 * * *', '*/10 9-17 * * mon-fri')
    """
    plain = " ".join(text.split())
    if match := _EVERY.fullmatch(plain):
        unit = _UNITS[_SHORT.get(match["unit"].lower(), match["unit"].lower())]
        try:
            span = float(match["number"] or 1) * unit
        except OverflowError:
            span = timedelta.max
        return schedule(span, relative=bool(match["relative"]))
    if match := _SOLAR.fullmatch(plain):
        return solar(match["event"].lower(), float(match["lat"]), float(match["lon"]))
    fields = _IN_WORDS.get(plain.lower(), plain).split()
    if len(fields) not in _FIELDS:
        raise ConfigurationError(
            f"schedule {text!r}: write five fields as cron does (minute hour day month weekday), "
            "six with seconds last, or 'every 30 seconds', 'every 5 minutes', 'every day'"
        )
    try:
        return crontab(*fields[:5], second=fields[5].removesuffix("s") if fields[5:] else 0)
    except ConfigurationError as error:
        six = "; of six fields the last one is the seconds" if fields[5:] else ""
        raise ConfigurationError(f"schedule {text!r}: {error}{six}") from None


@lru_cache(1024)
def zone_named(name: str) -> tzinfo:
    """Return the time zone of a name; raises `ConfigurationError` if there is none."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ConfigurationError(
            f"timezone {name!r}: there is no such time zone; give a name such as 'Europe/Oslo'"
        ) from None


def checked_text(given: object) -> str:
    """Return the text of what a declaration gives as its schedule.

    >>> checked_text(30), checked_text(crontab(minute=0, hour=9)), checked_text("0 9 * * mon")
    ('every 30 seconds', '0 9 * * *', '0 9 * * mon')
    """
    if isinstance(given, str):
        found = read(given)
        _refuse_ambiguous(given)
        return found.text
    if isinstance(given, (crontab, schedule, solar)):
        return given.text
    if isinstance(given, (int, float, timedelta)):
        return schedule(cast("float | timedelta", given)).text
    raise ConfigurationError(
        f"schedule={given!r}: give seconds, a timedelta, crontab(…), schedule(…), solar(…), or "
        "a text such as '*/5 * * * *' or 'every 30 seconds'"
    )


def _refuse_ambiguous(text: str) -> None:
    """Refuse six fields of which the first could be the seconds as well as the last.

    Some programs have them first: what means every five minutes there would be every second here.
    """
    fields = text.split()
    if len(fields) != _FIELDS[-1] or fields[5].endswith("s"):
        return
    try:
        crontab(*fields[1:], second=fields[0])
    except ConfigurationError:
        return
    raise ConfigurationError(
        f"schedule {text!r}: of six fields the last one is the seconds here, and in other programs "
        f"the first one; say that you mean the last: '{' '.join(fields)}s', or write five fields"
    )
