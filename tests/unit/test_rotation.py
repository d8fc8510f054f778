"""Whose turn it is among a worker's queues."""

from __future__ import annotations

from collections import Counter

import pytest

from pgqueue import InvalidOption
from pgqueue.rows import ClaimedJob
from pgqueue.worker.rotation import Rotation, weighed


def serve(weights, waiting, limits, *, strict=False):
    """Claim so many jobs each time; return how many were had of each queue, and what is left."""
    rotation = Rotation(weights, strict=strict)
    rotation.serve(list(waiting))
    had, left = Counter(), Counter(waiting)
    for limit in limits:
        found = []
        for queue in rotation.order():
            number = min(limit - len(found), left[queue])
            found += [ClaimedJob("", 1, 1, None, None, queue, 0, "", "", "", "", None)] * number
            had[queue] += number
            left[queue] -= number
        rotation.took(found, limit)
    return had


@pytest.mark.parametrize("limits", [[1] * 400, [7, 1, 32] * 10, [200, 100, 50, 25, 25]])
def test_full_queues_share_by_their_weights_counted_in_jobs(limits):
    full = dict.fromkeys("abc", 10_000)
    had = serve({"a": 3, "b": 1}, full, limits)
    assert had["a"] / had.total() == pytest.approx(3 / 5, abs=max(limits) / sum(limits))
    assert had["b"] == pytest.approx(had["c"], abs=max(limits))


def test_no_slot_is_left_free_for_a_queue_that_has_nothing():
    assert serve({"a": 99}, {"a": 0, "b": 1000}, [10] * 20) == {"a": 0, "b": 200}


def test_a_queue_saves_up_nothing_while_it_has_nothing():
    rotation = Rotation({}, strict=False)
    rotation.serve(["a", "b"])
    job = {
        queue: ClaimedJob("", 1, 1, None, None, queue, 0, "", "", "", "", None) for queue in "ab"
    }
    for _ in range(100):
        rotation.took([job["b"]], 1)
    order = []
    for _ in range(4):
        order.append(rotation.order()[0])
        rotation.took([job[order[-1]]], 1)
    assert order in (["a", "b", "a", "b"], ["b", "a", "b", "a"], ["a", "a", "b", "a"])


def test_strictly_a_later_queue_gets_what_the_earlier_ones_leave():
    assert serve({}, {"a": 95, "b": 1000}, [10] * 20, strict=True) == {"a": 95, "b": 105}


def test_queues_that_are_served_later_join_in():
    rotation = Rotation({"b": 2.0}, strict=False)
    rotation.serve(["a"])
    rotation.serve(["a", "b"])
    assert rotation.order() == ["b", "a"]
    rotation.serve([])
    assert rotation.order() == []


def test_weights_are_said_behind_a_colon():
    assert weighed(["a:3", "b", "c:d", "e:f:0.5"]) == {"a": 3, "b": 1, "c:d": 1, "e:f": 0.5}
    with pytest.raises(InvalidOption, match="-Q a:0: a weight is above 0"):
        weighed(["a:0"])
