"""What people see of queues, and the emergency stop."""

from __future__ import annotations

from pgqueue import operations
from pgqueue.rows import QueueRow


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
