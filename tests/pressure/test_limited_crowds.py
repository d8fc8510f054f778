"""Jobs that their limits do not let start cost the others nothing, however many there are."""

from __future__ import annotations

from benchmarks.limits import fill
from benchmarks.setting import ask
from benchmarks.touched import Counter, Stepper
from pgqueue import operations

PARKED, BATCHES, BATCH = 30_000, 5, 100


def most(place):
    """The most pages that a claim and a finish of plain jobs touch."""
    place.fill(BATCHES * BATCH)
    stepper = Stepper(place, batch=BATCH)
    pairs = [(stepper.claim().pages, stepper.finish().pages) for _ in range(BATCHES)]
    return [max(pages) for pages in zip(*pairs, strict=True)]


def test_plain_jobs_do_not_notice_them_and_a_full_key_is_passed_over_by_one_look(make_place):
    crowded, alone = make_place(), make_place()
    fill(crowded, "full", PARKED, 1, 1)
    fill(crowded, "seldom", PARKED, 1, None, "1/h")
    counter = Counter(crowded)
    worker = operations.register(
        {"name": "w", "hostname": "h", "pid": 1, "version": "0", "queues": ["default"],
         "tasks": ["full", "seldom"], "processes": 1, "concurrency": 8}, 1e9)  # fmt: skip
    worker_id = crowded.run(worker)
    look = operations.claim_limited(worker_id, ["default"], ["full", "seldom"], 8)
    assert counter.run(look).rows == 2
    looks = []
    for _ in range(3):
        ask(crowded, "look_again")
        looks.append(counter.run(look))
    assert {each.rows for each in looks} == {0}
    assert max(each.pages for each in looks) < 200
    # An index of so many rows has a level more, which a claim descends in each lane.
    claims, finishes = most(alone)
    assert most(crowded)[0] <= claims + 20
    assert most(crowded)[1] <= finishes + 4 * BATCH
