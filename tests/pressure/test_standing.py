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
WHEN = ("never", "when it was full", "when nothing was due")


def analyzed(place, when):
    """Fill a queue, with statistics as they may be by then."""
    if when == "when nothing was due":
        place.fill(BATCH)
        stepper = Stepper(place, batch=BATCH)
        stepper.claim()
        stepper.finish()
        ask(place, "analyze")
    place.fill(BATCHES * BATCH)
    if when == "when it was full":
        ask(place, "analyze")


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


@pytest.mark.parametrize("when", WHEN)
def test_rows_that_are_not_due_cost_a_level_of_the_index_and_no_more(make_place, when):
    full, empty = make_place(), make_place()
    for what in ("future", "waiting", "history"):
        add_standing(full, what, ROWS)
    analyzed(full, when)
    empty.fill(BATCHES * BATCH)
    full, empty = most(full), most(empty)
    assert full["claim"] <= empty["claim"] + LEVELS * len(PRIORITIES)
    # Each job is found in one index, and put into another.
    assert full["finish"] <= empty["finish"] + 2 * LEVELS * BATCH
    # A lane with something for next year is looked into; how much of it there is does not matter.
    assert full["next_due"] <= empty["next_due"] + (LEVELS + 2) * len(PRIORITIES)


def test_a_queue_that_was_analyzed_when_it_was_empty_is_drained_as_cheaply(make_place):
    """Autovacuum looks once a minute, and as likely as not while the queue is empty."""
    ran_empty, new = make_place(), make_place()
    analyzed(ran_empty, "when nothing was due")
    new.fill(BATCHES * BATCH)
    for place in (ran_empty, new):
        place.fill(ROWS)
    ran_empty, new = most(ran_empty), most(new)
    for statement in ("claim", "next_due", "finish"):
        assert ran_empty[statement] <= 2 * new[statement], statement
