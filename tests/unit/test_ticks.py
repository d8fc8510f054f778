"""What people write of when something is due, and how it is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from pgqueue.cron import crontab
from pgqueue.errors import ConfigurationError
from pgqueue.sun import EVENTS, solar
from pgqueue.ticks import checked_text, read, schedule

START = datetime(2027, 3, 27, 10, 20, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("every 30 seconds", schedule(30)),
        ("every second", schedule(1)),
        ("Every  5 Minutes", schedule(300)),
        ("every 90s", schedule(90)),
        ("every 1.5 h", schedule(5400)),
        ("every day", schedule(timedelta(days=1))),
        ("every 2 weeks", schedule(timedelta(days=14))),
        ("every 6 hours relative", schedule(timedelta(hours=6), relative=True)),
        ("*/5 * * * *", crontab(minute="*/5")),
        ("0 9 * * mon-fri", crontab(0, 9, day_of_week="mon-fri")),
        ("0 9 * * * */10", crontab(0, 9, second="*/10")),
        ("@hourly", crontab(0)),
        ("solar sunset -33.86 151.21", solar("sunset", -33.86, 151.21)),
        ("@weekly", crontab(0, 0, day_of_week="sun")),
    ],
)
def test_a_text_is_read(text, meant):
    assert read(text) == meant
    assert read(meant.text) == meant


@pytest.mark.parametrize(
    "text",
    ["", "often", "every", "every -1 seconds", "every 0 s", "every 9e9 days", "* * * *", "@reboot"],
)
def test_what_says_nothing_is_refused(text):
    with pytest.raises(ConfigurationError):
        read(text)


@pytest.mark.parametrize("given", [None, True, [], 0, -1, float("nan"), float("inf"), "0 0 31 2 *"])
def test_what_no_schedule_can_be_is_refused(given):
    with pytest.raises(ConfigurationError):
        checked_text(given)


@settings(max_examples=100, deadline=None)
@given(st.integers(100, 10**10), st.booleans())
def test_every_interval_survives_being_written(milliseconds, relative):
    interval = schedule(timedelta(milliseconds=milliseconds), relative)
    assert read(interval.text) == interval


def test_an_interval_keeps_its_phase():
    every = schedule(60)
    assert every.next(START, UTC, START) == START + timedelta(minutes=1)
    late = START + timedelta(hours=7, seconds=1)
    assert every.next(late, UTC, START) == START + timedelta(hours=7, minutes=1)


def test_an_interval_goes_by_the_time_that_passes():
    zone = ZoneInfo("Europe/Berlin")  # on the day after START its clock is set forward
    daily = schedule(timedelta(days=1))
    after = START + timedelta(hours=20)
    assert daily.next(after, zone, START).astimezone(UTC) == START + timedelta(days=1)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (timedelta(seconds=90), "2027-03-27T11:21:30+01:00"),
        (timedelta(minutes=20), "2027-03-27T11:40:00+01:00"),
        (timedelta(hours=2), "2027-03-27T13:00:00+01:00"),
        (timedelta(days=1), "2027-03-28T00:00:00+01:00"),
        (timedelta(days=2, hours=3), "2027-03-29T00:00:00+02:00"),  # the clock was set forward
    ],
)
def test_a_relative_interval_begins_at_a_full_unit(span, expected):
    zone = ZoneInfo("Europe/Berlin")
    first = schedule(span, relative=True).next(START, zone, START)
    assert first.isoformat() == expected


def test_seconds_are_those_of_each_minute_that_is_due():
    often = crontab("*/2", second="10,50")
    found, after = [], datetime(2027, 1, 1, 11, 59, 55, tzinfo=UTC)
    for _ in range(3):
        after = often.next(after, UTC)
        found.append(f"{after:%H:%M:%S}")
    assert found == ["12:00:10", "12:00:50", "12:02:10"]
    assert often.text == "*/2 * * * * 10,50"


@pytest.mark.parametrize("given", [("noon", 0, 0), ("sunset", 91, 0), ("sunset", 0, float("nan"))])
def test_what_no_sun_does_is_refused(given):
    with pytest.raises(ConfigurationError, match="give"):
        solar(*given)


def test_the_events_of_a_day_come_in_their_order():
    zone = ZoneInfo("Europe/Berlin")
    midnight = datetime(2027, 3, 21, tzinfo=zone)
    found = {name: solar(name, 52.52, 13.4).next(midnight, zone, midnight) for name in EVENTS}
    assert list(found) == sorted(found, key=found.__getitem__)
    shown = [f"{found[name]:%d %H:%M}" for name in ("sunrise", "sunset")]
    assert shown == ["21 06:07", "21 18:20"]


def test_a_polar_night_is_passed_over_and_each_sunrise_comes_once():
    tromso = solar("sunrise", 69.65, 18.96)
    first = tromso.next(datetime(2026, 12, 1, tzinfo=UTC), UTC, START)
    assert (first.year, first.month) == (2027, 1)
    days, moment = [], first
    for _ in range(5):
        days.append(moment.date().toordinal())
        moment = tromso.next(moment, UTC, START)
    assert days == list(range(days[0], days[0] + 5))


@pytest.mark.parametrize("text", ["0 */5 * * * *", "* * * * * */10", "0 9 1 1 * 5"])
def test_six_fields_that_may_begin_with_the_seconds_are_refused_until_they_are_marked(text):
    with pytest.raises(ConfigurationError, match="the last one is the seconds here") as refused:
        checked_text(text)
    assert f"'{text}s'" in str(refused.value)
    assert checked_text(f"{text}s") == text
    assert read(text) == read(f"{text}s")  # as it is stored


@pytest.mark.parametrize("text", ["*/5 * * * * 0,30", "0 9 * * mon 7"])
def test_six_fields_that_can_only_end_with_the_seconds_are_taken(text):
    assert checked_text(text) == text


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: crontab(minutes=3), r"crontab\(\) has no argument minutes=; did you mean minute="),
        (lambda: crontab(dayofweek=3), "did you mean day_of_week="),
        (lambda: schedule(minutes=5), r"no argument minutes=; there are: run_every, relative"),
        (lambda: schedule(5, relativ=True), "did you mean relative="),
        (lambda: solar("sunset", lat=1, long=2), "did you mean lon="),
    ],
)
def test_a_misspelt_argument_is_told_what_it_may_be(call, said):
    with pytest.raises(ConfigurationError, match=said):
        call()
