"""Bulk statements lock jobs in order of id: any two of them, on any rows, cannot deadlock."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from pgqueue import operations
from pgqueue.identifiers import uuid7


@pytest.fixture
def running(jobs, worker):
    """Jobs that are claimed; their ids are in another order than the table and the claim index."""
    jobs.connection.execute(
        "select pgqueue.enqueue('add', queue => 'other') from generate_series(1, 3000)"
    )
    ids = [uuid7() for _ in range(60)]
    for number, job in enumerate(random.sample(ids, len(ids))):
        jobs.add(id=job, priority=number % 10)
    return sorted(jobs.claim(worker), key=lambda job: job.id)


def cancel(jobs, batch):
    return jobs.run(operations.cancel([job.id for job in batch]))


def finish(jobs, batch):
    return jobs.finish(*batch)


def retry(jobs, batch):
    return jobs.retry(*batch)


def release(jobs, batch):
    return jobs.release(*batch)


def crash(jobs, batch):
    return jobs.crash(*batch)


def suspect(jobs, batch):
    return jobs.suspect(*batch)


def reconcile(jobs, batch):
    del batch
    return jobs.run(operations.reconcile(1, []))


def purge(jobs, batch):
    return {job.id for job in batch} if jobs.run(operations.purge("default", 100)) else set()


def requeue(jobs, batch):
    return jobs.run(operations.requeue([job.id for job in batch]))


BULK = [cancel, finish, retry, release, crash, suspect, reconcile]


def free(jobs, table):
    """The ids of the rows that nobody has locked."""
    found = jobs.connection.execute(
        f"select id::text from {table} where queue = 'default' for update skip locked"
    )
    return {row[0] for row in found}


def assert_locked_in_order(jobs, other, step, batch, statement, table="pgqueue.jobs_live"):
    """Stop the statement at a job in the middle: it must hold those before, and none after."""
    middle = batch[len(batch) // 2].id
    with jobs.transaction():
        jobs.connection.execute(f"select from {table} where id = %s for update", [middle])
        under_way = step(other, lambda: statement(other, batch[::-1])).blocked()
        assert free(jobs, table) == {job.id for job in batch if job.id >= middle}
    assert {*under_way.result()} == {job.id for job in batch}


# The first three join arrays, and need the worker's planner settings for it. The others lock in
# order by themselves, also from a client's connection.
ORDERLY = [(statement, "worker") for statement in BULK]
ORDERLY += [(statement, "client") for statement in (cancel, crash, suspect, reconcile)]


@pytest.mark.parametrize(("statement", "planning"), ORDERLY)
def test_jobs_are_locked_in_order_of_id(jobs, other, running, step, statement, planning):
    if planning == "worker":
        other.plan_as_worker()
    assert_locked_in_order(jobs, other, step, running, statement)


def test_a_purge_locks_in_order_of_id_too(jobs, other, running, step):
    jobs.release(*running)
    assert_locked_in_order(jobs, other, step, running, purge)


def test_jobs_of_the_history_are_run_again_in_order_of_id(jobs, other, running, step):
    jobs.plan_as_worker()
    shuffled = random.sample(running, len(running))
    jobs.finish(*shuffled[:30])
    jobs.finish(*shuffled[30:], state="failed")
    assert_locked_in_order(jobs, other, step, running, requeue, "pgqueue.jobs")


def test_bulk_cancels_beside_finishing_batches_never_deadlock(jobs, other, worker):
    jobs.plan_as_worker()
    for _ in range(25):
        jobs.connection.execute("select pgqueue.enqueue('add') from generate_series(1, 60)")
        batch = jobs.claim(worker)
        shuffled = random.sample(batch, len(batch))
        with ThreadPoolExecutor(2) as threads:
            cancelled = threads.submit(cancel, other, shuffled)
            finished = threads.submit(finish, jobs, batch)
        assert finished.result() == {job.id for job in batch}
        assert set(cancelled.result().values()) <= {"running", "succeeded"}
