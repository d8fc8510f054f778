"""What is to be done when a schedule is due: which times get a job, and what comes next. Pure.

Times that were missed, while nobody kept schedules, are made up for as each of them says, and so is
what happens while its last job has not ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pgqueue.cron import crontab
from pgqueue.rows import DueSchedule, Tick, Turn
from pgqueue.ticks import read, zone_named

#: A time that is so long ago has been missed. Until then another scheduler has taken over from one
#: that died or froze, and all times get their job, only late.
GRACE = timedelta(seconds=15)
#: How many such there can be; of shorter intervals the oldest are dropped.
MOST = 1000


def turn(due: DueSchedule) -> Turn:
    """Return what is to be done to a due schedule; raises `ConfigurationError` if it says nothing.

    >>> at = lambda minute: datetime(2027, 1, 1, 12, minute, tzinfo=UTC)
    >>> every = DueSchedule("tick", "every 5 minutes", "UTC", 1, "allow", at(0), at(5), None,
    ...                     None, False, at(5) + timedelta(milliseconds=20))
    >>> turn(every).ticks[0].time == at(5), turn(every).next_run_at == at(10)
    (True, True)
    """
    when = _When(due.schedule, due.timezone, due.anchor_at or due.now)
    times: list[datetime] = []
    if due.next_run_at is None:
        following = when.after(due.now)
    elif due.next_run_at > due.now:
        following = due.next_run_at
    else:
        times, following = _made_up(when, due.next_run_at, due)
    ticks, waiting = _overlapping(due, times)
    replaces = due.last_job_id if due.overlap == "replace" and due.busy and times else None
    return Turn(due.name, tuple(ticks), following, when.anchor, waiting, replaces)


def upcoming(
    text: str, timezone: str, now: datetime, anchor: datetime | None = None
) -> Iterator[datetime]:
    """Yield the times to come of a schedule, in its time zone, for ever.

    >>> from itertools import islice
    >>> now = datetime(2027, 3, 27, 12, tzinfo=UTC)
    >>> for time in islice(upcoming("30 2 * * *", "Europe/Oslo", now), 2):
    ...     print(time)
    2027-03-28 03:30:00+02:00
    2027-03-29 02:30:00+02:00
    """
    when = _When(text, timezone, (anchor or now).astimezone(UTC))
    time = now.astimezone(UTC)
    while True:
        time = when.after(time)
        yield time.astimezone(when.zone)


class _When:
    """What a schedule says, in its time zone; takes and returns times in UTC."""

    def __init__(self, text: str, timezone: str, anchor: datetime) -> None:
        self._said, self.zone, self.anchor = read(text), zone_named(timezone), anchor

    def after(self, moment: datetime) -> datetime:
        """Return the first time after a moment."""
        if isinstance(self._said, crontab):
            return self._said.next(moment, self.zone).astimezone(UTC)
        return self._said.next(moment, self.zone, self.anchor).astimezone(UTC)

    def latest(self, first: datetime, now: datetime, limit: int) -> tuple[list[datetime], datetime]:
        """Return the last so many times up to now, of which `first` is the first, and the next."""
        back = timedelta(minutes=1)
        while True:
            since = max(first, now - back)
            times = [first] if since == first else []
            moment = since
            while (moment := self.after(moment)) <= now:
                times.append(moment)
            if since == first or len(times) >= limit:
                return times[-limit:], moment
            back *= 4


def _made_up(when: _When, first: datetime, due: DueSchedule) -> tuple[list[datetime], datetime]:
    """Return the times up to now that get a job, which are all if none was missed, and the next."""
    if due.now - first <= GRACE:
        return when.latest(first, due.now, MOST)
    times, following = when.latest(first, due.now, max(due.catch_up, 1))
    return ([] if due.catch_up == 0 and due.now - times[-1] > GRACE else times), following


def _overlapping(due: DueSchedule, times: list[datetime]) -> tuple[list[Tick], datetime | None]:
    """Return which times get a job and which do not, and the one whose job waits for the last."""
    if due.overlap == "allow" or (due.overlap == "skip" and due.busy):
        return [Tick(time, due.overlap == "allow") for time in times], None
    if due.overlap == "queue":
        in_line = times if due.waiting_tick is None else [due.waiting_tick, *times]
        begun = [] if due.busy else in_line[:1]
        waiting, skipped = in_line[len(begun) :][:1], in_line[len(begun) + 1 :]
        ticks = [*(Tick(time, True) for time in begun), *(Tick(time, False) for time in skipped)]
        return ticks, waiting[0] if waiting else None
    return [Tick(time, time == times[-1]) for time in times], None  # one at a time: the newest
