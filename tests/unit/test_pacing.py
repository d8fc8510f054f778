"""How many jobs a worker claims, given how fast it is, and how long outcomes gather."""

from __future__ import annotations

import math

import pytest

from pgqueue.worker.pacing import (
    BRISK,
    FAST,
    FULL,
    FURTHEST,
    GATHER,
    GATHER_LONGEST,
    HORIZON,
    MAX_CLAIM,
    TURNS_AHEAD,
    Pace,
    Speed,
    horizon,
    patience,
    wanted,
)


def test_the_pace_of_steady_work_is_its_rate():
    pace = Pace()
    for tick in range(1000):
        pace.add(1, tick / 500)
    assert pace.per_second(999 / 500) == pytest.approx(500, rel=0.05)


def test_the_pace_fades_when_nothing_is_done():
    pace = Pace()
    assert pace.per_second(0) == 0
    pace.add(100, 0)
    assert pace.per_second(Pace.WINDOW) == pytest.approx(pace.per_second(0) / math.e)
    assert pace.per_second(10) < 1


@pytest.mark.parametrize(
    ("slots", "in_hand", "speed", "jobs"),
    [
        (8, 0, 0, 8),
        (8, 5, 0, 3),
        (8, 8, 0, 0),
        (8, 20, 0, 0),
        (8, 8, 1 / HORIZON, 1),
        (8, 8, 0.99 / HORIZON, 0),
        (0, 0, 1000, 50),
        (8, 0, 10**6, MAX_CLAIM),
    ],
)
def test_as_many_are_wanted_as_slots_are_free_now_or_within_the_horizon(
    slots, in_hand, speed, jobs
):
    assert wanted(slots=slots, in_hand=in_hand, speed=speed) == jobs


def test_what_is_fetched_ahead_grows_step_by_step():
    taken, stock = [], 0
    while not taken or taken[-1] < MAX_CLAIM:
        stock = wanted(slots=8, in_hand=0, speed=10**6, stock=stock)
        taken.append(stock)
    assert taken == [8, 40, 168, MAX_CLAIM]


def test_the_more_is_fetched_ahead_the_longer_a_turn_takes():
    assert horizon(0) == horizon(HORIZON / TURNS_AHEAD) == HORIZON
    assert horizon(0.02) == pytest.approx(0.02 * TURNS_AHEAD)
    assert horizon(1) == FURTHEST


# ── speed ──


def test_the_speed_is_known_from_the_first_jobs_on():
    speed = Speed()
    assert speed.per_second == 0
    speed.note(5.0, busy=True)
    speed.note(5.001, done=8, busy=True)
    assert speed.per_second == pytest.approx(8000, rel=0.01)


def test_time_without_jobs_does_not_count():
    speed = Speed()
    for second in range(3):
        speed.note(second, busy=True)
        speed.note(second + 0.01, done=10, busy=False)
    assert speed.per_second == pytest.approx(1000, rel=0.1)


def test_the_speed_follows_the_last_tenth_of_a_second():
    speed = Speed()
    for tick in range(1000):
        speed.note(tick / 1000, done=1, busy=True)
    assert speed.per_second == pytest.approx(1000, rel=0.01)
    speed.note(1.5, done=0, busy=True)
    assert speed.per_second < 10


# ── gathering ──

BUSY = {"rate": 10_000.0, "slots": 8, "in_hand": 508, "reported": 10, "keeps_up": False}


@pytest.mark.parametrize(
    ("situation", "seconds"),
    [
        ({}, HORIZON / 2),
        ({"in_hand": 108}, 0.005),
        ({"in_hand": 8}, 0),
        ({"in_hand": 3}, 0),
        ({"reported": FULL}, 0),
        ({"rate": BRISK}, 0),
        ({"keeps_up": True}, GATHER_LONGEST),
        ({"keeps_up": True, "rate": FAST / 1.6}, GATHER_LONGEST / 1.6),
        ({"keeps_up": True, "rate": BRISK + 1}, GATHER),
        ({"keeps_up": True, "rate": BRISK}, 0),
        ({"keeps_up": True, "reported": FULL}, 0),
    ],
)
def test_outcomes_gather_as_long_as_no_slot_runs_dry(situation, seconds):
    assert patience(**{**BUSY, **situation}) == pytest.approx(seconds)
