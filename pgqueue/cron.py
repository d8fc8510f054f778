"""Times by the wall clock: `crontab(minute=0, hour=9)`, and when it is due next. Pure values."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from pgqueue.errors import ConfigurationError
from pgqueue.misspelt import Spelt

Field = int | str | Iterable[int]

_DAY = timedelta(days=1)
#: Every date that can be, with every weekday that it can fall on, comes again within so many years.
_YEARS = 50


class _Range(NamedTuple):
    """What a field may hold, and the names that stand for numbers."""

    name: str
    lowest: int
    highest: int
    names: tuple[str, ...] = ()

    @property
    def values(self) -> range:
        return range(self.lowest, self.highest + 1)


_SECOND = _Range("second", 0, 59)
_MINUTE = _Range("minute", 0, 59)
_HOUR = _Range("hour", 0, 23)
_DAY_OF_MONTH = _Range("day_of_month", 1, 31)
_MONTH = _Range(
    "month_of_year",
    1,
    12,
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
)
_DAY_OF_WEEK = _Range("day_of_week", 0, 6, ("sun", "mon", "tue", "wed", "thu", "fri", "sat"))

#: In cron's order.
_FIELDS = (_MINUTE, _HOUR, _DAY_OF_MONTH, _MONTH, _DAY_OF_WEEK)
_ON_THE_MINUTE = frozenset([0])

_PART = re.compile(r"(?:\*|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>\d+))?")


@dataclass(frozen=True, init=False, slots=True)
class crontab(Spelt):  # noqa: N801 (Celery's name)
    """A schedule by the wall clock, with Celery's fields and Celery's rules.

    Every field takes a number, a text such as `"*"`, `"*/15"`, `"9-17"`, `"22-4"` (over midnight),
    `"mon-fri"`, `"0,30"`, `"8-18/2"`, or numbers. All five must match, also `day_of_month` and
    `day_of_week`, and Sunday is 0. Raises `ConfigurationError` for a field that says nothing
    possible, and for a date that never comes. `second` is ours: those of each such minute, the
    first unless it is given.

    >>> schedule = crontab(minute=30, hour="9-17", day_of_week="mon-fri")
    >>> schedule
    crontab('30 9-17 * * mon-fri')
    >>> schedule.next(datetime(2027, 1, 1, 17, 30, tzinfo=UTC), UTC).isoformat()
    '2027-01-04T09:30:00+00:00'
    """

    minute: frozenset[int]
    hour: frozenset[int]
    day_of_month: frozenset[int]
    month_of_year: frozenset[int]
    day_of_week: frozenset[int]
    second: frozenset[int]
    #: As it was written, in cron's order; seconds come last, if there are any.
    text: str

    def __init__(
        self,
        minute: Field = "*",
        hour: Field = "*",
        day_of_month: Field = "*",
        month_of_year: Field = "*",
        day_of_week: Field = "*",
        *,
        second: Field = 0,
    ) -> None:
        given = (minute, hour, day_of_month, month_of_year, day_of_week, second)
        texts = []
        for kind, field in zip((*_FIELDS, _SECOND), given, strict=True):
            values, text = _read(kind, field)
            object.__setattr__(self, kind.name, values)
            texts.append(text)
        if self.second == _ON_THE_MINUTE:
            del texts[-1]
        object.__setattr__(self, "text", " ".join(texts))
        if not any(
            day <= _longest(month) for month in self.month_of_year for day in self.day_of_month
        ):
            raise ConfigurationError(f"crontab({self.text!r}): this date never comes")

    @classmethod
    def from_string(cls, text: str) -> crontab:
        """Read cron's five fields: minute, hour, day of month, month, day of week.

        >>> crontab.from_string("0 9 * * mon") == crontab(minute=0, hour=9, day_of_week="mon")
        True
        """
        fields = text.split()
        if len(fields) != 5:  # noqa: PLR2004 (as the message says)
            raise ConfigurationError(
                f"crontab.from_string({text!r}): give five fields, minute hour day_of_month "
                f"month_of_year day_of_week, not {len(fields)}"
            )
        return cls(*fields)

    def __repr__(self) -> str:
        return f"crontab({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, crontab) and self._sets() == other._sets()

    def __hash__(self) -> int:
        return hash(self._sets())

    def next(self, after: datetime, zone: tzinfo) -> datetime:
        """Return the first moment after another at which it is due, in the given time zone.

        Where every hour will do, time that passes counts: in an hour that the clock repeats it is
        due twice, in one that the clock leaves out not at all. Fixed hours come once a day: those
        that the clock leaves out are late by the length of the gap, and of those that it repeats
        the first counts.
        """
        if after.utcoffset() is None:
            raise ConfigurationError(f"{after!r} has no time zone: give an aware datetime")
        after = after.astimezone(UTC)
        if self.second == _ON_THE_MINUTE:
            return self._next_minute(after, zone).astimezone(zone)
        shown = _clock(after, zone)
        into = timedelta(seconds=shown.second, microseconds=shown.microsecond)
        minute = self._next_minute(after - into - datetime.resolution, zone)
        rest = [s for s in sorted(self.second) if minute + timedelta(seconds=s) > after]
        if not rest:
            minute, rest = self._next_minute(minute, zone), sorted(self.second)
        return (minute + timedelta(seconds=rest[0])).astimezone(zone)

    def _next_minute(self, after: datetime, zone: tzinfo) -> datetime:
        """Return when the next minute that is due begins, after a moment; both in UTC."""
        if len(self.hour) == len(_HOUR.values):
            return self._by_elapsed_time(after, zone)
        return self._by_the_clock(after, zone)

    def _by_elapsed_time(self, after: datetime, zone: tzinfo) -> datetime:
        start, offset = after, _offset(after, zone)
        while True:
            local = next(self._walk((start + offset).replace(tzinfo=None)))
            due = local.replace(tzinfo=UTC) - offset
            changed = _first_change(start, due, offset, zone)
            if changed is None:
                return due
            # The moment of the change may be due itself, by the new offset.
            start, offset = changed - datetime.resolution, _offset(changed, zone)

    def _by_the_clock(self, after: datetime, zone: tzinfo) -> datetime:
        best: datetime | None = None
        for local in self._walk(_clock(after, zone) - _shift(after, zone)):
            if best is not None and local > _clock(best, zone) + _shift(best, zone):
                return best
            # Of a time that the clock leaves out, this is how it would have gone on.
            due = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
            if due > after and (best is None or due < best):
                best = due
        raise AssertionError("it walks on for ever, or raises")

    def _walk(self, clock: datetime) -> Iterator[datetime]:
        """Yield the times by the clock that match, after one of them; none has a time zone."""
        # Who only declares a schedule need not wait for this.
        from croniter import CroniterBadDateError, croniter  # noqa: PLC0415

        fields = [
            "*" if len(values) == len(kind.values) else ",".join(map(str, sorted(values)))
            for kind, values in zip(_FIELDS, self._sets(), strict=False)
        ]
        times = croniter(" ".join(fields), clock, day_or=False, max_years_between_matches=_YEARS)
        while True:
            try:
                yield times.get_next(datetime)
            except CroniterBadDateError:
                raise ConfigurationError(f"{self!r}: this date never comes") from None

    def _sets(self) -> tuple[frozenset[int], ...]:
        return (
            *(self.minute, self.hour, self.day_of_month, self.month_of_year, self.day_of_week),
            self.second,
        )


def _read(kind: _Range, field: Field) -> tuple[frozenset[int], str]:
    """Return the numbers that a field stands for, and how it is written."""
    if isinstance(field, bool):
        raise ConfigurationError(f"crontab({kind.name}={field!r}): give a number or a text")
    if isinstance(field, int):
        field = str(field)
    if isinstance(field, str):
        text = "".join(field.split()).lower()
        return frozenset(n for part in text.split(",") for n in _part(kind, part, field)), text
    try:
        values = frozenset(field)
    except TypeError:
        raise ConfigurationError(
            f"crontab({kind.name}={field!r}): give a number, a text such as '*/2', or numbers"
        ) from None
    if not values:
        raise ConfigurationError(f"crontab({kind.name}={field!r}): this never comes")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or value not in kind.values:
            raise _refused(kind, field, repr(value))
    return values, ",".join(map(str, sorted(values)))


def _part(kind: _Range, part: str, field: str) -> list[int]:
    match = _PART.fullmatch(part)
    if not match or (match["step"] and match["first"] and not match["last"]):
        raise _refused(kind, field, repr(part))
    values = list(kind.values)
    if match["first"]:
        first = last = _number(kind, match["first"], field)
        if match["last"]:
            last = _number(kind, match["last"], field)
        low, high = first - kind.lowest, last - kind.lowest
        values = values[low : high + 1] if low <= high else values[low:] + values[: high + 1]
    step = int(match["step"] or 1)
    if step == 0:
        raise _refused(kind, field, repr(part))
    return values[::step]


def _number(kind: _Range, text: str, field: str) -> int:
    if text.isdecimal() and text.isascii():
        number = int(text)
    elif kind.names and text[:3] in kind.names:
        number = kind.names.index(text[:3]) + kind.lowest
    else:
        raise _refused(kind, field, repr(text))
    if number not in kind.values:
        raise _refused(kind, field, repr(text))
    return number


def _refused(kind: _Range, field: object, what: str) -> ConfigurationError:
    names = f" or {kind.names[0]} to {kind.names[-1]}" if kind.names else ""
    return ConfigurationError(
        f"crontab({kind.name}={field!r}): {what} is not of {kind.lowest} to {kind.highest}{names}, "
        "nor a range such as '1-5', a step such as '*/2', or a list of such"
    )


def _longest(month: int) -> int:
    return calendar.monthrange(2000, month)[1]  # a leap year


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset


def _clock(moment: datetime, zone: tzinfo) -> datetime:
    """Return what the clock on the wall shows."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _shift(moment: datetime, zone: tzinfo) -> timedelta:
    """Return by how much the clock is changed about this moment."""
    return abs(_offset(moment + _DAY, zone) - _offset(moment - _DAY, zone))


def _first_change(
    start: datetime, end: datetime, offset: timedelta, zone: tzinfo
) -> datetime | None:
    """Return the first moment after `start`, up to `end`, that has another offset than this."""
    low = high = start
    while low < end:
        high = min(low + _DAY, end)
        if _offset(high, zone) != offset:
            break
        low = high
    else:
        return None
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if _offset(middle, zone) == offset:
            low = middle
        else:
            high = middle
    return high.replace(microsecond=0)  # clocks are changed at whole seconds
