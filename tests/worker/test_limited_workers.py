"""Workers and limits: held by all of them together, and refilled at once."""

from __future__ import annotations

import statistics
import time
from itertools import pairwise

import pytest

from support import tasks


def running(connection):
    return connection.execute(
        "select count(*) from pgqueue.jobs_live where state = 'running'"
    ).fetchone()[0]


def few(app, count, key=1, customer="a"):
    return [app.send_task("hold_few", [key, customer]) for _ in range(count)]


def test_two_workers_together_hold_to_a_limit_and_refill_at_once(
    start_worker, app, connection, lock, until
):
    held = lock(1)
    workers = [start_worker("--processes", "1", "-c", "4") for _ in range(2)]
    for worker in workers:
        worker.ready()
    results = [*few(app, 6), *few(app, 1, customer="b")]
    until(lambda: running(connection) == 3, "two of a, one of b")
    time.sleep(0.3)
    assert running(connection) == 3
    held.free()
    began = time.monotonic()
    assert sorted(result.get(timeout=20) for result in results) == ["a"] * 6 + ["b"]
    assert time.monotonic() - began < 5
    until(lambda: connection.execute("select count(*) from pgqueue.lines").fetchone()[0] == 0)


def test_a_serial_lane_keeps_its_order(worker, app, log_table):
    jobs = app.enqueue_many((tasks.serial, [f"{n:02}"]) for n in range(30))
    for job in jobs:
        job.get(timeout=20)
    assert log_table() == [f"{n:02}" for n in range(30)]


def test_a_rate_holds_for_all_workers(start_worker, app, connection):
    for _ in range(2):
        start_worker("--processes", "1", "-c", "4").ready()
    for job in [app.send_task("seldom") for _ in range(6)]:
        job.get(timeout=20)
    rows = connection.execute("select started_at from pgqueue.jobs order by 1").fetchall()
    gaps = [(later - sooner).total_seconds() for (sooner,), (later,) in pairwise(rows)]
    assert min(gaps) >= 0.2
    assert max(gaps) < 1


def test_a_rate_that_is_set_while_all_runs_holds_for_what_waits(worker, app, connection, until):
    app.control.rate_limit("add", "2/s", reply=True)
    jobs = [app.send_task("add", [1, n]) for n in range(3)]
    for job in jobs:
        job.get(timeout=20)
    rows = connection.execute("select started_at from pgqueue.jobs order by 1").fetchall()
    assert all((later - sooner).total_seconds() >= 0.5 for (sooner,), (later,) in pairwise(rows))
    app.control.rate_limit("add", None, reply=True)
    began = time.monotonic()
    for job in [app.send_task("add", [1, n]) for n in range(20)]:
        job.get(timeout=20)
    assert time.monotonic() - began < 5


def test_a_rate_of_a_queue_holds_for_all_workers_and_counts_from_its_commit(
    start_worker, app, connection
):
    for _ in range(2):
        start_worker("--processes", "1", "-c", "4").ready()
    connection.execute("select pgqueue.rate_queue('default', '5/s')")
    began = time.monotonic()
    jobs = [app.send_task(*call) for call in [("add", [1, 2]), ("seldom", [])] * 3]
    jobs[0].get(timeout=20)
    assert time.monotonic() - began < 2
    for job in jobs[1:]:
        job.get(timeout=20)
    rows = connection.execute("select started_at from pgqueue.jobs order by 1").fetchall()
    gaps = [(later - sooner).total_seconds() for (sooner,), (later,) in pairwise(rows)]
    assert min(gaps) >= 0.2
    assert max(gaps) < 1
    connection.execute("select pgqueue.rate_queue('default', null)")
    began = time.monotonic()
    for job in [app.send_task("add", [1, n]) for n in range(20)]:
        job.get(timeout=20)
    assert time.monotonic() - began < 3


def late(app, connection, name, *args, countdown=0):
    """For how long a job could have run before it did; returned when it has ended."""
    job = app.send_task(name, args, countdown=countdown)
    job.get(timeout=20)
    query = "select extract(epoch from started_at - run_at)::float8 from pgqueue.jobs where id = %s"
    return connection.execute(query, [job.id]).fetchone()[0]


@pytest.mark.sessions("nobody is woken")
def test_a_job_that_comes_just_after_the_end_of_another_starts_at_once(
    worker, app, connection, log_table
):
    found = [late(app, connection, "serial", str(n)) for n in range(5)]
    assert statistics.median(found) < 0.25, found
    connection.execute("select pgqueue.rate_queue('default', '100/s', 9)")
    found = [late(app, connection, "add", 1, n) for n in range(5)]
    assert statistics.median(found) < 0.25, found


def test_a_worker_that_sleeps_is_there_when_a_job_is_due_in_a_queue_with_a_rate(
    worker, app, connection
):
    connection.execute("select pgqueue.rate_queue('default', '100/s', 9)")
    assert late(app, connection, "add", 1, 2, countdown=3) < 0.5


@pytest.mark.sessions("a dead worker is known by its lease alone")
def test_a_killed_worker_leaves_no_place_taken(start_worker, app, connection, lock, until):
    held = lock(1)
    first = start_worker("--processes", "1", "-c", "4").ready()
    results = few(app, 4)
    until(lambda: running(connection) == 2)
    start_worker("--processes", "1", "-c", "4").ready()
    first.destroy()
    until(lambda: running(connection) == 2)
    held.free()
    assert [result.get(timeout=30) for result in results] == ["a"] * 4
