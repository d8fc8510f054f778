"""An old snapshot keeps every dead row; a claim from the cursor on does not even see them."""

from __future__ import annotations

import pytest

from benchmarks.setting import ask, pinned
from benchmarks.touched import Stepper

BATCHES, BATCH = 120, 50


@pytest.fixture
def pages(make_place):
    """Drains a queue under an old snapshot; returns the pages that each claim's scan touched."""

    def pages(*, cursor):
        place = make_place()
        place.fill(BATCHES * BATCH)
        stepper = Stepper(place, cursor=cursor, batch=BATCH)
        touched = []
        with pinned(place.dsn):
            for _ in range(BATCHES):
                claim = stepper.claim()
                assert claim.rows == BATCH
                assert stepper.finish().rows == BATCH
                touched.append(claim.scanned)
        return touched

    return pages


def test_a_claim_from_the_cursor_on_touches_as_little_after_thousands_of_dead_rows(pages):
    touched = pages(cursor=True)
    assert max(touched[1:]) <= 2 * touched[0]


def test_a_claim_from_the_head_of_the_index_touches_them_all(pages):
    """What the cursor is for; were this false, the test above could not fail."""
    touched = pages(cursor=False)
    assert touched[-1] >= 10 * touched[0]


def test_finishing_touches_as_little_after_thousands_of_dead_rows(place):
    place.fill(BATCHES * BATCH)
    stepper = Stepper(place, batch=BATCH)
    finishes = []
    with pinned(place.dsn):
        for _ in range(BATCHES):
            stepper.claim()
            finishes.append(stepper.finish().pages)
    assert max(finishes[1:]) <= 2 * finishes[0]


def test_finishing_touches_as_little_after_autovacuum_saw_only_dead_rows(place):
    """It comes by every minute, can remove nothing, and may find the queue empty."""
    stepper = Stepper(place, batch=BATCH)
    finishes = []
    with pinned(place.dsn):
        for _ in range(2):
            place.fill(BATCHES * BATCH // 2)
            for _ in range(BATCHES // 2):
                stepper.claim()
                finishes.append(stepper.finish().pages)
            ask(place, "analyze")
            stepper = Stepper(place, batch=BATCH)
    assert max(finishes[1:]) <= 2 * finishes[0]
