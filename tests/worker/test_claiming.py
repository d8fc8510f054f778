"""Which jobs a worker takes, when, and in which order."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from pgqueue import operations
from support.waiting import wait_for

WAIT = 30


def test_with_one_slot_jobs_run_in_the_order_of_priority_and_time(start_worker, send, log_table):
    results = [send("log", f"low {n}") for n in range(30)]
    results += [send("log", f"high {n}", priority=9) for n in range(10)]
    start_worker("--processes", "1", "-c", "1")
    for result in results:
        result.get(WAIT)
    assert log_table() == [f"high {n}" for n in range(10)] + [f"low {n}" for n in range(30)]


def test_only_known_tasks_are_claimed_and_others_wait(worker, send):
    unknown = send("tasks.of_tomorrow")
    assert send("add", 1, 1).get(WAIT) == 2
    assert (unknown.job().state, unknown.job().attempt) == ("queued", 0)


def test_only_the_queues_asked_for_are_served(start_worker, send):
    start_worker("-Q", "mail,sms").ready()
    elsewhere = send("add", 1, 1)
    assert send("add", 1, 2, queue="sms").get(WAIT) == 3
    assert elsewhere.job().state == "queued"


def test_a_job_that_expired_while_it_waited_is_cancelled_and_not_run(
    start_worker, send, log_table, until
):
    result = send("log", "late", expires=0)
    start_worker().ready()
    until(lambda: result.state == "REVOKED")
    assert (result.job().error, log_table()) == ("expired", [])


def test_a_paused_queue_waits_and_its_resumption_wakes_the_worker(worker, send, app):
    app.run(operations.pause("default"))
    result = send("add", 1, 2)
    assert send("add", 0, 0, queue="default", priority=9).job().state == "queued"
    app.run(operations.resume("default"))
    assert result.get(WAIT) == 3


def test_a_pause_outlasts_workers_and_holds_for_one_that_is_busy(start_worker, send, app):
    app.run(operations.pause("mail"))
    first = start_worker("-Q", "mail,default", "--processes", "1", "-c", "1")
    held = send("add", 1, 2, queue="mail")
    busy = [send("add", n, 1) for n in range(50)]
    for result in busy:
        result.get(WAIT)
    first.stop()
    start_worker("-Q", "mail,default")
    assert send("add", 0, 0).get(WAIT) == 0
    assert held.job().attempt == 0
    app.run(operations.resume("mail"))
    assert held.get(WAIT) == 3


@pytest.mark.parametrize("queues", ["high:3,low", "high,low"], ids=["weighed", "strict"])
def test_queues_share_a_worker_or_come_strictly_in_order(start_worker, send, log_table, queues):
    results = [send("log", queue, queue=queue) for queue in ("low", "high") for _ in range(60)]
    strict = [] if ":" in queues else ["--strict"]
    start_worker("-Q", queues, *strict, "--processes", "1", "-c", "1")
    for result in results:
        result.get(WAIT)
    places = [place for place, queue in enumerate(log_table()) if queue == "high"]
    assert places[0] == 0
    assert (places == list(range(60))) == bool(strict)


def test_a_scheduled_job_starts_at_its_time_and_not_before(worker, send):
    result = send("add", 1, 2, countdown=0.5)
    assert result.get(WAIT) == 3
    job = result.job()
    late = job.started_at - job.run_at
    assert timedelta(0) <= late < timedelta(seconds=1.5), "met by a timer, not by the 2 s poll"
    assert job.run_at - job.created_at == timedelta(seconds=0.5)


def test_a_job_runs_after_its_transaction_commits_and_only_then(worker, send, connect, until):
    connection = connect(autocommit=False)
    result = send("add", 1, 2, connection=connection)
    assert send("add", 0, 0).get(WAIT) == 0  # a worker that has looked since
    assert result.job() is None
    connection.commit()
    assert result.get(WAIT) == 3


def test_a_rolled_back_job_never_existed(worker, send, connect):
    connection = connect(autocommit=False)
    result = send("add", 1, 2, connection=connection)
    connection.rollback()
    assert send("add", 0, 0).get(WAIT) == 0
    assert result.job() is None


def test_a_late_commit_behind_the_cursor_is_found_while_the_worker_is_busy(
    worker, send, connect, app
):
    connection = connect(autocommit=False)
    early = send("add", 1, 2, connection=connection)
    for n in range(200):
        send("add", n, 0)
    connection.commit()
    assert early.get(WAIT) == 3


@pytest.mark.sessions("nobody is woken")
def test_a_sleeping_worker_asks_to_be_woken_and_a_busy_one_does_not(worker, send, jobs, until):
    gate = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'"
    until(lambda: jobs.value(gate) == 1, "the idle worker's lock")
    with psycopg.connect(jobs.connection.info.dsn, autocommit=True) as listener:
        listener.execute('listen "pgqueue.jobs"')
        send("add", 1, 2).get(WAIT)
        assert [n.channel for n in listener.notifies(timeout=10, stop_after=1)] == ["pgqueue.jobs"]


def test_as_many_coroutines_run_at_once_as_there_are_slots(start_worker, send, lock, jobs, until):
    held = lock(1)
    start_worker("--processes", "1", "-c", "20").ready()
    results = [send("ahold", 1) for _ in range(25)]
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    until(lambda: jobs.value(waiting) == 20, "20 coroutines at the lock")
    assert jobs.value("select count(*) from pgqueue.jobs_live where state = 'running'") <= 20
    held.free()
    assert {result.get(WAIT) for result in results} == {1}


@pytest.mark.sessions("sessions bear the names of many clients")
def test_a_worker_holds_two_connections_whatever_its_concurrency(start_worker, send, jobs):
    start_worker("--processes", "2", "-c", "64").ready()
    for result in [send("add", n, n) for n in range(300)]:
        result.get(WAIT)
    name = jobs.value("select name from pgqueue.workers")
    count = "select count(*) from pg_stat_activity where application_name in (%s, 'pgqueue listen')"
    assert jobs.value(count, f"pgqueue {name}"[:63]) == 2


def test_jobs_of_a_slow_slot_are_handed_to_a_free_one(start_worker, send, lock, until):
    """One process is held up; what it was given and has not begun runs in the other."""
    held = lock(1)
    start_worker("--processes", "2", "-c", "2").ready()
    slow = send("hold", 1)
    until(lambda: slow.state == "STARTED")
    assert [send("add", n, 1).get(WAIT) for n in range(50)] == [n + 1 for n in range(50)]
    held.free()
    slow.get(WAIT)


def test_a_worker_shows_what_it_runs_when_asked(worker, send, lock, app, until):
    held = lock(7)
    result = send("hold", 7)
    until(lambda: result.state == "STARTED")
    asked = app.run(operations.ping())
    row = wait_for(
        lambda: next((w for w in app.run(operations.workers()) if w.heartbeat_at > asked), None),
        "a heartbeat",
    )
    assert [(job["id"], job["task"]) for job in row.active] == [(result.id, "hold")]
    held.free()
    result.get(WAIT)


def test_a_job_that_somebody_locked_in_vain_runs_while_others_keep_the_worker_busy(
    start_worker, send, connect, until
):
    touched = send("add", 1, 2)
    connection = connect(autocommit=False)
    connection.execute("select from pgqueue.jobs_live for update")
    connection.rollback()
    for _ in range(2000):
        last = send("add", 1, 1)
    start_worker()
    assert touched.get(WAIT) == 3
    assert last.get(WAIT) == 2
