"""A batch of new jobs in one statement: what enqueue does, in order of id, whoever is woken."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from pgqueue import operations
from pgqueue.identifiers import uuid7
from pgqueue.rows import NewJob
from support.jobs import Jobs


def new_job(job_id=None, *, args="[]", **options):
    return NewJob(job_id or uuid7(), "add", args, "{}", **options)


def enqueue(jobs, batch, *, wake=True):
    return jobs.run(operations.enqueue_many(batch, wake=wake))


def ids(jobs):
    rows = jobs.connection.execute("select id from pgqueue.jobs order by id")
    return [job for (job,) in rows]


# ── rows ──


def test_each_job_is_what_enqueue_makes_of_it(jobs, clock):
    soon = clock.now() + timedelta(hours=1)
    batch = [
        new_job(),
        new_job(args='["\\\\N", "\\"ä\\"", "{}", "%"]', queue='a "b", \\', headers='{"a": "NULL"}'),
        new_job(priority=9, max_attempts=4, countdown=60.25, expires_in=90.5),
        new_job(countdown=-60.0, expires=soon, expires_in=5.0),
        new_job(eta=soon, countdown=5.0, notify=False),
        new_job(eta=soon - timedelta(days=1)),
    ]
    rows = "select to_jsonb(j) from pgqueue.jobs j order by id"
    for job in batch:
        jobs.run(operations.enqueue(job))
    by_one = jobs.connection.execute(rows).fetchall()
    jobs.connection.execute("delete from pgqueue.jobs_live")
    enqueue(jobs, batch[::-1])
    assert jobs.connection.execute(rows).fetchall() == by_one
    assert len(by_one) == len(batch)


def test_an_empty_batch_is_nothing(jobs):
    assert enqueue(jobs, []) == set()


def test_jobs_that_finish_at_this_moment_are_left_out(jobs, other, step, worker):
    finishing, fresh = jobs.running(worker), uuid4()
    taken = new_job(UUID(finishing.id), chosen=True, queue="other")
    with jobs.transaction():
        jobs.finish(finishing)
        batch = [taken, new_job(fresh, chosen=True)]
        second = step(other, lambda: enqueue(other, batch)).blocked()
    assert second.result() == {"default"}
    assert sorted(ids(jobs)) == sorted([UUID(finishing.id), fresh])


def test_jobs_with_taken_ids_are_left_out(jobs, worker):
    live, finished, fresh = uuid4(), UUID(jobs.finished(worker)), uuid4()
    enqueue(jobs, [new_job(live, args="[1]")])
    enqueue(jobs, [new_job(each, args="[2]", chosen=True) for each in (fresh, finished, live)])
    found = [jobs.get(each).args for each in (live, finished, fresh)]
    assert found == ["[1]", "[]", "[2]"]
    assert len(ids(jobs)) == 3


def test_made_ids_do_not_ask_the_history(jobs):
    touched = (
        "select count(*) from pg_locks where pid = pg_backend_pid() and relation::regclass::text "
        "~ 'jobs_(succeeded|failed|cancelled)'"
    )
    with jobs.transaction():
        enqueue(jobs, [new_job() for _ in range(10)])
        assert jobs.value(touched) == 0
        enqueue(jobs, [new_job(chosen=True)])
        assert jobs.value(touched) > 0


def test_a_batch_whose_answer_was_lost_can_be_sent_again_even_after_its_jobs_have_run(jobs, worker):
    batch = [new_job() for _ in range(3)]
    query = operations.enqueue_many(batch, wake=True)
    jobs.run(query)
    assert len(jobs.finish(*jobs.claim(worker, limit=2))) == 2
    assert jobs.run(query.again()) == set()
    assert ids(jobs) == [job.id for job in batch]


# ── order ──


def test_ids_are_taken_in_order_so_that_batches_in_opposite_order_do_not_deadlock(
    jobs, other, step
):
    low, middle, high = sorted(uuid4() for _ in range(3))
    with jobs.transaction():
        enqueue(jobs, [new_job(middle, args="[1]", chosen=True)])
        batch = [new_job(each, args="[2]", chosen=True) for each in (high, middle, low)]
        under_way = step(other, lambda: enqueue(other, batch)).blocked()
        # Had it begun with the highest, each would wait for the other now.
        enqueue(jobs, [new_job(high, args="[1]", chosen=True)])
    assert under_way.result() == {"default"}
    assert [jobs.get(each).args for each in (low, middle, high)] == ["[2]", "[1]", "[1]"]


# ── wake-ups ──


@pytest.fixture
def sleeper(connect):
    """A session that sleeps for want of jobs in `mail`."""
    sleeper = Jobs(connect())
    assert sleeper.run(operations.lie_down(["mail"])) == {"mail"}
    return sleeper


@pytest.mark.usefixtures("sleeper")
def test_sleepers_of_its_queues_are_woken_once(jobs, heard):
    assert enqueue(jobs, [new_job(queue="other") for _ in range(3)]) == {"other"}
    assert len(heard()) == 0
    batch = [new_job(queue=queue) for queue in ("other", "mail", "mail", "third")]
    assert enqueue(jobs, batch) == {"other", "mail", "third"}
    assert len(heard()) == 1


@pytest.mark.usefixtures("sleeper")
def test_those_who_enqueue_more_wake_at_the_end(jobs, heard):
    assert enqueue(jobs, [new_job(queue="mail")], wake=False) == {"mail"}
    assert len(heard()) == 0
    jobs.run(operations.wake({"mail", "other"}))
    assert len(heard()) == 1
    jobs.run(operations.wake({"other"}))
    jobs.run(operations.wake(()))
    assert len(heard()) == 0


@pytest.mark.usefixtures("sleeper")
def test_jobs_that_need_nobody_woken_wake_nobody(jobs, heard, clock):
    in_two_seconds = clock.now() + timedelta(seconds=2)
    taken = uuid4()
    enqueue(jobs, [new_job(taken, queue="mail", notify=False)])
    quiet = [
        new_job(queue="mail", notify=False),
        new_job(queue="mail", countdown=2.0),
        new_job(queue="mail", eta=in_two_seconds),
        new_job(taken, queue="mail", chosen=True),
    ]
    assert enqueue(jobs, quiet) == set()
    assert len(heard()) == 0
    assert enqueue(jobs, [new_job(queue="mail", countdown=1.99), *quiet]) == {"mail"}
    assert len(heard()) == 1


def test_looking_at_the_gates_leaves_no_lock_behind(jobs, sleeper):
    locks = "select count(*) from pg_locks where locktype = 'advisory'"
    with jobs.transaction():
        enqueue(jobs, [new_job(queue=queue) for queue in ("mail", "other")])
        assert jobs.value(locks) == 1
    sleeper.connection.close()


# ── the time ──


@pytest.mark.parametrize(
    "setting", ["datestyle to 'sql, dmy'", "timezone to 'Asia/Tokyo'", "extra_float_digits to -15"]
)
def test_the_moment_is_the_clocks_whatever_the_session_makes_of_times(jobs, clock, setting):
    clock.advance(microseconds=123_457)
    jobs.connection.execute(f"set {setting}")
    assert jobs.run(operations.moment()) == clock.now()
