"""Jobs that their limits do not let start cost the others nothing, however many there are."""

from __future__ import annotations

from benchmarks.limits import fill
from benchmarks.setting import ask
from benchmarks.touched import Counter, Stepper
from pgqueue import operations
from pgqueue.allowance import Allowance

PARKED, BATCHES, BATCH = 30_000, 5, 100


def most(place):
    """The most pages that a claim and a finish of plain jobs touch."""
    place.fill(BATCHES * BATCH)
    stepper = Stepper(place, batch=BATCH)
    pairs = [(stepper.claim().pages, stepper.finish().pages) for _ in range(BATCHES)]
    return [max(pages) for pages in zip(*pairs, strict=True)]


def register(place, tasks):
    about = {"hostname": "h", "pid": 1, "version": "0", "processes": 1, "concurrency": 8}
    worker = {"name": "w", "queues": ["default"], "tasks": tasks, **about}
    return place.run(operations.register(worker, 1e9))


def test_plain_jobs_do_not_notice_them_and_a_full_key_is_passed_over_by_one_look(make_place):
    crowded, alone = make_place(), make_place()
    fill(crowded, "full", PARKED, 1, 1)
    fill(crowded, "seldom", PARKED, 1, None, "1/h")
    counter = Counter(crowded)
    tasks = ["full", "seldom"]
    look = operations.claim_limited(register(crowded, tasks), ["default"], tasks, 8)
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


def test_a_queue_whose_rate_has_no_room_is_passed_over_by_one_look(make_place):
    place = make_place()
    counter, tasks = Counter(place), ["bench.noop", "turns"]
    worker_id = register(place, tasks)
    place.run(operations.rate_queue("default", "1/h"))
    fill(place, "turns", PARKED, 1_000, None)
    place.fill(PARKED)
    limited = {"turns": Allowance(max_concurrency=1)}
    assert place.run(operations.park(["default"], limited, PARKED, known=tasks)) == PARKED
    look = operations.claim_limited(worker_id, ["default"], tasks, 8)
    assert [counter.run(look).rows for _ in range(3)] == [1, 0, 0]
    assert counter.run(look).pages < 50
    assert counter.run(operations.limits_due(["default"])).pages < 50
    place.connection.execute("vacuum pgqueue.jobs_live")
    assert counter.run(operations.park(["default"], limited, known=tasks)).pages < 500
