from __future__ import annotations

from pgqueue.backoff import Doubling


def test_intervals_double_up_to_the_last_and_stay_there():
    pauses = Doubling(0.5, 3)
    assert [pauses.next() for _ in range(5)] == [0.5, 1, 2, 3, 3]


def test_a_reset_begins_again_with_the_first():
    pauses = Doubling(1, 8)
    assert [pauses.next() for _ in range(3)] == [1, 2, 4]
    pauses.reset()
    assert [pauses.next() for _ in range(2)] == [1, 2]
