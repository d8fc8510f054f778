"""What people see of queues, and the emergency stop."""

from __future__ import annotations

import psycopg
import pytest

from pgqueue import QueueFull, operations
from pgqueue.identifiers import uuid7
from pgqueue.rows import Edge, NewJob, QueueRow, Unique


def queues(jobs):
    return jobs.run(operations.queues())


def test_a_queue_shows_what_waits_and_runs_in_it(jobs, clock, worker):
    jobs.running(worker, queue="a")
    waiting = jobs.add(queue="a")
    jobs.connection.execute(
        "update pgqueue.jobs_live set state = 'waiting', run_at = 'infinity' where id = %s",
        [waiting],
    )
    clock.advance(-10)
    jobs.add(queue="a")
    clock.advance(10)
    jobs.add(queue="a")
    jobs.add(queue="a", countdown=60)
    jobs.add(queue="b", countdown=60)
    assert queues(jobs) == [
        QueueRow("a", False, waiting=1, ready=2, scheduled=1, running=1, oldest_ready=10.0),
        QueueRow("b", False, waiting=0, ready=0, scheduled=1, running=0, oldest_ready=None),
    ]


def test_a_scheduled_job_becomes_ready_with_time(jobs, clock):
    jobs.add(countdown=60)
    clock.advance(75)
    (row,) = queues(jobs)
    assert (row.ready, row.scheduled, row.oldest_ready) == (1, 0, 15.0)


def test_finished_jobs_are_no_queues(jobs, worker):
    jobs.finished(worker)
    assert queues(jobs) == []


def test_a_paused_queue_is_shown_even_when_it_is_empty(jobs):
    jobs.run(operations.pause("a"))
    jobs.add(queue="b")
    assert [(row.queue, row.paused, row.ready) for row in queues(jobs)] == [
        ("a", True, 0),
        ("b", False, 1),
    ]
    jobs.run(operations.resume("a"))
    assert [(row.queue, row.paused) for row in queues(jobs)] == [("a", False), ("b", False)]


def test_pausing_again_keeps_the_first_time(jobs, clock):
    jobs.run(operations.pause("a"))
    at = clock.now()
    clock.advance(60)
    jobs.run(operations.pause("a"))
    assert jobs.value("select paused_at from pgqueue.queues") == at
    jobs.run(operations.resume("a"))
    jobs.run(operations.pause("a"))
    assert jobs.value("select paused_at from pgqueue.queues") == clock.now()


def test_resuming_a_queue_that_was_not_paused_does_nothing(jobs):
    jobs.run(operations.resume("a"))
    assert queues(jobs) == []


def test_the_emergency_stop_pauses_every_queue_that_has_jobs(jobs, worker):
    names = ["a", "b"]
    for name in names:
        jobs.add(queue=name)
    jobs.connection.execute("select pgqueue.pause(queue) from pgqueue.queue_stats")
    assert jobs.claim(worker, queues=names) == []
    jobs.connection.execute("select pgqueue.resume(queue) from pgqueue.queue_stats")
    assert len(jobs.claim(worker, queues=names)) == 2


def test_counts_cover_every_state_history_included(jobs, worker):
    for state in ("succeeded", "failed", "cancelled", "succeeded"):
        jobs.finished(worker, state)
    jobs.running(worker)
    jobs.add(countdown=60)
    assert jobs.run(operations.counts()) == {
        "queued": 1,
        "running": 1,
        "succeeded": 2,
        "failed": 1,
        "cancelled": 1,
    }


def test_counts_of_nothing_are_empty(jobs):
    assert jobs.run(operations.counts()) == {}


# ── how many may wait ──


def limited(jobs, most=2, queue="default"):
    jobs.run(operations.limit_queue(queue, most))


def alone(jobs, **options):
    jobs.add(**options)


def chosen(jobs, **options):
    jobs.add(chosen=True, **options)


def unique(jobs, **options):
    jobs.run(operations.enqueue_unique([new_job(unique=Unique(str(uuid7())), **options)]))


def many(jobs, **options):
    jobs.run(operations.enqueue_many([new_job(**options)], wake=False))


def canvas(jobs, **options):
    first, then = new_job(linked=True, **options), new_job(open_parents=1, **options)
    jobs.run(operations.enqueue_canvas([first, then], [Edge(first.id, then.id, "call")]))


def from_sql(jobs, queue="default"):
    jobs.value("select pgqueue.enqueue('add', queue => %s)", queue)


def new_job(**options):
    return NewJob(uuid7(), "add", "[]", "{}", **options)


EVERY_WAY = pytest.mark.parametrize("enqueue", [alone, chosen, unique, many, canvas, from_sql])


@EVERY_WAY
def test_a_full_queue_takes_no_more_until_a_job_is_claimed(jobs, worker, enqueue):
    limited(jobs)
    enqueue(jobs)
    enqueue(jobs)
    error = psycopg.Error if enqueue is from_sql else QueueFull
    with pytest.raises(error, match=r'^queue "default" is full: at most 2 jobs may wait in it'):
        enqueue(jobs)
    enqueue(jobs, queue="other")
    row = queues(jobs)[0]
    assert (row.queue, row.ready, row.max_depth) == ("default", 2, 2)
    assert len(jobs.claim(worker, limit=1)) == 1
    enqueue(jobs)
    limited(jobs, None)
    enqueue(jobs)


def test_a_batch_that_does_not_fit_is_refused_as_a_whole(jobs):
    limited(jobs)
    with pytest.raises(QueueFull):
        jobs.run(operations.enqueue_many([new_job() for _ in range(3)], wake=False))
    assert jobs.value("select count(*) from pgqueue.jobs") == 0
    jobs.run(operations.enqueue_many([new_job() for _ in range(2)], wake=False))


def test_what_is_sent_again_is_not_refused_for_its_own_sake(jobs):
    limited(jobs, 1)
    for job in (new_job(chosen=True), new_job(unique=Unique("k"))):
        send = operations.enqueue_unique([job]) if job.unique else operations.enqueue(job)
        jobs.run(send)
        again = send.again() if send.again else send
        jobs.run(again)
        jobs.run(operations.purge("default", 9))


def test_what_is_not_committed_yet_is_by_how_much_a_limit_may_be_passed(jobs, other):
    limited(jobs, 1)
    with jobs.transaction():
        jobs.add()
        other.add()
    assert queues(jobs)[0].ready == 2


# ── how long finished jobs are kept ──


def prune(jobs, pages=100):
    """Go through all of the history by slices; return how many jobs were deleted."""
    place, total = ("", 0), 0
    while True:
        found = jobs.run(operations.prune_queues(*place, pages))
        place, total = found[:2], total + found.pruned
        if place == ("", 0):
            return total


@pytest.mark.parametrize("pages", [1, 100])
def test_a_queues_finished_jobs_are_deleted_in_their_time_by_slices(jobs, clock, worker, pages):
    args = f'["{"x" * 500}"]'
    batches = {"old": 30, "kept": 30, "young": 5}
    for name, number in batches.items():
        queue = "other" if name == "kept" else "default"
        for _ in range(number):
            jobs.add(queue=queue, args=args)
        for state in ("failed", "succeeded"):
            jobs.finish(*jobs.claim(worker, queues=[queue], limit=number // 2), state=state)
        jobs.finish(*jobs.claim(worker, queues=[queue]))
        clock.advance(60 if name == "kept" else 0)
    assert prune(jobs, pages) == 0
    jobs.run(operations.keep_finished("default", 59))
    assert prune(jobs, pages) == 30
    left = "select array_agg(distinct queue order by queue), count(*) from pgqueue.jobs"
    assert jobs.connection.execute(left).fetchone() == (["default", "other"], 35)
    assert [(row.queue, row.keep) for row in queues(jobs)] == [("default", 59.0)]
    jobs.run(operations.keep_finished("default", None))
    clock.advance(3600)
    assert prune(jobs, pages) == 0
