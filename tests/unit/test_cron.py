"""Schedules by the wall clock: which fields there are, and when they are due, in any time zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from pgqueue.cron import crontab
from pgqueue.errors import ConfigurationError

MINUTE = timedelta(minutes=1)

# ── fields ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("*", set(range(60))),
        ("*/15", {0, 15, 30, 45}),
        ("5", {5}),
        (5, {5}),
        ("0, 30", {0, 30}),
        ("10-12", {10, 11, 12}),
        ("55-5/3", {55, 58, 1, 4}),
        ("58-1", {58, 59, 0, 1}),
        ("1-10/4,50", {1, 5, 9, 50}),
        ([0, 7], {0, 7}),
        ({3}, {3}),
        (iter((1, 2)), {1, 2}),
    ],
)
def test_a_field_is_read_as_celery_reads_it(field, values):
    assert crontab(minute=field).minute == values


def test_steps_of_fields_that_begin_at_one_begin_at_one():
    schedule = crontab(day_of_month="*/15", month_of_year="*/4")
    assert schedule.day_of_month == {1, 16, 31}
    assert schedule.month_of_year == {1, 5, 9}


@pytest.mark.parametrize("name", ["mon", "MON", "Monday"])
def test_days_and_months_have_names(name):
    assert crontab(day_of_week=name).day_of_week == {1}
    assert crontab(month_of_year="Nov-feb").month_of_year == {11, 12, 1, 2}


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("minute", ""),
        ("minute", "1,,2"),
        ("minute", "*/"),
        ("minute", "*/0"),
        ("minute", "-1"),
        ("minute", "60"),
        ("minute", 60),
        ("minute", "5/2"),
        ("minute", "61-0"),
        ("minute", "mon"),
        ("minute", "²"),
        ("minute", None),
        ("minute", 1.5),
        ("minute", True),
        ("minute", []),
        ("minute", [60]),
        ("minute", ["1"]),
        ("day_of_month", "0"),
        ("day_of_month", 32),
        ("month_of_year", "13"),
        ("day_of_week", "7"),
        ("day_of_week", "someday"),
    ],
)
def test_what_no_clock_shows_is_refused_by_name(name, field):
    with pytest.raises(ConfigurationError, match=f"crontab.{name}="):
        crontab(**{name: field})


@pytest.mark.parametrize(
    ("day", "month"), [(31, "4"), (30, "feb"), ("30-31", "2"), (31, "2,4,6,9,11")]
)
def test_a_date_that_never_comes_is_refused(day, month):
    with pytest.raises(ConfigurationError, match="never comes"):
        crontab(day_of_month=day, month_of_year=month)


@pytest.mark.parametrize("text", ["* * * *", "* * * * * *", ""])
def test_a_line_has_five_fields(text):
    with pytest.raises(ConfigurationError, match="five fields"):
        crontab.from_string(text)


def test_what_is_due_at_the_same_times_is_equal():
    assert crontab(minute="*/30") == crontab(minute="0,30") == crontab(minute={30, 0})
    assert len({crontab(minute="*/30"), crontab(minute="0,30")}) == 1
    assert crontab(minute=1) != crontab(minute=2)
    assert crontab() != "* * * * *"


def test_a_text_makes_the_same_schedule_again():
    schedule = crontab("*/5", [9, 17], "1-7", "jan-jun", "mon")
    assert crontab.from_string(schedule.text) == schedule


# ── days ─────────────────────────────────────────────────────────────────────────────────────


def due(schedule: crontab, after: datetime, count: int = 1) -> list[datetime]:
    moments = []
    for _ in range(count):
        after = schedule.next(after, after.tzinfo)
        moments.append(after)
    return moments


def test_day_of_month_and_day_of_week_both_have_to_match():
    friday_13ths = due(crontab(0, 0, day_of_month=13, day_of_week="fri"), at("2026-01-01"), 3)
    assert [f"{each:%Y-%m-%d}" for each in friday_13ths] == [
        "2026-02-13",
        "2026-03-13",
        "2026-11-13",
    ]


def test_the_29th_of_february_comes_in_leap_years():
    leap = due(crontab(0, 0, day_of_month=29, month_of_year=2), at("2096-03-01"), 2)
    assert [each.year for each in leap] == [2104, 2108]


def test_the_29th_of_february_on_a_given_weekday_is_waited_for():
    (day,) = due(crontab(0, 0, 29, 2, "mon"), at("2026-01-01"))
    assert f"{day:%Y-%m-%d %a}" == "2044-02-29 Mon"
    (day,) = due(crontab(0, 0, 29, 2, "sun"), at("2088-03-01"))  # forty years: 2100 has none
    assert f"{day:%Y-%m-%d %a}" == "2128-02-29 Sun"


def test_a_year_ends():
    assert due(crontab(30, 23), at("2026-12-31T23:30")) == [at("2027-01-01T23:30")]


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ConfigurationError, match="time zone"):
        crontab().next(datetime(2026, 1, 1), UTC)  # noqa: DTZ001 (that is what is refused)


# ── clocks that are changed ──────────────────────────────────────────────────────────────────

ZONES = {
    # a change of every kind: where, and about when
    "Europe/Berlin": ["2026-03-29", "2026-10-25"],
    "America/New_York": ["2026-03-08", "2026-11-01"],
    "America/Santiago": ["2026-04-05", "2026-09-06"],  # at midnight
    "America/Havana": ["2026-03-08", "2026-11-01"],  # at midnight, too
    "Africa/Cairo": ["2026-04-24", "2026-10-29"],
    "Australia/Lord_Howe": ["2026-04-05", "2026-10-04"],  # by half an hour
    "Asia/Kathmandu": ["1986-01-01"],  # by a quarter
    "Pacific/Chatham": ["2026-04-05", "2026-09-27"],
    "Pacific/Apia": ["2011-12-30"],  # a day that was not
    "Asia/Singapore": ["1982-01-01"],
    "Antarctica/Casey": ["2018-03-11"],  # by three hours
    "Antarctica/Troll": ["2026-03-29", "2026-10-25"],  # by two
    "UTC": ["2026-01-01"],
}


def at(text: str, zone: str = "UTC") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


def test_an_hourly_schedule_loses_and_doubles_nothing_when_the_clock_is_set_back():
    hourly = due(crontab(minute=0), at("2026-10-25T00:30", "Europe/Berlin"), 5)
    assert [f"{each:%H:%M%z}" for each in hourly] == [
        "01:00+0200",
        "02:00+0200",
        "02:00+0100",
        "03:00+0100",
        "04:00+0100",
    ]


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-03-28T12:00", ["03-29 03:30+0200", "03-30 02:30+0200"]),  # 02:30 is left out
        ("2026-10-24T12:00", ["10-25 02:30+0200", "10-26 02:30+0100"]),  # … and comes twice
    ],
)
def test_a_fixed_hour_comes_once_a_day(day, expected):
    found = due(crontab(30, 2), at(day, "Europe/Berlin"), 2)
    assert [f"{each:%m-%d %H:%M%z}" for each in found] == expected


def test_nine_in_the_morning_stays_nine_in_the_morning():
    found = due(crontab(0, 9), at("2026-03-27T12:00", "Europe/Berlin"), 3)
    assert [f"{each:%d %H:%M%z}" for each in found] == [
        "28 09:00+0100",
        "29 09:00+0200",
        "30 09:00+0200",
    ]


fields = st.tuples(
    st.sampled_from(["*", "0", "30", "*/15", "59", "0,45", "7-9", "*/20"]),
    st.sampled_from(["*", "*", "0", "1", "2", "3", "23", "0-3", "*/2", "22-2", "0,12"]),
    st.sampled_from(["*", "*", "1", "29-31", "1-7"]),
    st.sampled_from(["*", "*", "3-4", "9-12"]),
    st.sampled_from(["*", "*", "sun", "mon-fri"]),
)
changes = st.sampled_from([(zone, day) for zone, days in ZONES.items() for day in days])


@settings(max_examples=50, deadline=None)
@given(fields, changes, st.integers(0, 72 * 60 - 1))
def test_what_is_due_is_what_a_walk_over_the_minutes_finds(texts, change, minutes):
    schedule, (name, day) = crontab(*texts), change
    zone = ZoneInfo(name)
    after = at(day) + timedelta(minutes=minutes - 36 * 60)
    end = after + timedelta(hours=30)
    found = []
    moment = schedule.next(after, zone)
    while moment.astimezone(UTC) <= end:
        found.append(moment.astimezone(UTC))
        moment = schedule.next(moment, zone)
    assert found == sorted(set(walked(schedule, after, end, zone)))


def walked(schedule: crontab, after: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield what is due, minute by minute: nothing is computed that could be counted."""
    seen: set[datetime] = set()
    minute = (after - timedelta(hours=30)).replace(second=0, microsecond=0)
    previous = shown(minute - MINUTE, zone)
    while minute <= end:
        clock = shown(minute, zone)
        left_out = []
        missing = previous + MINUTE
        while missing < clock:  # the clock jumps: these come late, by as much as it jumped
            left_out.append((missing, minute + (missing - previous - MINUTE)))
            missing += MINUTE
        if len(schedule.hour) == 24:
            if matches(schedule, clock) and minute > after:
                yield minute
        else:
            for time, moment in [*left_out, (clock, minute)]:
                if time not in seen and matches(schedule, time) and after < moment <= end:
                    yield moment
                seen.add(time)
        previous = clock
        minute += MINUTE


def shown(minute: datetime, zone: ZoneInfo) -> datetime:
    return minute.astimezone(zone).replace(tzinfo=None, fold=0)


def matches(schedule: crontab, clock: datetime) -> bool:
    return (
        clock.minute in schedule.minute
        and clock.hour in schedule.hour
        and clock.day in schedule.day_of_month
        and clock.month in schedule.month_of_year
        and clock.isoweekday() % 7 in schedule.day_of_week
    )
