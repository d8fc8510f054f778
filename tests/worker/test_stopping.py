"""Stopping in two stages: running jobs may end, what has not begun goes back uncharged."""

from __future__ import annotations

import signal

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from support.workers import process_exists

WAIT = 30


def test_a_stopping_worker_lets_running_jobs_end(worker, send, lock, until):
    held = lock(1)
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    worker.signal(signal.SIGTERM)
    worker.logged("stopping: no new claims; 1 jobs in hand")
    held.free()
    assert worker.ended() == 0
    assert result.state == "SUCCESS"


def test_a_stopping_worker_claims_nothing_more(worker, send, lock, until):
    held = lock(1)
    running = send("hold", 1)
    until(lambda: running.state == "STARTED")
    worker.signal(signal.SIGTERM)
    worker.logged("stopping")
    later = send("add", 1, 2)
    held.free()
    assert worker.ended() == 0
    assert (later.job().state, later.job().claim) == ("queued", 0)


def test_after_the_grace_running_jobs_go_back_uncharged(start_worker, send, lock, until):
    held = lock(1)
    worker = start_worker("--grace", "0.2").ready()
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    assert worker.stop() == 0
    job = result.job()
    assert (job.state, job.attempt, job.crashes, job.claim) == ("queued", 0, 0, 1)
    held.free()


def test_a_second_signal_stops_at_once_and_gives_back(worker, send, lock, until):
    held = lock(1)
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    worker.signal(signal.SIGINT)
    worker.logged("stopping: no new claims")
    worker.signal(signal.SIGINT)
    assert worker.ended() == 0
    job = result.job()
    assert (job.state, job.attempt) == ("queued", 0)
    held.free()


def test_stopping_under_load_loses_and_charges_nothing(start_worker, send, jobs):
    results = [send("add", n, 1) for n in range(2000)]
    worker = start_worker().ready()
    results[100].get(WAIT)
    assert worker.stop() == 0
    states = "select state::text || ' ' || attempt, count(*) from pgqueue.jobs group by 1"
    found = dict(jobs.connection.execute(states).fetchall())
    assert found.keys() <= {"queued 0", "succeeded 1"}
    assert sum(found.values()) == 2000


def test_a_stopped_worker_leaves_a_stopped_row_and_no_process(worker, send, jobs):
    pid = send("who").get(WAIT)
    assert worker.stop() == 0
    assert jobs.value("select stopped_at is not null from pgqueue.workers")
    assert not process_exists(pid)


def test_a_worker_stopped_before_it_was_ready_ends_quietly(start_worker):
    worker = start_worker()
    worker.logged("")  # nothing yet, or its first line
    worker.signal(signal.SIGTERM)
    assert worker.ended() in (0, -signal.SIGTERM)
    assert "Traceback" not in worker.log


@pytest.mark.sessions("it is the pooler that loses its connections")
def test_a_worker_ends_on_a_second_signal_although_the_database_is_away(
    worker, send, lock, until, server, database
):
    lock(1)
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    name = conninfo_to_dict(database)["dbname"]
    with psycopg.connect(server.direct_dsn(), autocommit=True) as admin:
        admin.execute(f"alter database {name} allow_connections false")
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [name]
        )
        worker.logged("no connection to PostgreSQL")
        worker.signal(signal.SIGTERM)
        worker.logged("stopping")
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
        admin.execute(f"alter database {name} allow_connections true")
    worker.logged("jobs cannot be given back")
