"""P2: a job gets one outcome, from its newest claim; stale ones change nothing and are told so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgqueue import operations
from pgqueue.rows import Finished

STATES = ("succeeded", "failed", "cancelled")


def place(jobs, job):
    """The table that holds the job."""
    return jobs.value("select tableoid::regclass::text from pgqueue.jobs where id = %s", job)


def everything(jobs):
    return jobs.connection.execute("select j::text from pgqueue.jobs j order by id").fetchall()


@pytest.mark.parametrize("state", STATES)
def test_a_finished_job_moves_to_its_outcomes_partition_of_the_day(jobs, clock, worker, state):
    job = jobs.finished(worker, state)
    assert place(jobs, job) == f"pgqueue.jobs_{state}_{clock.now():%Y%m%d}"
    row = jobs.get(job)
    assert (row.state, row.finished_at) == (state, clock.now())
    assert jobs.value("select count(*) from pgqueue.jobs_live") == 0


@pytest.mark.parametrize("state", STATES)
def test_a_day_without_a_partition_loses_nothing(jobs, clock, worker, state):
    clock.advance(days=400)
    job = jobs.finished(worker, state)
    assert place(jobs, job) == f"pgqueue.jobs_{state}_default"


def test_a_day_ends_at_midnight_utc_wherever_the_session_is(jobs, clock, worker):
    jobs.connection.execute("set timezone to 'Pacific/Auckland'")
    midnight = clock.now().replace(hour=0) + timedelta(days=1)
    clock.set(midnight - timedelta(microseconds=1))
    assert place(jobs, jobs.finished(worker)).endswith(f"{midnight - timedelta(days=1):%Y%m%d}")
    clock.set(midnight)
    assert place(jobs, jobs.finished(worker)).endswith(f"{midnight:%Y%m%d}")


def test_nothing_that_a_job_was_is_lost_on_the_way(jobs, clock, worker):
    options = {"args": "[1]", "kwargs": '{"a": 2}', "headers": '{"t": 3}', "max_attempts": 7}
    job = jobs.running(worker, queue="q", priority=3, expires_in=99, **options)
    jobs.retry(job)
    (job,) = jobs.claim(worker, queues=["q"])
    before = jobs.get(job.id)
    clock.advance(5)
    jobs.finish(job, result='{"x": [1, null]}')
    after = jobs.get(job.id)
    moved = {"state": "succeeded", "result": '{"x": [1, null]}', "finished_at": clock.now()}
    names = after.__slots__
    assert {n: getattr(after, n) for n in names} == {n: getattr(before, n) for n in names} | moved


def test_result_error_and_traceback_are_kept(jobs, worker):
    well, badly, none = (jobs.running(worker) for _ in range(3))
    jobs.run(
        operations.finish(
            [
                Finished(well.id, 1, "succeeded", result="null"),
                Finished(
                    badly.id, 1, "failed", error='ValueError: "\\ä', traceback="line 1\nline 2"
                ),
                Finished(none.id, 1, "cancelled"),
            ]
        )
    )
    rows = [jobs.get(job.id) for job in (well, badly, none)]
    assert [(r.state, r.result, r.error, r.traceback) for r in rows] == [
        ("succeeded", "null", None, None),
        ("failed", None, 'ValueError: "\\ä', "line 1\nline 2"),
        ("cancelled", None, None, None),
    ]


def test_a_batch_returns_those_that_were_still_ours_and_finishes_them_alone(jobs, worker):
    ours, released, claimed_anew = (jobs.running(worker) for _ in range(3))
    jobs.release(released, claimed_anew)
    assert len(jobs.claim(worker, limit=1)) == 1
    assert jobs.finish(ours, released, claimed_anew) == {ours.id}
    assert sorted(map(jobs.state, (ours.id, released.id, claimed_anew.id))) == [
        "queued", "running", "succeeded"
    ]  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_stale_claim_number_changes_nothing(jobs, worker, state):
    job = jobs.running(worker)
    before = everything(jobs)
    for stale in (job.claim - 1, job.claim + 1):
        assert jobs.finish(job._replace(claim=stale), state=state, result="1") == set()
    assert everything(jobs) == before


def queued(jobs, job):
    jobs.release(job)


def cancelled(jobs, job):
    jobs.release(job)
    jobs.run(operations.cancel([job.id]))


def finished(jobs, job):
    jobs.finish(job, state="failed", error="first")


def rescued(jobs, job):
    jobs.crash(job)


def forgotten(jobs, job):
    jobs.finish(job)
    jobs.run(operations.forget(job.id))


def claimed_anew(jobs, job):
    jobs.release(job)
    jobs.claim(job_worker(jobs, job))


def run_again(jobs, job):
    jobs.finish(job)
    jobs.run(operations.requeue([job.id]))
    assert jobs.claim(job_worker(jobs, job))[0].claim == job.claim + 1


def job_worker(jobs, job):
    return jobs.get(job.id).worker_id or jobs.value("select max(id) from pgqueue.workers")


@pytest.mark.parametrize(
    "happen", [queued, cancelled, finished, rescued, forgotten, claimed_anew, run_again]
)
def test_a_zombie_cannot_end_retry_release_or_crash_a_job_that_is_not_its_any_more(
    jobs, worker, happen
):
    job = jobs.running(worker)
    happen(jobs, job)
    before = everything(jobs)
    assert jobs.finish(job, result="1") == set()
    assert jobs.retry(job) == set()
    assert jobs.release(job) == jobs.suspect(job) == set()
    assert jobs.crash(job) == {}
    assert everything(jobs) == before


def test_finishing_twice_has_the_first_outcome(jobs, worker):
    job = jobs.running(worker)
    assert jobs.finish(job, result="1") == {job.id}
    assert jobs.finish(job, state="failed", error="late") == set()
    assert (jobs.get(job.id).state, jobs.get(job.id).result) == ("succeeded", "1")


def test_of_two_that_finish_at_once_one_is_refused(jobs, other, worker, step):
    job = jobs.running(worker)
    with jobs.transaction():
        assert jobs.finish(job, result="1") == {job.id}
        second = step(other, lambda: other.finish(job, state="failed", error="late")).blocked()
    assert second.result() == set()
    assert jobs.get(job.id).result == "1"


def test_a_job_named_twice_in_a_batch_moves_once(jobs, worker):
    job = jobs.running(worker)
    assert jobs.finish(job, job) == {job.id}
    assert jobs.value("select count(*) from pgqueue.jobs where id = %s", job.id) == 1


def test_an_empty_batch_does_nothing(jobs):
    assert jobs.finish() == jobs.retry() == jobs.release() == set()
    assert jobs.crash() == {}


def test_a_thousand_jobs_finish_in_one_statement(jobs, worker):
    jobs.connection.execute("select pgqueue.enqueue('add') from generate_series(1, 1000)")
    claimed = jobs.claim(worker, limit=1000)
    assert jobs.finish(*claimed) == {job.id for job in claimed}
    assert jobs.run(operations.counts()) == {"succeeded": 1000}
