"""running stays running: what a run says of itself is kept until it ends, under its own claim."""

from __future__ import annotations

import pytest

from pgqueue import operations
from pgqueue.rows import Retried

NOTE = '{"state":"PROGRESS","meta":{"done":1}}'


@pytest.fixture
def worker(jobs):
    return jobs.register(tasks=["add"], queues=["default", "other"])


def result_of(jobs, job):
    return jobs.value("select result from pgqueue.jobs where id = %s", job)


def test_it_is_kept_with_the_claim_that_said_it(jobs, worker):
    job = jobs.running(worker)
    assert jobs.run(operations.progress(job.id, job.claim, NOTE))
    assert result_of(jobs, job.id) == {"state": "PROGRESS", "meta": {"done": 1}, "claim": 1}
    assert jobs.state(job.id) == "running"


def test_a_claim_that_is_not_the_newest_says_nothing(jobs, worker):
    job = jobs.running(worker)
    assert not jobs.run(operations.progress(job.id, job.claim + 1, NOTE))
    jobs.release(job)
    assert not jobs.run(operations.progress(job.id, job.claim, NOTE))
    assert result_of(jobs, job.id) is None


@pytest.mark.parametrize("end", ["finish", "retry"])
def test_it_is_gone_when_the_run_ends(jobs, worker, end):
    job = jobs.running(worker)
    jobs.run(operations.progress(job.id, job.claim, NOTE))
    getattr(jobs, end)(job)
    assert result_of(jobs, job.id) is None


def test_it_writes_no_index(jobs, worker, connection):
    job = jobs.running(worker)
    counts = (
        "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = 'jobs_live'"
    )
    with connection.transaction():  # counts of earlier transactions may still be among them
        before = connection.execute(counts).fetchone()
        jobs.run(operations.progress(job.id, job.claim, NOTE))
        after = connection.execute(counts).fetchone()
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1]


# ── a retry with other arguments, or in another place ──


def test_a_retry_changes_what_it_says_and_leaves_the_rest(jobs, worker):
    as_it_was, changed, moved = (
        jobs.running(worker, args="[1]", kwargs='{"k": 1}', priority=2) for _ in range(3)
    )
    batch = [
        Retried(as_it_was.id, 1, 0, "oops"),
        Retried(changed.id, 1, 0, "oops", None, "[2]", '{"k": 3}'),
        Retried(moved.id, 1, 0, "oops", queue="other", priority="7"),
    ]
    assert jobs.run(operations.retry(batch)) == {as_it_was.id, changed.id, moved.id}
    rows = [jobs.get(job.id) for job in (as_it_was, changed, moved)]
    assert [(row.args, row.kwargs, row.queue, row.priority) for row in rows] == [
        ("[1]", '{"k": 1}', "default", 2),
        ("[2]", '{"k": 3}', "default", 2),
        ("[1]", '{"k": 1}', "other", 7),
    ]
    assert {row.state for row in rows} == {"queued"}


@pytest.mark.parametrize(("countdown", "woken"), [(0, ["pgqueue.jobs"]), (3600, [])])
def test_who_sleeps_at_the_queue_that_it_goes_to_is_woken_if_it_is_due_soon(
    jobs, worker, connect, heard, countdown, woken
):
    job = jobs.running(worker)
    sleeper = type(jobs)(connect())
    assert sleeper.run(operations.lie_down(["other"])) == {"other"}
    heard()
    jobs.run(
        operations.retry([Retried(job.id, 1, countdown, "e", None, None, None, "other", None)])
    )
    assert heard() == woken


def test_a_plain_batch_carries_nothing_of_that(jobs):
    params = operations.retry([Retried("a", 1, 0, "e"), Retried("b", 1, 0, "e")]).params
    assert {params[name] for name in ("args", "kwargs", "queues", "priorities")} == {"{}"}
