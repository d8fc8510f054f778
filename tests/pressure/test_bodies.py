"""A job that takes long holds its own slot, and nothing else."""

from __future__ import annotations

import pytest

SHORT = 30


@pytest.fixture
def held(connect, app, until):
    """Starts a job that runs until the end of the test; returns its result's handle."""
    holder = connect()

    def held(key):
        holder.execute("select pg_advisory_lock(%s)", [key])
        job = app.send_task("hold", [key])
        until(lambda: job.state == "STARTED", "the long job's start")
        return job

    return held


def test_a_long_job_delays_no_short_one_in_another_slot(app, start_worker, held, until):
    start_worker("-c", "2")
    long = held(1)
    short = [app.send_task("add", [n, 1]) for n in range(SHORT)]
    until(lambda: all(job.successful() for job in short), "the short jobs")
    assert long.state == "STARTED"


def test_a_worker_whose_slots_are_taken_keeps_nothing_from_another(app, start_worker, held, until):
    start_worker("-c", "1")
    first = held(1)
    start_worker("-c", "1")
    short = [app.send_task("add", [n, 1]) for n in range(SHORT)]
    until(lambda: all(job.successful() for job in short), "the short jobs, by the other worker")
    assert first.state == "STARTED"


def test_what_waits_behind_a_long_job_is_handed_to_a_free_worker(
    connection, app, start_worker, held, until
):
    """Short jobs have a worker claim ahead; a long one among them must not keep what follows."""
    start_worker("-c", "1")
    start_worker("-c", "1")
    connection.execute("select pg_advisory_lock(2)")
    with app.transaction() as conn:
        ahead = [app.send_task("add", [n, 1], connection=conn) for n in range(SHORT)]
        long = app.send_task("hold", [2], connection=conn)
        behind = [app.send_task("add", [n, 1], connection=conn) for n in range(SHORT)]
    until(lambda: all(job.successful() for job in (*ahead, *behind)), "all the short jobs")
    assert long.state == "STARTED"
