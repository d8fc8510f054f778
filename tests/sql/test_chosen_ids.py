"""An id of the caller's own names one job, live or finished."""

from __future__ import annotations

from uuid import UUID, uuid4

import psycopg
import pytest

from pgqueue import operations
from pgqueue.rows import NewJob


@pytest.fixture
def role(jobs):
    """The name of a role that has no rights yet."""
    jobs.connection.execute("create role enqueues")
    yield "enqueues"
    jobs.connection.execute("drop owned by enqueues; drop role enqueues")


def test_a_chosen_id_is_not_enqueued_again_while_its_finished_job_is_kept(jobs, worker):
    chosen = uuid4()
    first = NewJob(chosen, "add", "[]", "{}", chosen=True)
    assert jobs.run(operations.enqueue(first))
    assert not jobs.run(operations.enqueue(first))
    assert jobs.finish(*jobs.claim(worker)) == {str(chosen)}
    assert not jobs.run(operations.enqueue(first))
    assert jobs.value("select pgqueue.enqueue('add', id => %s)", chosen) == chosen
    assert jobs.value("select count(*) from pgqueue.jobs") == 1


def again(jobs, job):
    return jobs.run(operations.enqueue(job))


def many_again(jobs, job):
    around = [NewJob(UUID(int=n), "add", "[]", "{}", queue="other") for n in (1, 2**128 - 1)]
    return "default" in jobs.run(operations.enqueue_many([job, *around], wake=False))


def from_sql_again(jobs, job):
    jobs.value("select pgqueue.enqueue('add', id => %s)", job.id)


@pytest.mark.parametrize("enqueue", [again, many_again, from_sql_again])
@pytest.mark.parametrize("end", ["finishes", "is cancelled", "is lost"])
def test_a_job_is_not_enqueued_again_while_it_ends(jobs, other, worker, step, enqueue, end):
    """Until its end is committed, it is in neither place: not in the history, nor live any more."""
    job = NewJob(uuid4(), "add", "[]", "{}", chosen=True)
    assert jobs.run(operations.enqueue(job))
    with jobs.transaction():
        if end == "finishes":
            jobs.finish(*jobs.claim(worker))
        elif end == "is cancelled":
            jobs.run(operations.cancel([job.id]))
        else:
            jobs.crash(*jobs.claim(worker), max_crashes=1)
        waiting = step(other, lambda: enqueue(other, job)).blocked()
    assert not waiting.result()
    count = "select count(*) from pgqueue.jobs where id = %s"
    assert jobs.value(count, job.id) == 1


@pytest.mark.parametrize("enqueue", [again, many_again, from_sql_again])
def test_a_job_whose_end_is_undone_is_there_once(jobs, other, worker, step, enqueue):
    job = NewJob(uuid4(), "add", "[]", "{}", chosen=True)
    assert jobs.run(operations.enqueue(job))
    with jobs.transaction() as transaction:
        jobs.finish(*jobs.claim(worker))
        waiting = step(other, lambda: enqueue(other, job)).blocked()
        raise psycopg.Rollback(transaction)
    assert not waiting.result()
    assert jobs.state(str(job.id)) == "queued"


def test_who_may_enqueue_needs_no_right_to_delete(jobs, other, worker, step, role):
    job = NewJob(uuid4(), "add", "[]", "{}", chosen=True)
    assert jobs.run(operations.enqueue(job))
    columns = "id, queue, task, priority, max_attempts, run_at, created_at, expires_at, args"
    jobs.connection.execute(f"""
        grant usage on schema pgqueue to {role};
        grant insert ({columns}, kwargs, headers) on pgqueue.jobs_live to {role};
        grant select (id) on pgqueue.jobs_live to {role};
        grant select (id, state) on pgqueue.jobs to {role};
        grant select on public.test_clock to {role};
    """)
    other.connection.execute(f"set role {role}")
    with jobs.transaction():
        jobs.finish(*jobs.claim(worker))
        waiting = step(other, lambda: from_sql_again(other, job)).blocked()
    waiting.result()
    assert jobs.state(str(job.id)) == "succeeded"


def test_a_made_id_does_not_ask_the_history(jobs):
    """Every partition that a statement touches is locked: an enqueue locks the live one only."""
    touched = (
        "select count(*) from pg_locks where pid = pg_backend_pid() and relation::regclass::text "
        "~ 'jobs_(succeeded|failed|cancelled)'"
    )
    with jobs.transaction():
        jobs.add()
        assert jobs.value(touched) == 0


def test_attempts_are_counted_beyond_what_a_small_integer_holds(jobs, worker):
    job = jobs.add()
    jobs.connection.execute("update pgqueue.jobs_live set attempt = 40000")
    assert [claimed.attempt for claimed in jobs.claim(worker)] == [40001]
    assert jobs.get(job).attempt == 40001
