"""P7: whatever ended can be run again by hand, under its id; its old worker still cannot write."""

from __future__ import annotations

import pytest

from pgqueue import operations

NOBODY = "0198c0de-0000-7000-8000-000000000001"


def requeue(jobs, *ids):
    return jobs.run(operations.requeue(ids))


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_finished_job_is_queued_again_as_it_was_given(jobs, clock, worker, state):
    options = {"args": "[1]", "kwargs": '{"a": 2}', "headers": '{"t": 3}', "max_attempts": 7}
    job = jobs.running(worker, queue="q", priority=3, expires_in=60, **options)
    created_at = clock.now()
    jobs.finish(job, state=state, result="1", error="e", traceback="t")
    clock.advance(3600)
    assert requeue(jobs, job.id) == {job.id}
    row = jobs.get(job.id)
    assert (row.state, row.queue, row.priority, row.attempt, row.crashes) == (
        "queued",
        "q",
        3,
        0,
        0,
    )
    assert (row.args, row.kwargs, row.headers) == ("[1]", '{"a": 2}', '{"t": 3}')
    assert (row.max_attempts, row.created_at, row.run_at) == (7, created_at, clock.now())
    assert (row.result, row.error, row.traceback, row.finished_at) == (None, None, None, None)
    # The old expiry and the old cancellation are not this run's.
    assert (row.expires_at, row.cancel_requested_at) == (None, None)
    assert jobs.value("select count(*) from pgqueue.jobs") == 1


def test_claim_numbers_go_on_where_they_were(jobs, worker):
    job = jobs.running(worker)
    jobs.release(job)
    (job,) = jobs.claim(worker)
    jobs.finish(job)
    requeue(jobs, job.id)
    (again,) = jobs.claim(worker)
    assert (job.claim, again.claim, again.attempt) == (2, 3, 1)
    assert jobs.finish(job) == set()
    assert jobs.finish(again) == {job.id}


def test_the_errors_of_the_earlier_life_are_kept(jobs, worker):
    job = jobs.running(worker)
    jobs.retry(job, error="first")
    (job,) = jobs.claim(worker)
    jobs.finish(job, state="failed", error="last")
    requeue(jobs, job.id)
    (job,) = jobs.claim(worker)
    jobs.finish(job, state="failed", error="later")
    kept = [(a.claim, a.error) for a in jobs.run(operations.attempts(job.id))]
    assert kept == [(1, "first"), (2, "last"), (3, "later")]


def test_only_finished_jobs_are_run_again(jobs, worker):
    done, queued, running = jobs.finished(worker), jobs.add(queue="q"), jobs.running(worker)
    assert requeue(jobs, done, queued, running.id, NOBODY) == {done}
    assert jobs.state(running.id) == "running"
    assert requeue(jobs) == set()


def test_of_two_that_run_it_again_one_does(jobs, other, worker, step):
    job = jobs.finished(worker)
    with jobs.transaction():
        assert requeue(jobs, job) == {job}
        second = step(other, lambda: requeue(other, job)).blocked()
    assert second.result() == set()
    assert jobs.claim_ids(worker) == [job]


def test_sql_callers_retry_one_or_many(jobs, worker):
    first, second = jobs.finished(worker), jobs.finished(worker, "failed", error="e")
    one = "select pgqueue.retry(%s::uuid)::text"
    assert (jobs.value(one, first), jobs.value(one, NOBODY)) == (first, None)
    many = "select pgqueue.retry(array(select id from pgqueue.jobs where state = 'failed'))::text"
    assert jobs.value(many) == second


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_forgotten_job_leaves_no_trace(jobs, worker, state):
    job, kept = jobs.finished(worker, state), jobs.finished(worker, state)
    assert jobs.run(operations.forget(job)) is True
    assert jobs.run(operations.forget(job)) is False
    assert jobs.get(job) is None
    assert jobs.state(kept) == state


def test_only_finished_jobs_are_forgotten(jobs, worker):
    queued, running = jobs.add(queue="q"), jobs.running(worker)
    assert jobs.run(operations.forget(queued)) is False
    assert jobs.run(operations.forget(running.id)) is False
    assert jobs.state(queued) == "queued"
