"""P1, durable: what was enqueued and committed is a queued job, exactly as it was given."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from pgqueue import operations
from pgqueue.codec import MAX_BYTES
from pgqueue.rows import NewJob

ID = UUID("0198c0de-0000-7000-8000-000000000001")


def test_a_job_is_queued_with_every_column_as_given(jobs, clock):
    job = NewJob(
        ID,
        "mail.send",
        '[1, "ä"]',
        '{"to": "x"}',
        queue="mail",
        priority=7,
        max_attempts=4,
        countdown=60,
        expires_in=90,
        headers='{"trace": "t1"}',
    )
    assert jobs.run(operations.enqueue(job)) is True
    row, now = jobs.get(ID), clock.now()
    assert (row.state, row.queue, row.task, row.priority) == ("queued", "mail", "mail.send", 7)
    assert (row.args, row.kwargs, row.headers) == ('[1, "ä"]', '{"to": "x"}', '{"trace": "t1"}')
    assert (row.attempt, row.max_attempts, row.crashes, row.claim) == (0, 4, 0, 0)
    assert (row.created_at, row.run_at) == (now, now + timedelta(seconds=60))
    assert row.expires_at == now + timedelta(seconds=90)
    assert (row.worker_id, row.started_at, row.finished_at) == (None, None, None)
    assert (row.cancel_requested_at, row.result, row.error, row.failures) == (None, None, None, 0)


def test_a_plain_job_is_due_at_once_and_never_expires(jobs, clock):
    row = jobs.get(jobs.add())
    assert (row.run_at, row.expires_at, row.headers) == (clock.now(), None, None)
    assert (row.queue, row.priority, row.max_attempts) == ("default", 0, None)


@pytest.mark.parametrize(
    ("options", "due_in"),
    [
        ({"eta": timedelta(hours=1)}, timedelta(hours=1)),
        ({"eta": timedelta(hours=1), "countdown": 5.0}, timedelta(hours=1)),
        ({"eta": timedelta(hours=-1)}, timedelta(0)),
        ({"countdown": -3600.0}, timedelta(0)),
        ({"countdown": 0.25}, timedelta(seconds=0.25)),
    ],
)
def test_a_job_is_due_at_its_eta_but_never_in_the_past(jobs, clock, options, due_in):
    # In the past it would be ahead of jobs that have waited longer.
    if "eta" in options:
        options = options | {"eta": clock.now() + options["eta"]}
    assert jobs.get(jobs.add(**options)).run_at == clock.now() + due_in


def test_an_absolute_expiry_wins_over_a_relative_one(jobs, clock):
    at = clock.now() + timedelta(hours=1)
    assert jobs.get(jobs.add(expires=at, expires_in=5.0)).expires_at == at


def test_enqueueing_again_under_the_same_id_changes_nothing(jobs):
    first = NewJob(ID, "add", "[1]", "{}")
    assert jobs.run(operations.enqueue(first)) is True
    second = NewJob(ID, "other", "[2]", "{}", queue="q", chosen=True)
    assert jobs.run(operations.enqueue(second)) is False
    row = jobs.get(ID)
    assert (row.task, row.args, row.queue) == ("add", "[1]", "default")


def test_enqueueing_again_while_it_runs_changes_nothing(jobs, worker):
    job = jobs.running(worker)
    again = operations.enqueue_chosen(NewJob(UUID(job.id), "add", "[]", "{}"))
    assert jobs.run(again) is False
    assert jobs.state(job.id) == "running"


def test_a_second_enqueue_waits_for_the_first_transaction_under_its_id(jobs, other, step):
    with jobs.transaction():
        jobs.add(id=ID)
        again = operations.enqueue_chosen(NewJob(ID, "add", "[]", "{}"))
        second = step(other, lambda: other.run(again)).blocked()
    assert second.result() is False


def test_a_second_enqueue_waits_for_the_end_of_the_first_and_is_still_the_same_job(
    jobs, other, step, worker
):
    """It was sent again, and the first, which nobody had acknowledged, is just being finished."""
    job = jobs.running(worker)
    with jobs.transaction():
        jobs.finish(job)
        again = operations.enqueue_chosen(NewJob(UUID(job.id), "add", "[]", "{}"))
        second = step(other, lambda: other.run(again)).blocked()
    assert second.result() is False
    assert jobs.value("select count(*) from pgqueue.jobs where id = %s", job.id) == 1
    assert jobs.state(job.id) == "succeeded"


def test_a_rolled_back_enqueue_never_was(jobs, other):
    with jobs.transaction() as transaction:
        job = jobs.add()
        assert jobs.state(job) == "queued"
        assert other.get(job) is None
        raise psycopg.Rollback(transaction)
    assert jobs.get(job) is None


def test_an_enqueue_goes_with_its_savepoint(jobs):
    with jobs.transaction():
        kept = jobs.add()
        with jobs.transaction() as savepoint:
            lost = jobs.add()
            raise psycopg.Rollback(savepoint)
    assert jobs.state(kept) == "queued"
    assert jobs.get(lost) is None


@pytest.mark.parametrize("priority", [-1, 10])
def test_a_priority_out_of_range_is_refused(jobs, priority):
    with pytest.raises(psycopg.errors.CheckViolation, match="priority_is_0_to_9"):
        jobs.add(priority=priority)


@pytest.mark.parametrize("payload", ["[1e20000]", '["\\u00e4\\\\ \\" \\n"]', "[9007199254740993]"])
def test_numbers_and_texts_come_back_as_they_went(jobs, payload):
    stored = jobs.value("select %s::jsonb::text", payload)
    assert jobs.get(jobs.add(args=payload)).args == stored


@pytest.mark.parametrize("column", ["args", "kwargs", "headers"])
def test_a_payload_that_no_worker_could_take_is_refused(jobs, column):
    """As text it would be longer than a value may be, and every claim would fail by it."""
    payload = """jsonb_build_object('a', repeat(e'\\x01', 67108864))"""
    insert = f"""
        insert into pgqueue.jobs_live (id, task, run_at, created_at, {column})
        values (pgqueue.uuid7(), 'add', pgqueue.now(), pgqueue.now(), {payload})"""
    with pytest.raises(psycopg.errors.CheckViolation, match="payload_takes_at_most_64_mb"):
        jobs.connection.execute(insert)


@pytest.mark.parametrize("item", ["0", "[]", "{}", '""', "1e9"])
def test_a_payload_that_python_may_send_is_accepted_whatever_it_consists_of(jobs, item):
    text = f"[{','.join([item] * (MAX_BYTES // (len(item) + 1) - 1))}]"
    assert len(text) <= MAX_BYTES
    job = jobs.add(args=text)
    jobs.claim(jobs.register())
    assert jobs.state(job) == "running"
