"""P7: an attempt that failed, was given back, or died goes back to the queue, and says so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pgqueue import operations
from pgqueue.rows import Retried


def errors(jobs, job):
    return [(a.attempt, a.claim, a.error) for a in jobs.run(operations.attempts(job))]


def test_a_retried_job_is_queued_again_after_its_countdown(jobs, clock, worker):
    job = jobs.running(worker)
    clock.advance(5)
    assert jobs.retry(job, countdown=12.5) == {job.id}
    row = jobs.get(job.id)
    assert (row.state, row.attempt, row.claim) == ("queued", 1, 1)
    assert row.run_at == clock.now() + timedelta(seconds=12.5)
    assert jobs.claim(worker) == []
    clock.advance(12.5)
    (again,) = jobs.claim(worker)
    assert (again.attempt, again.claim) == (2, 2)


def test_every_failed_attempt_is_kept(jobs, clock, worker):
    started = clock.now()
    job = jobs.running(worker)
    clock.advance(1)
    jobs.retry(job, error="first")
    (job,) = jobs.claim(worker)
    jobs.retry(job, error="second")
    assert errors(jobs, job.id) == [(1, 1, "first"), (2, 2, "second")]
    (first, _) = jobs.run(operations.attempts(job.id))
    assert (first.worker_id, first.traceback) == (worker, "trace")
    assert (first.started_at, first.failed_at) == (started, started + timedelta(seconds=1))


def test_a_job_that_is_to_be_tried_again_shows_what_for_until_it_runs(jobs, worker):
    job = jobs.running(worker)
    jobs.retry(job, error="first")
    (job,) = jobs.claim(worker)
    jobs.retry(job, error="second")
    assert (jobs.get(job.id).error, jobs.get(job.id).traceback) == ("second", "trace")
    (job,) = jobs.claim(worker)
    assert (jobs.get(job.id).error, jobs.get(job.id).traceback) == (None, None)
    jobs.finish(job, result="1")
    assert jobs.get(job.id).error is None


def test_the_last_error_of_a_failed_job_is_one_of_its_attempts(jobs, worker):
    job = jobs.running(worker)
    jobs.retry(job, error="first")
    (job,) = jobs.claim(worker)
    jobs.finish(job, state="failed", error="last", traceback="t")
    assert errors(jobs, job.id) == [(1, 1, "first"), (2, 2, "last")]
    assert jobs.get(job.id).failures == 1


def test_a_job_that_succeeded_shows_the_attempts_that_failed(jobs, worker):
    job = jobs.running(worker)
    jobs.retry(job, error="first")
    (job,) = jobs.claim(worker)
    jobs.finish(job, result="1")
    assert errors(jobs, job.id) == [(1, 1, "first")]


def test_a_job_that_never_failed_and_one_that_nobody_knows_have_no_attempts(jobs, worker):
    assert errors(jobs, jobs.finished(worker)) == []
    assert errors(jobs, "0198c0de-0000-7000-8000-000000000001") == []


def test_of_a_job_that_retries_for_ever_the_newest_hundred_errors_are_kept(jobs, worker):
    job = jobs.running(worker)
    for attempt in range(1, 103):
        jobs.retry(job, error=str(attempt))
        (job,) = jobs.claim(worker)
    kept = [error for *_, error in errors(jobs, job.id)]
    assert kept == [str(attempt) for attempt in range(3, 103)]


def test_a_batch_is_retried_each_with_its_own_countdown_and_error(jobs, clock, worker):
    first, second = jobs.running(worker), jobs.running(worker)
    failed = [
        Retried(first.id, first.claim, 1.0, 'a "b" \\', None),
        Retried(second.id, second.claim, 2.0, "NULL", "t"),
    ]
    assert jobs.run(operations.retry(failed)) == {first.id, second.id}
    waits = [(jobs.get(job.id).run_at - clock.now()).total_seconds() for job in (first, second)]
    assert waits == [1.0, 2.0]
    assert errors(jobs, first.id) == [(1, 1, 'a "b" \\')]
    assert errors(jobs, second.id) == [(1, 1, "NULL")]


def test_a_released_job_is_back_at_its_old_place_uncharged(jobs, clock, worker):
    job = jobs.running(worker, priority=3)
    before = jobs.get(job.id)
    clock.advance(5)
    assert jobs.release(job) == {job.id}
    after = jobs.get(job.id)
    assert (after.state, after.attempt, after.claim) == ("queued", 0, 1)
    assert (after.run_at, after.priority, after.failures) == (before.run_at, 3, 0)
    (again,) = jobs.claim(worker)
    assert (again.attempt, again.claim) == (1, 2)


def test_only_the_running_claims_of_a_batch_are_released(jobs, worker):
    ours, finished = jobs.running(worker), jobs.running(worker)
    jobs.finish(finished)
    assert jobs.release(ours, finished, ours._replace(claim=9)) == {ours.id}


def test_a_crash_is_charged_as_a_crash_and_not_as_an_attempt(jobs, clock, worker):
    job = jobs.running(worker)
    before = jobs.get(job.id)
    clock.advance(5)
    assert jobs.crash(job, error="killed by signal 9") == {job.id: "queued"}
    after = jobs.get(job.id)
    assert (after.attempt, after.crashes, after.run_at) == (0, 1, before.run_at)
    assert errors(jobs, job.id) == [(1, 1, "killed by signal 9")]


def test_the_third_crash_fails_the_job_and_keeps_what_is_known_of_it(jobs, clock, worker):
    job = jobs.running(worker, args="[1]", headers='{"t": 1}', max_attempts=9)
    for number in (1, 2):
        assert jobs.crash(job, error=f"crash {number}") == {job.id: "queued"}
        (job,) = jobs.claim(worker)
    assert jobs.crash(job, error="crash 3") == {job.id: "failed"}
    row = jobs.get(job.id)
    assert (row.state, row.error, row.crashes, row.claim) == ("failed", "crash 3", 3, 3)
    assert (row.args, row.headers, row.max_attempts) == ("[1]", '{"t": 1}', 9)
    assert (row.finished_at, row.worker_id) == (clock.now(), worker)
    assert errors(jobs, job.id) == [(1, 1, "crash 1"), (1, 2, "crash 2"), (1, 3, "crash 3")]
    assert jobs.claim(worker) == []


def test_crashes_and_failed_attempts_are_counted_apart(jobs, worker):
    job = jobs.running(worker)
    for give_back in (jobs.retry, jobs.crash, jobs.retry, jobs.crash):
        give_back(job)
        (job,) = jobs.claim(worker)
    row = jobs.get(job.id)
    assert (row.attempt, row.crashes, row.claim, row.failures) == (3, 2, 5, 4)


def test_of_a_batch_that_crashed_each_job_has_its_own_count(jobs, worker):
    doomed, fresh, stale = (jobs.running(worker) for _ in range(3))
    jobs.connection.execute("update pgqueue.jobs_live set crashes = 2 where id = %s", [doomed.id])
    assert jobs.crash(doomed, fresh, stale._replace(claim=9)) == {
        doomed.id: "failed",
        fresh.id: "queued",
    }
    assert jobs.state(stale.id) == "running"


def note(jobs, job):
    return jobs.value("select headers from pgqueue.jobs where id = %s", job)


def test_suspects_are_not_charged_and_run_alone_from_now_on(jobs, clock, worker):
    ours, other = jobs.running(worker), jobs.running(worker)
    before = jobs.get(ours.id)
    clock.advance(5)
    assert jobs.suspect(ours, other._replace(claim=9), error="SIGSEGV") == {ours.id}
    after = jobs.get(ours.id)
    assert (after.state, after.attempt, after.crashes) == ("queued", 0, 0)
    assert after.run_at == before.run_at
    assert errors(jobs, ours.id) == [(1, 1, "SIGSEGV")]
    assert note(jobs, ours.id) == {"pgqueue": {"alone": True}}
    assert (jobs.state(other.id), note(jobs, other.id)) == ("running", None)


@pytest.mark.parametrize("give_back", ["suspect", "crash"])
@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ('{"t": 1}', {"t": 1, "pgqueue": {"alone": True}}),
        (
            '{"pgqueue": {"time_limit": 5}, "t": 1}',
            {"t": 1, "pgqueue": {"time_limit": 5, "alone": True}},
        ),
        ("[1]", {"pgqueue": {"alone": True}}),
    ],
)
def test_the_note_that_a_job_runs_alone_leaves_its_other_headers(
    jobs, worker, give_back, headers, kept
):
    job = jobs.running(worker, headers=headers)
    getattr(jobs, give_back)(job, **({"alone": True} if give_back == "crash" else {}))
    assert note(jobs, job.id) == kept


def test_a_crash_of_the_whole_worker_leaves_headers_as_they_are(jobs, worker):
    job = jobs.running(worker, headers='{"t": 1}')
    jobs.crash(job)
    assert note(jobs, job.id) == {"t": 1}


@pytest.mark.parametrize("give_back", ["retry", "release", "crash", "suspect"])
def test_what_was_given_back_is_claimed_by_another_worker(jobs, worker, give_back):
    job = jobs.running(worker)
    getattr(jobs, give_back)(job)
    second = jobs.register("second")
    assert jobs.claim_ids(second) == [job.id]
    assert jobs.get(job.id).worker_id == second
