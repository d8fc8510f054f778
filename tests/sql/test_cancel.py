"""P7: a cancelled job ends as cancelled, now or when its worker lets it go, and runs no more."""

from __future__ import annotations

import pytest

from pgqueue import operations

NOBODY = "0198c0de-0000-7000-8000-000000000001"


def cancel(jobs, *ids):
    return jobs.run(operations.cancel(ids))


def test_a_queued_job_is_cancelled_at_once(jobs, clock, worker):
    job = jobs.add(args="[1]", headers='{"t": 1}', expires_in=60, priority=4)
    clock.advance(5)
    assert cancel(jobs, job) == {job: "cancelled"}
    row = jobs.get(job)
    assert (row.state, row.error) == ("cancelled", "cancelled")
    assert row.finished_at == row.cancel_requested_at == clock.now()
    assert (row.args, row.headers, row.priority) == ("[1]", '{"t": 1}', 4)
    assert jobs.claim(worker) == []


def test_a_scheduled_and_a_waiting_job_are_cancelled_at_once(jobs):
    scheduled, waiting = jobs.add(countdown=60), jobs.add()
    jobs.connection.execute(
        "update pgqueue.jobs_live set state = 'waiting', run_at = 'infinity' where id = %s",
        [waiting],
    )
    assert cancel(jobs, scheduled, waiting) == {scheduled: "cancelled", waiting: "cancelled"}


def test_a_running_job_is_marked_and_left_to_its_worker(jobs, clock, worker):
    job = jobs.running(worker)
    first = clock.now()
    assert cancel(jobs, job.id) == {job.id: "running"}
    clock.advance(5)
    assert cancel(jobs, job.id) == {job.id: "running"}
    assert jobs.get(job.id).cancel_requested_at == first
    assert jobs.finish(job, result="1") == {job.id}
    assert (jobs.state(job.id), jobs.get(job.id).cancel_requested_at) == ("succeeded", first)


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_a_finished_job_stays_as_it_is(jobs, clock, worker, state):
    job = jobs.finished(worker, state, error="e")
    before = jobs.get(job)
    clock.advance(5)
    assert cancel(jobs, job) == {job: state}
    assert jobs.get(job) == before


def test_an_unknown_job_is_left_out_and_a_repeated_one_comes_once(jobs):
    job = jobs.add()
    assert cancel(jobs, job, NOBODY, job) == {job: "cancelled"}
    assert cancel(jobs) == {}


def test_sql_callers_cancel_one_or_many(jobs, worker):
    first, second, running = jobs.add(), jobs.add(), jobs.running(worker, queue="q")
    one = "select pgqueue.cancel(%s::uuid)::text"
    assert [jobs.value(one, job) for job in (first, running.id, NOBODY)] == [
        "cancelled", "running", None
    ]  # fmt: skip
    many = "select array_agg(state::text order by state) from pgqueue.cancel(%s::uuid[])"
    assert jobs.value(many, [first, second, running.id]) == ["running", "cancelled", "cancelled"]


@pytest.mark.parametrize("give_back", ["retry", "release", "crash", "suspect"])
def test_a_job_cancelled_while_it_ran_is_not_run_again(jobs, worker, give_back):
    cancelled, other = jobs.running(worker), jobs.running(worker)
    cancel(jobs, cancelled.id)
    with jobs.transaction():
        getattr(jobs, give_back)(cancelled, other)
        ids = [cancelled.id, other.id]
        assert jobs.run(operations.cancel_requested(ids)) == {cancelled.id}
    assert (jobs.state(cancelled.id), jobs.state(other.id)) == ("cancelled", "queued")


def test_a_running_job_is_not_ended_by_the_request_alone(jobs, worker):
    job = jobs.running(worker)
    cancel(jobs, job.id)
    assert jobs.run(operations.cancel_requested([job.id])) == set()
    assert jobs.state(job.id) == "running"


def test_a_cancelled_retry_keeps_its_errors(jobs, worker):
    job = jobs.running(worker)
    jobs.retry(job, error="first")
    cancel(jobs, job.id)
    assert [a.error for a in jobs.run(operations.attempts(job.id))] == ["first"]


def test_cancel_waits_for_a_claim_and_then_marks_the_running_job(jobs, other, worker, step):
    job = jobs.add()
    with jobs.transaction():
        jobs.claim(worker)
        cancelling = step(other, lambda: cancel(other, job)).blocked()
    assert cancelling.result() == {job: "running"}
    assert jobs.get(job).cancel_requested_at is not None


@pytest.mark.parametrize("give_back", ["retry", "release", "crash", "suspect"])
def test_cancel_waits_for_a_job_that_is_given_back_and_then_ends_it(
    jobs, other, worker, step, give_back
):
    job = jobs.running(worker)
    with jobs.transaction():
        getattr(jobs, give_back)(job)
        cancelling = step(other, lambda: cancel(other, job.id)).blocked()
    assert cancelling.result() == {job.id: "cancelled"}
    assert jobs.claim(worker) == []


def test_finish_waits_for_a_cancel_and_has_its_way(jobs, other, worker, step):
    job = jobs.running(worker)
    with jobs.transaction():
        cancel(jobs, job.id)
        finishing = step(other, lambda: other.finish(job, result="1")).blocked()
    assert finishing.result() == {job.id}
    assert jobs.get(job.id).cancel_requested_at is not None


def test_cancel_tells_the_state_of_a_job_that_finished_while_it_waited(jobs, other, worker, step):
    job = jobs.running(worker)
    with jobs.transaction():
        jobs.finish(job)
        cancelling = step(other, lambda: cancel(other, job.id)).blocked()
    assert cancelling.result() == {job.id: "succeeded"}


def test_purge_cancels_what_nobody_runs_a_batch_at_a_time(jobs, worker):
    running = jobs.running(worker)
    due = [jobs.add() for _ in range(3)] + [jobs.add(countdown=60)]
    elsewhere = jobs.add(queue="elsewhere")
    assert [jobs.run(operations.purge("default", 3)) for _ in range(3)] == [3, 1, 0]
    assert {jobs.state(job) for job in due} == {"cancelled"}
    assert (jobs.state(running.id), jobs.state(elsewhere)) == ("running", "queued")
    assert jobs.get(running.id).cancel_requested_at is None
