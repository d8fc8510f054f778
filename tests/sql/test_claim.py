"""P5, order, and P2, one claim per job: what a claim takes, and what it leaves alone."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from pgqueue import operations
from pgqueue.rows import Lane
from support.jobs import Jobs


@pytest.fixture(params=["worker", "bare"])
def jobs(request, connection, clock):
    """With a worker's planner settings, and bare: what is claimed must not depend on the plan."""
    del clock
    jobs = Jobs(connection)
    if request.param == "worker":
        jobs.plan_as_worker()
    return jobs


def test_a_claimed_job_is_running_under_a_new_claim_number(jobs, clock, worker):
    enqueued_at = clock.now()
    job = jobs.add(args="[1]", kwargs='{"a": 2}', headers='{"t": 1}', expires_in=60, max_attempts=4)
    clock.advance(10)
    (claimed,) = jobs.claim(worker)
    assert claimed._replace(run_at="") == (
        job, 1, 1, 4, claimed.times, "default", 0, "", "add", "[1]", '{"a": 2}', '{"t": 1}',
        None, None, None, None,
    )  # fmt: skip
    row = jobs.get(job)
    assert (row.state, row.claim, row.attempt, row.worker_id) == ("running", 1, 1, worker)
    assert (row.started_at, row.run_at) == (clock.now(), enqueued_at)


def test_every_claim_of_a_job_has_a_higher_number(jobs, worker):
    job = jobs.running(worker)
    numbers = [job.claim]
    for give_back in (jobs.release, jobs.retry, jobs.crash, jobs.suspect):
        give_back(job)
        (job,) = jobs.claim(worker)
        numbers.append(job.claim)
    assert numbers == [1, 2, 3, 4, 5]


def test_higher_priorities_come_first_then_earlier_jobs_then_smaller_ids(jobs, clock, worker):
    late_low, late_high = jobs.add(priority=0), jobs.add(priority=9)
    clock.advance(-60)
    early_low, early_high, early_high_too = (jobs.add(priority=p) for p in (0, 9, 9))
    clock.advance(60)
    due = [early_high, early_high_too, late_high, early_low, late_low]
    assert [jobs.claim_ids(worker, limit=1) for _ in due] == [[job] for job in due]


def test_a_batch_comes_back_in_the_order_in_which_it_is_to_run(jobs, clock, worker):
    expected = []
    for priority in (0, 5, 9):
        for minutes in (0, 1, 2):
            at = clock.now() - timedelta(minutes=minutes)
            job = jobs.add(priority=priority, eta=None)
            jobs.connection.execute(
                "update pgqueue.jobs_live set run_at = %s where id = %s", [at, job]
            )
            expected.append((-priority, at, job))
    assert jobs.claim_ids(worker) == [job for *_, job in sorted(expected)]


def test_queues_come_in_the_order_in_which_they_are_asked_for(jobs, worker):
    a, b = jobs.add(queue="a", priority=9), jobs.add(queue="b")
    assert jobs.claim_ids(worker, queues=["b", "a"]) == [b, a]


def test_only_queues_that_are_asked_for_are_claimed_from(jobs, worker):
    here, there = jobs.add(queue="here"), jobs.add(queue="there")
    assert jobs.claim_ids(worker, queues=["here", "nowhere"]) == [here]
    assert jobs.state(there) == "queued"


def test_only_tasks_that_are_known_are_claimed(jobs, worker):
    known, unknown = jobs.add(task="known"), jobs.add(task="unknown")
    assert jobs.claim_ids(worker, tasks=["known", "third"]) == [known]
    assert jobs.state(unknown) == "queued"


def test_unknown_tasks_at_the_head_hide_nobody(jobs, worker):
    for _ in range(5):
        jobs.add(task="unknown")
    known = jobs.add()
    assert jobs.claim_ids(worker, limit=1) == [known]


def test_a_paused_queue_gives_nothing_until_it_is_resumed(jobs, worker):
    job, elsewhere = jobs.add(), jobs.add(queue="elsewhere")
    jobs.run(operations.pause("default"))
    assert jobs.claim_ids(worker, queues=["default", "elsewhere"]) == [elsewhere]
    jobs.run(operations.resume("default"))
    assert jobs.claim_ids(worker) == [job]


def test_a_job_is_claimed_from_its_time_on_and_not_before(jobs, clock, worker):
    job = jobs.add(countdown=60)
    clock.advance(59.999)
    assert jobs.claim(worker) == []
    clock.advance(0.001)
    assert jobs.claim_ids(worker) == [job]


def test_waiting_jobs_are_never_claimed(jobs, clock, worker):
    waiting = jobs.add()
    jobs.connection.execute("update pgqueue.jobs_live set state = 'waiting', run_at = 'infinity'")
    due = jobs.add()
    clock.advance(days=3650)
    assert jobs.claim_ids(worker) == [due]
    assert jobs.value("select state::text from pgqueue.jobs where id = %s", waiting) == "waiting"


@pytest.mark.parametrize("limit", [0, 1, 3, 7, 100])
def test_the_limit_holds_over_all_lanes_together(jobs, worker, limit):
    due = [jobs.add(priority=p, queue=q) for q in ("a", "b") for p in (9, 4, 0) for _ in range(2)]
    assert jobs.claim_ids(worker, queues=["a", "b"], limit=limit) == due[:limit]


def test_an_expired_job_is_claimed_too_so_that_its_worker_can_cancel_it(jobs, clock, worker):
    jobs.add(expires_in=1)
    clock.advance(5)
    assert [json.loads(job.times)[0] for job in jobs.claim(worker)] == [-4.0]


def test_of_its_times_a_plain_job_says_nothing(jobs, clock, worker):
    plain, late = jobs.add(), jobs.add(countdown=60)
    clock.advance(60)
    claimed = {job.id: job.times for job in jobs.claim(worker)}
    assert claimed.pop(plain) is None
    assert json.loads(claimed.pop(late))[:2] == [None, None]


def test_a_cursor_begins_at_its_place_and_a_sweep_finds_what_lies_before(jobs, clock, worker):
    first, second = jobs.add(), jobs.add()
    place = jobs.value("select run_at::text from pgqueue.jobs_live where id = %s", second)
    clock.advance(1)
    third = jobs.add()
    cursor = [Lane("default", 0, place, second)]
    assert jobs.claim_ids(worker, lanes=cursor) == [second, third]
    assert jobs.claim_ids(worker, lanes=cursor) == []
    assert jobs.claim_ids(worker, lanes=[Lane("default", 0)]) == [first]


def test_a_cursor_made_from_a_claimed_job_is_exact(jobs, worker):
    ids = [jobs.add() for _ in range(5)]  # all at one instant: only the id tells them apart
    (claimed,) = jobs.claim(worker, limit=1)
    cursor = Lane(claimed.queue, claimed.priority, claimed.run_at, claimed.id)
    jobs.release(claimed)
    assert jobs.claim_ids(worker, lanes=[cursor]) == ids


def test_a_lane_is_a_queue_at_one_priority(jobs, worker):
    low, high = jobs.add(priority=0), jobs.add(priority=1)
    assert jobs.claim_ids(worker, lanes=[Lane("default", 1)]) == [high]
    assert jobs.claim_ids(worker, lanes=[Lane("default", 0)]) == [low]


def test_a_worker_past_its_lease_gets_nothing_until_it_renews(jobs, clock):
    worker = jobs.register(lease=30)
    job = jobs.add()
    clock.advance(30)
    assert jobs.claim(worker) == []
    assert jobs.run(operations.heartbeat(worker, 30, "{}", "[]"))
    assert jobs.claim_ids(worker) == [job]


def test_a_stopped_worker_gets_nothing(jobs, worker):
    jobs.add()
    jobs.run(operations.stop(worker))
    assert jobs.claim(worker) == []


def test_an_unknown_worker_gets_nothing(jobs, worker):
    jobs.add()
    assert jobs.claim(worker + 1) == []


def test_names_may_hold_anything(jobs, worker):
    odd = 'a "b" \\ {c},NULL ä\n'
    job = jobs.add(queue=odd, task=odd)
    assert jobs.claim_ids(worker, queues=[odd, ""], tasks=[odd]) == [job]


def test_a_claim_takes_what_no_other_claim_holds_and_waits_for_none(jobs, other, worker):
    ids = [jobs.add() for _ in range(5)]
    with jobs.transaction():
        assert jobs.claim_ids(worker, limit=2) == ids[:2]
        assert other.claim_ids(worker, limit=2) == ids[2:4]
    assert other.claim_ids(worker) == ids[4:]


def test_a_claim_locks_no_more_than_it_takes(jobs, other, worker):
    ids = [jobs.add(priority=p) for p in (9, 9, 9, 0, 0, 0)]
    with jobs.transaction():
        assert jobs.claim_ids(worker, limit=4) == ids[:4]
        assert other.claim_ids(worker, limit=100) == ids[4:]


def test_an_uncommitted_job_is_not_claimed_and_hides_nobody(jobs, other, worker):
    with jobs.transaction():
        first = jobs.add()
        second = other.add()
        assert other.claim_ids(worker) == [second]
    assert other.claim_ids(worker) == [first]


def test_a_job_claimed_and_given_back_meanwhile_is_not_claimed_twice(
    jobs, other, worker, step, connect
):
    # The second claim began when the job was queued, and comes to it when that is so again.
    job, third = jobs.add(), connect()
    with other.transaction():
        other.connection.execute("lock table public.test_clock")
        claim = step(jobs, lambda: jobs.claim(worker))
        claim.blocked()
        third.execute("update pgqueue.jobs_live set state = 'running', claim = claim + 1")
        third.execute("update pgqueue.jobs_live set state = 'queued'")
    taken = [c.id for c in claim.result()] + jobs.claim_ids(worker)
    assert taken == [job]
    assert jobs.get(job).claim == 2


def test_a_claim_of_the_untouched_passes_over_what_a_transaction_locked_in_vain(
    jobs, other, worker
):
    touched, following = jobs.add(), jobs.add()
    with pytest.raises(ZeroDivisionError), other.transaction():
        assert other.claim_ids(worker, limit=1) == [touched]
        raise ZeroDivisionError
    assert jobs.claim_ids(worker, untouched=True) == [following]
    assert jobs.claim_ids(worker) == [touched]


def test_a_claim_of_the_untouched_takes_what_was_locked_and_then_queued_by_one_transaction(
    jobs, other, worker
):
    """As follow() releases a child and retry puts a job back: else only a sweep would find it."""
    job = jobs.add(queue="elsewhere")
    with other.transaction():
        other.connection.execute("select from pgqueue.jobs_live for update")
        other.connection.execute("update pgqueue.jobs_live set queue = 'default'")
    assert jobs.claim_ids(worker, untouched=True) == [job]
