"""What is not due, and what is over, costs a claim no more than another level of an index."""

from __future__ import annotations

import pytest

from benchmarks.setting import ask
from benchmarks.standing import add_standing
from benchmarks.touched import Stepper
from pgqueue.worker.claims import PRIORITIES

ROWS, BATCHES, BATCH = 30_000, 5, 100
#: An index of so many rows has one level more than an empty one; a claim descends it once per lane.
LEVELS = 2


def most(place):
    """The most pages that a claim, a finish and a look ahead touch while a queue is drained."""
    stepper = Stepper(place, batch=BATCH)
    claims, finishes, looks = [], [], []
    for _ in range(BATCHES):
        claims.append(stepper.claim())
        looks.append(stepper.next_due())
        finishes.append(stepper.finish())
    assert {claim.rows for claim in claims} == {BATCH}
    return {
        "claim": max(claim.pages for claim in claims),
        "next_due": max(look.pages for look in looks),
        "finish": max(finish.pages for finish in finishes),
    }


@pytest.fixture(params=["never analyzed", "analyzed full", "ran empty and was filled again"])
def full_and_empty(make_place, request):
    """A queue amid rows that are not due, and one without; both as the planner may find them."""
    full, empty = make_place(), make_place()
    for what in ("future", "waiting", "history"):
        add_standing(full, what, ROWS)
    for place in (full, empty):
        if request.param == "ran empty and was filled again":
            place.fill(BATCH)
            most_of_one = Stepper(place, batch=BATCH)
            most_of_one.claim()
            most_of_one.finish()
            ask(place, "analyze")
        place.fill(BATCHES * BATCH)
        if request.param == "analyzed full":
            ask(place, "analyze")
    return full, empty


def test_rows_that_are_not_due_cost_a_level_of_the_index_and_no_more(full_and_empty):
    full, empty = map(most, full_and_empty)
    assert full["claim"] <= empty["claim"] + LEVELS * len(PRIORITIES)
    # Each job is found in one index, and put into another.
    assert full["finish"] <= empty["finish"] + 2 * LEVELS * BATCH
    # A lane with something for next year is looked into; how much of it there is does not matter.
    assert full["next_due"] <= empty["next_due"] + (LEVELS + 2) * len(PRIORITIES)
