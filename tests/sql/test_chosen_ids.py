"""An id of the caller's own names one job, live or finished."""

from __future__ import annotations

from uuid import uuid4

from pgqueue import operations
from pgqueue.rows import NewJob


def test_a_chosen_id_is_not_enqueued_again_while_its_finished_job_is_kept(jobs, worker):
    chosen = uuid4()
    first = NewJob(chosen, "add", "[]", "{}", chosen=True)
    assert jobs.run(operations.enqueue(first))
    assert not jobs.run(operations.enqueue(first))
    assert jobs.finish(*jobs.claim(worker)) == {str(chosen)}
    assert not jobs.run(operations.enqueue(first))
    assert jobs.value("select pgqueue.enqueue('add', id => %s)", chosen) == chosen
    assert jobs.value("select count(*) from pgqueue.jobs") == 1


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
