"""Processes that die and connections that break: the job runs again, or says why not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgqueue import TaskFailed, operations
from support.workers import process_exists, processes_marked

WAIT = 30


def test_a_task_that_kills_its_process_fails_after_three_crashes(worker, send, app):
    result = send("die", max_retries=5)
    with pytest.raises(TaskFailed, match="killed by SIGKILL") as caught:
        result.get(WAIT)
    assert caught.value.type == "WorkerLost"
    job = result.job()
    assert job.crashes == 3
    attempts = app.run(operations.attempts(result.id))
    assert len(attempts) == 3
    assert {a.error for a in attempts} == {job.error}


def test_the_worker_goes_on_after_its_process_died(worker, send):
    with pytest.raises(TaskFailed):
        send("die").get(WAIT)
    assert send("add", 1, 2).get(WAIT) == 3


def test_a_job_in_a_killed_process_runs_again_uncharged(worker, send, lock, until):
    held = lock(1)
    pid = send("who").get(WAIT)
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    os.kill(pid, signal.SIGKILL)
    until(lambda: (result.job().claim, result.state) == (2, "STARTED"), "the second run")
    held.free()
    assert result.get(WAIT) == 1
    job = result.job()
    assert (job.attempt, job.crashes) == (1, 1)


def test_children_end_when_their_supervisor_is_killed(worker, send, until):
    pid = send("who").get(WAIT)
    worker.signal(signal.SIGKILL)
    worker.ended()
    until(lambda: not process_exists(pid), "the child to end")


def test_nothing_of_a_killed_worker_goes_on_although_a_task_holds_the_interpreter(
    start_worker, send, until
):
    worker = start_worker("--processes", "1", "-c", "2", app="support.limited").ready()
    pid = send("who").get(WAIT)
    send("spread")
    until(lambda: len(processes_marked(worker.process.pid)) >= 5, "what a task has started")
    before = busy_seconds(pid)
    send("hang", "hold the interpreter")
    until(lambda: busy_seconds(pid) > before + 0.3, "a process that is deaf to its pipe")
    worker.destroy()
    until(lambda: not processes_marked(worker.process.pid), "all that it has started to end")


def busy_seconds(pid):
    """The processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def test_a_worker_that_was_declared_lost_registers_anew_and_goes_on(worker, send, app, connection):
    connection.execute("update pgqueue.workers set stopped_at = pgqueue.now()")
    app.run(operations.ping())
    worker.logged("registering anew")
    assert send("add", 1, 2).get(WAIT) == 3


def test_a_worker_without_a_lease_claims_nothing(worker, send, connection):
    connection.execute("update pgqueue.workers set stopped_at = pgqueue.now()")
    result = send("add", 1, 2)
    worker.logged("registering anew")  # at the next heartbeat
    assert result.get(WAIT) == 3
    ids = "select id from pgqueue.workers where stopped_at is null"
    assert result.job().worker_id == connection.execute(ids).fetchone()[0]


@pytest.mark.sessions("sessions bear the names of many clients")
def test_terminated_connections_are_made_again_and_no_job_is_lost(worker, send, connection, lock):
    held = lock(1)
    running = send("hold", 1)
    results = [send("add", n, n) for n in range(200)]
    for _ in range(3):
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where application_name like 'pgqueue %%'"
        )
        results.append(send("add", 0, 0))
        results[-1].get(WAIT)
    assert [r.get(WAIT) for r in results[:200]] == [2 * n for n in range(200)]
    worker.logged("connected to PostgreSQL again")
    held.free()
    assert running.get(WAIT) == 1
    assert {(r.job().attempt, r.job().crashes) for r in results} == {(1, 0)}
    assert "refused" not in worker.log, "no job ran twice"
    assert worker.process.poll() is None


@pytest.mark.sessions("sessions that began read-only stay so")
def test_a_server_that_takes_no_writes_is_not_written_to_and_no_outcome_is_lost(
    worker, send, lock, until, connection, database
):
    """What a worker meets on a primary that was demoted, until another is promoted."""
    held = lock(1)
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    name = conninfo_to_dict(database)["dbname"]
    connection.execute(f"alter database {name} set default_transaction_read_only = on")
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where application_name like 'pgqueue %%'"
    )
    worker.logged("no connection to PostgreSQL.*read-only")
    held.free()
    connection.execute(f"alter database {name} reset default_transaction_read_only")
    until(lambda: result.state == "SUCCESS")
    assert result.job().claim == 1
    assert "refused" not in worker.log


def test_a_revoked_running_job_ends_its_attempt_and_is_not_tried_again(worker, send, lock, until):
    held = lock(1)
    result = send("hold_and_fail", 1, max_retries=5)
    until(lambda: result.state == "STARTED")
    assert result.revoke()
    held.free()
    until(lambda: result.state == "REVOKED")
    assert result.job().attempt == 1


def test_a_revoked_waiting_job_never_runs(worker, send, log_table):
    result = send("log", "never", countdown=3600)
    assert result.revoke()
    assert result.state == "REVOKED"
    assert log_table() == []


def test_a_sigterm_to_the_whole_group_lets_running_jobs_end(worker, send, lock, until):
    """What a service manager does that tells every process of a service to stop."""
    held = lock(1)
    pid = send("who").get(WAIT)
    result = send("hold", 1)
    until(lambda: result.state == "STARTED")
    os.kill(pid, signal.SIGTERM)
    worker.signal(signal.SIGTERM)
    worker.logged("stopping")
    held.free()
    assert worker.ended() == 0
    assert (result.state, result.job().crashes) == ("SUCCESS", 0)
