"""What is done when a schedule is due: missed times, overlaps, phases. Nothing here has a clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from pgqueue.errors import ConfigurationError
from pgqueue.rows import DueSchedule
from pgqueue.turns import GRACE, MOST, turn

NOON = datetime(2027, 5, 1, 12, tzinfo=UTC)
SOON = timedelta(milliseconds=20)


def due(now=NOON + SOON, **about):
    """A schedule of every minute that is due at noon; `now` is a little later."""
    plain = DueSchedule(
        *("tick", "every minute", "UTC", 1, "allow"),
        anchor_at=NOON - timedelta(hours=1),
        next_run_at=NOON,
        waiting_tick=None,
        last_job_id=None,
        busy=False,
        now=now,
    )
    return replace(plain, **about)


def minutes(*numbers):
    return [NOON + timedelta(minutes=number) for number in numbers]


def enqueued(done):
    return [tick.time for tick in done.ticks if tick.enqueue]


def skipped(done):
    return [tick.time for tick in done.ticks if not tick.enqueue]


def test_one_whose_time_is_not_known_gets_one_and_fires_nothing():
    done = turn(due(next_run_at=None, anchor_at=None))
    assert (done.ticks, done.next_run_at) == ((), NOON + SOON + timedelta(minutes=1))
    assert done.anchor_at == NOON + SOON


def test_one_that_another_scheduler_has_just_advanced_is_left_as_it_is():
    done = turn(due(next_run_at=NOON + timedelta(minutes=1)))
    assert (done.ticks, done.next_run_at) == ((), NOON + timedelta(minutes=1))


def test_a_late_scheduler_loses_nothing():
    """Whoever takes over from one that died is late by seconds; policies are for longer."""
    late = due(now=NOON + GRACE, schedule="every second", catch_up=0)
    assert enqueued(turn(late)) == [NOON + timedelta(seconds=n) for n in range(16)]
    assert turn(late).next_run_at == NOON + GRACE + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("catch_up", "made_up"), [(0, []), (1, minutes(60)), (3, minutes(58, 59, 60))]
)
def test_missed_times_are_made_up_for_as_the_schedule_says(catch_up, made_up):
    after_an_hour = due(now=NOON + timedelta(hours=1, seconds=30), catch_up=catch_up)
    done = turn(after_an_hour)
    assert enqueued(done) == made_up
    assert skipped(done) == []
    assert done.next_run_at == NOON + timedelta(minutes=61)


def test_after_an_outage_a_time_that_has_just_come_is_not_missed():
    assert enqueued(turn(due(now=NOON + timedelta(hours=1) + SOON, catch_up=0))) == minutes(60)


def test_an_outage_of_a_year_costs_no_more_than_one_of_a_minute():
    year = NOON + timedelta(days=365)
    done = turn(due(now=year, schedule="* * * * *", catch_up=MOST))
    assert len(enqueued(done)) == MOST
    assert done.ticks[-1].time == year


def test_a_schedule_that_has_no_last_job_does_as_if_it_had_ended():
    for overlap in ("allow", "skip", "queue", "replace"):
        done = turn(due(overlap=overlap))
        assert (enqueued(done), done.waiting_tick, done.replaces) == (minutes(0), None, None)


def busy(**about):
    return due(**{"busy": True, "last_job_id": "a job", **about})


def test_allow_enqueues_beside_the_last_job():
    assert enqueued(turn(busy(overlap="allow"))) == minutes(0)


def test_skip_notes_that_there_was_a_time():
    done = turn(busy(overlap="skip"))
    assert (enqueued(done), skipped(done)) == ([], minutes(0))


def test_replace_names_the_job_that_is_to_go():
    done = turn(busy(overlap="replace"))
    assert (enqueued(done), done.replaces) == (minutes(0), "a job")


def test_queue_keeps_one_time_waiting_until_the_last_job_has_ended():
    first = turn(busy(overlap="queue"))
    assert (first.ticks, first.waiting_tick) == ((), NOON)
    (second,) = minutes(1)
    full = busy(overlap="queue", waiting_tick=NOON, next_run_at=second, now=second + SOON)
    assert (skipped(turn(full)), turn(full).waiting_tick) == ([second], NOON)
    freed = replace(full, busy=False, next_run_at=NOON + timedelta(minutes=2))
    assert (enqueued(turn(freed)), turn(freed).waiting_tick) == ([NOON], None)
    both = replace(full, busy=False)
    assert (enqueued(turn(both)), turn(both).waiting_tick) == ([NOON], second)


@pytest.mark.parametrize("overlap", ["skip", "replace"])
def test_one_at_a_time_makes_up_with_the_newest_only(overlap):
    done = turn(due(now=NOON + timedelta(hours=1), catch_up=3, overlap=overlap))
    assert (enqueued(done), skipped(done)) == (minutes(60), minutes(58, 59))


def test_what_cannot_be_read_is_refused_in_words():
    with pytest.raises(ConfigurationError, match="five fields"):
        turn(due(schedule="now and then"))
    with pytest.raises(ConfigurationError, match="no such time zone"):
        turn(due(schedule="0 9 * * *", timezone="Middle/Earth"))


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(["every 7 seconds", "*/3 * * * * */20", "0 */2 * * *", "every day relative"]),
    st.lists(st.integers(0, 14_000), min_size=1, max_size=12),
    st.sampled_from(["UTC", "America/New_York"]),
)
def test_who_looks_in_time_fires_every_time_once_however_often_it_looks(text, looks, zone):
    """The times that are fired do not depend on when somebody looks, and none comes twice."""
    start = datetime(2026, 11, 1, 4, tzinfo=UTC)  # New York's clock is set back soon
    known = turn(due(schedule=text, timezone=zone, next_run_at=None, anchor_at=None, now=start))
    fired, now = [], start
    for milliseconds in looks:
        now += timedelta(milliseconds=milliseconds)
        known = turn(
            due(
                schedule=text,
                timezone=zone,
                now=now,
                next_run_at=known.next_run_at,
                anchor_at=known.anchor_at,
            )
        )
        fired += enqueued(known)
        assert known.next_run_at > now
    at_once = turn(
        due(
            schedule=text,
            timezone=zone,
            now=now,
            anchor_at=start,
            next_run_at=start,
            catch_up=MOST,
        )
    )
    assert fired == [time for time in enqueued(at_once) if time > start]
