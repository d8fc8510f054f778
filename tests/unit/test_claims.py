"""What a worker claims next: where it looks, how many it takes, when it looks again."""

from __future__ import annotations

import pytest

from pgqueue.rows import ClaimedJob, Lane
from pgqueue.worker.claims import POLLS_AWAKE, SWEEP_EVERY, SWEEP_SHARE, Cursors, Schedule


def claimed(queue="a", priority=0, run_at="2026-11-22 12:00:00+00", id="j"):  # noqa: A002
    return ClaimedJob(id, 1, 1, None, None, queue, priority, run_at, "add", "[]", "{}", None)


# ── cursors ──


def places(cursors, *, sweep=False):
    return {(lane.queue, lane.priority): lane for lane in cursors.lanes(sweep=sweep)}


def test_each_queue_is_scanned_by_priority_highest_first():
    assert [lane.priority for lane in Cursors(["a"]).lanes(sweep=True)] == list(range(9, -1, -1))


def test_each_queue_takes_its_turn_to_be_first():
    cursors = Cursors(["a", "b", "c"])
    order = []
    for _ in range(4):
        order.append([lane.queue for lane in cursors.lanes(sweep=False)][::10])
        cursors.advance([claimed(order[-1][0])], 1)
    assert order == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


def test_a_scan_goes_on_behind_the_last_job_that_was_claimed_in_its_lane():
    cursors = Cursors(["a", "b"])
    cursors.advance([claimed(id="1"), claimed(id="2"), claimed("b", 9, id="3")])
    now = places(cursors)
    assert now["a", 0] == Lane("a", 0, "2026-11-22 12:00:00+00", "2")
    assert now["b", 9] == Lane("b", 9, "2026-11-22 12:00:00+00", "3")
    assert now["a", 9] == Lane("a", 9)


def test_a_sweep_scans_from_the_start_and_moves_the_cursor_back_to_what_it_finds():
    cursors = Cursors(["a"])
    cursors.advance([claimed(run_at="2026-11-22 12:00:00+00")])
    assert places(cursors, sweep=True)["a", 0] == Lane("a", 0)
    assert places(cursors)["a", 0].run_at == "2026-11-22 12:00:00+00"
    cursors.advance([claimed(run_at="2026-11-22 11:00:00+00")])
    assert places(cursors)["a", 0].run_at == "2026-11-22 11:00:00+00"


# ── schedule ──


class Looking:
    """A schedule with a clock, and looks of the worker that take the time they are given."""

    def __init__(self):
        self.schedule = Schedule()
        self.now = 100.0

    def look(self, found=0, *, limit=10, took=0.0):
        """Wait until the next look is due, and have it; return (the wait, whether it swept)."""
        wait = self.schedule.pause(self.now)
        self.now += wait
        assert self.schedule.due(self.now)
        look = self.schedule.begin(self.now)
        self.now += took
        self.schedule.looked(look, found, limit, self.now)
        return round(wait, 6), look.sweeps


@pytest.fixture
def looking():
    """A worker that has just begun: its first look is a sweep."""
    looking = Looking()
    assert looking.look(10) == (0, True)
    return looking


def test_after_a_full_claim_the_next_look_is_at_once_from_the_cursors_on(looking):
    assert [looking.look(10) for _ in range(3)] == [(0, False)] * 3


def test_a_busy_worker_sweeps_now_and_then(looking):
    swept = []
    for _ in range(8):
        looking.now += SWEEP_EVERY / 4
        swept.append(looking.look(10)[1])
    assert swept == [False, False, False, True] * 2


def test_a_claim_that_is_not_full_is_followed_by_a_sweep_at_once(looking):
    assert looking.look(9) == (0, False)
    assert looking.look(9) == (0, True)


def test_after_a_sweep_that_found_too_little_the_pauses_double_from_2_ms_to_2_s(looking):
    looking.look(9)
    waits, swept = zip(*[looking.look() for _ in range(14)], strict=True)
    doubling = [0.002 * 2**n for n in range(10)]
    assert waits == (0, *(round(wait, 6) for wait in doubling), 2, 2, 2)
    assert all(swept)


def test_a_find_begins_the_pauses_anew(looking):
    for _ in range(6):
        looking.look()
    assert looking.look(1)[0] > 0.01
    assert [looking.look()[0] for _ in range(2)] == [0.002, 0.004]


def test_the_worker_is_sleepy_after_a_few_looks_in_vain_and_awake_after_a_find(looking):
    looking.look()
    sleepy = []
    for _ in range(POLLS_AWAKE + 1):
        sleepy.append(looking.schedule.sleepy)
        looking.look()
    assert sleepy == [False] * POLLS_AWAKE + [True]
    looking.look(1)
    assert not looking.schedule.sleepy


def test_a_wake_up_means_a_look_at_once_and_then_short_pauses_again(looking):
    for _ in range(8):
        looking.look()
    looking.schedule.wake()
    assert not looking.schedule.sleepy
    waits = [looking.look()[0] for _ in range(4)]
    assert waits[0] == 0
    assert next(filter(None, waits)) == 0.002


@pytest.fixture
def lying(looking):
    """A worker that lies down, after the first polls."""
    while not looking.schedule.sleepy:
        looking.look()
    looking.schedule.lay_down()
    assert [looking.look()[0] for _ in range(4)] == [0, 0.002, 0.002, 0.004]
    return looking


def test_a_worker_that_is_woken_sweeps_and_learns_what_is_due_before_it_sleeps_on(lying):
    asked = []
    for _ in range(3):
        lying.schedule.wake()
        for found in (1, 0):
            assert lying.schedule.pause(lying.now) <= 0.002
            asked.append((lying.schedule.sleepy, *lying.look(found)))
    assert asked == [(False, 0, True), (True, 0.002, True)] * 3


def test_as_long_as_it_is_woken_its_pauses_go_on_growing(lying):
    waits = []
    for _ in range(4):
        lying.schedule.wake()
        lying.look(1)
        lying.look()
        waits.append(lying.look()[0])
    assert waits == [0.016, 0.064, 0.256, 1.024]


def test_a_wake_up_during_a_look_means_another_look(lying):
    look = lying.schedule.begin(lying.now)
    lying.schedule.wake()
    lying.schedule.looked(look, 0, 10, lying.now)
    assert lying.schedule.due(lying.now)
    assert lying.look() == (0, True)


def test_one_that_gets_up_polls_from_the_shortest_pause_on(lying):
    for _ in range(4):
        lying.look()
    lying.schedule.get_up(lying.now)
    assert [lying.look()[0] for _ in range(3)] == [0.002, 0.002, 0.004]
    lying.look(1)
    assert [lying.look()[0] for _ in range(2)] == [0.002, 0.004]


def test_sweeps_take_no_more_than_their_share_of_the_time(looking):
    """Where a sweep wades through what vacuum may not remove, looks from the cursors do."""
    looking.look()
    looking.look(took=1)
    began = looking.now
    swept = []
    while looking.now < began + SWEEP_SHARE:
        swept.append(looking.look()[1])
    assert not any(swept[:-1])
    assert looking.look()[1] or swept[-1]


def test_a_busy_workers_slow_sweeps_are_as_rare(looking):
    looking.now += SWEEP_EVERY
    assert looking.look(10, took=1) == (0, True)
    swept = [looking.look(10, took=0.5)[1] for _ in range(int(2 * SWEEP_SHARE))]
    assert not any(swept)
    assert looking.look(10)[1]


def test_a_scheduled_job_shortens_the_pause_and_never_lengthens_it(looking):
    for _ in range(8):
        looking.look()
    schedule, pause = looking.schedule, looking.schedule.pause(looking.now)
    schedule.due_within(pause + 1, looking.now)
    assert schedule.pause(looking.now) == pause
    schedule.due_within(pause / 2, looking.now)
    assert schedule.pause(looking.now) == pytest.approx(pause / 2)
    schedule.due_within(-5, looking.now)
    assert schedule.due(looking.now)
