"""Stopping in two stages: running jobs may end, what has not begun goes back uncharged."""

from __future__ import annotations

import os
import pty
import signal
import socket
import time
from pathlib import Path

import pytest

from support.databases import outage
from support.workers import Worker, process_exists

WAIT = 30
#: A worker that is started like this waits much longer than a test does.
ENDLESS = ("--grace", "600")


@pytest.fixture
def begun(connection, until):
    """Waits until a task waits for the lock that the test holds: so the worker knows it runs."""
    waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
    return lambda: until(lambda: connection.execute(waiting).fetchone()[0], "a task that waits")


def test_a_stopping_worker_lets_running_jobs_end(worker, send, lock, begun):
    held = lock(1)
    result = send("hold", 1)
    begun()
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
    job = later.job()  # a claim that was under way gives back what it brings
    assert (job.state, job.attempt) == ("queued", 0)


def test_after_the_grace_running_jobs_go_back_uncharged(start_worker, send, lock, begun):
    held = lock(1)
    worker = start_worker("--grace", "0.2").ready()
    result = send("hold", 1)
    begun()
    assert worker.stop() == 0
    job = result.job()
    assert (job.state, job.attempt, job.crashes, job.claim) == ("queued", 0, 0, 1)
    held.free()


def test_a_second_signal_stops_at_once_and_gives_back(worker, send, lock, begun):
    held = lock(1)
    result = send("hold", 1)
    begun()
    worker.signal(signal.SIGINT)
    worker.logged("stopping: no new claims")
    worker.signal(signal.SIGINT)
    assert worker.ended() == 0
    job = result.job()
    assert (job.state, job.attempt) == ("queued", 0)
    held.free()


def test_stopping_under_load_again_and_again_runs_every_job_once(
    start_worker, app, jobs, log_table
):
    """Whoever restarts workers all day long."""
    number = 1500
    log = app.task(name="log")(lambda text: text)  # known to send it
    app.enqueue_many(log.s(str(n)) for n in range(number))
    states = "select concat_ws(' ', state, attempt, crashes), count(*) from pgqueue.jobs group by 1"
    done = "select count(*) from log"
    stops = 0
    while jobs.value(done) < number:
        before = jobs.value(done)
        worker = start_worker("--processes", "2", "-c", "16", *ENDLESS).ready()
        while before + 400 > jobs.value(done) < number:
            time.sleep(0.002)
        assert worker.stop() == 0
        found = dict(jobs.connection.execute(states).fetchall())
        assert found.keys() <= {"queued 0 0", "succeeded 1 0"}
        assert sum(found.values()) == number
        assert found["succeeded 1 0"] == jobs.value(done)
        stops += 1
    assert stops > 1
    assert sorted(map(int, log_table())) == list(range(number))


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


def test_a_worker_is_stopped_while_its_application_is_imported(
    start_worker, tmp_path, monkeypatch, until
):
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.setenv("TEST_FIFO", str(tmp_path / "fifo"))
    worker = start_worker("--health-port", "0", *ENDLESS, app="support.late")
    worker.logged("answering")
    until(lambda: children(worker), "a child")
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0
    assert "Traceback" not in worker.log


def test_a_worker_is_stopped_while_it_connects_to_a_server_that_does_not_answer(tmp_path, until):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(WAIT)
        dsn = f"host=127.0.0.1 port={silent.getsockname()[1]} dbname=x user=x"
        worker = Worker(dsn, tmp_path / "log", "--processes", "1", *ENDLESS)
        try:
            with silent.accept()[0]:
                worker.signal(signal.SIGTERM)
                assert worker.ended() == 0
        finally:
            worker.destroy()
    assert "Traceback" not in worker.log


@pytest.mark.sessions("nobody lies down")
def test_an_idle_worker_is_stopped_while_it_lies(worker, connection, until):
    gates = "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock'"
    until(lambda: connection.execute(gates).fetchone()[0], "it to lie down")
    assert worker.stop() == 0


@pytest.mark.sessions("it is the pooler that loses its connections")
def test_a_worker_with_nothing_in_hand_does_not_wait_for_a_database_that_is_away(
    start_worker, server, database
):
    worker = start_worker("--processes", "1", *ENDLESS).ready()
    with outage(server, database):
        worker.logged("no connection to PostgreSQL")
        assert worker.stop() == 0
    assert "cannot be given back" not in worker.log


@pytest.mark.sessions("it is the pooler that loses its connections")
def test_outcomes_are_kept_for_the_grace_while_the_database_is_away(
    start_worker, send, until, server, database, tmp_path
):
    """Longer than a worker tries that has nothing to lose."""
    haste = {"supervisor FAREWELL": 0.1, "control QUIET": 2.0}
    worker = start_worker("--processes", "1", *ENDLESS, patches=haste).ready()
    os.mkfifo(tmp_path / "go")
    result = send("wait_for_file", str(tmp_path / "go"))
    until(lambda: result.state == "STARTED")
    with outage(server, database):
        worker.logged("no connection to PostgreSQL")
        worker.signal(signal.SIGTERM)
        worker.logged("stopping")
        (tmp_path / "go").write_text("on")
        worker.logged("no connection to PostgreSQL", times=2)  # which is said every two seconds
    assert worker.ended() == 0
    assert (result.state, result.job().claim) == ("SUCCESS", 1)


def children(worker):
    pid = worker.process.pid
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_second_signal_ends_tasks_that_let_nobody_in_and_gives_back_what_waits(
    start_worker, send, jobs, until
):
    worker = start_worker("--processes", "2", "-c", "4", *ENDLESS).ready()
    held = [send("hog", 600), send("spin", 600), send("ignore_everything"), send("ahold_for", 600)]
    until(lambda: all(result.state == "STARTED" for result in held))
    rest = [send("add", n, n) for n in range(500)]
    worker.signal(signal.SIGTERM)
    worker.logged("stopping: no new claims")
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0
    took = time.monotonic() - began
    assert took < 10  # promised: 1, on a machine that is not busy
    states = "select state::text, attempt, crashes from pgqueue.jobs where task <> 'add'"
    assert set(jobs.connection.execute(states).fetchall()) == {("queued", 0, 0)}
    states = "select state::text || attempt from pgqueue.jobs where task = 'add'"
    assert {s for (s,) in jobs.connection.execute(states).fetchall()} <= {"queued0", "succeeded1"}
    assert len(rest) == jobs.value("select count(*) from pgqueue.jobs where task = 'add'")


def test_after_the_grace_a_task_that_holds_the_interpreter_goes_back_with_what_waits_behind_it(
    start_worker, send, jobs, until
):
    worker = start_worker("--processes", "1", "-c", "1", "--grace", "0.5").ready()
    result = send("hog", 600)
    until(lambda: result.state == "STARTED")
    assert worker.stop() == 0
    job = result.job()
    assert (job.state, job.attempt, job.crashes) == ("queued", 0, 0)


def test_sigquit_is_both_stages_at_once(start_worker, send, lock, begun):
    worker = start_worker("--processes", "1", *ENDLESS).ready()
    lock(1)
    result = send("hold", 1)
    begun()
    worker.signal(signal.SIGQUIT)
    assert worker.ended() == 0
    assert (result.job().state, result.job().attempt) == ("queued", 0)
    assert "stopping at once: 1 jobs" in worker.log


def test_sighup_stops_as_sigterm_does(worker, send, lock, begun):
    held = lock(1)
    result = send("hold", 1)
    begun()
    worker.signal(signal.SIGHUP)
    worker.logged("stopping: no new claims")
    held.free()
    assert worker.ended() == 0
    assert result.state == "SUCCESS"


def test_under_nohup_sighup_does_nothing(start_worker, send):
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    worker = start_worker("--processes", "1", prelude=ignore).ready()
    worker.signal(signal.SIGHUP)
    assert send("add", 1, 2).get(WAIT) == 3
    assert worker.stop() == 0
    assert worker.log.count("stopping") == 1


@pytest.fixture
def terminal(start_worker):
    """A worker in the foreground of a terminal, and the person's end of it."""
    person, machine = pty.openpty()
    foreground = f"import os; os.setsid(); os.open({os.ttyname(machine)!r}, os.O_RDWR)\n"
    ends = [person, machine]
    worker = start_worker("--processes", "1", *ENDLESS, prelude=foreground).ready()
    yield worker, ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize(
    ("keys", "said"),
    [(b"\x03", "stopping: no new claims"), (b"\x1c", "stopping at once")],
    ids=["ctrl-c", "ctrl-backslash"],
)
def test_keys_of_a_terminal_reach_the_worker_and_none_of_its_tasks(
    terminal, send, lock, begun, keys, said
):
    worker, (person, _) = terminal
    held = lock(1)
    result = send("hold", 1)
    begun()
    os.write(person, keys)
    worker.logged(said)
    held.free()
    assert worker.ended() == 0
    job = result.job()
    assert (job.state, job.attempt) in {("succeeded", 1), ("queued", 0)}
    assert job.crashes == 0


def test_a_terminal_that_is_closed_stops_a_worker_with_grace(terminal, send, lock, begun):
    worker, ends = terminal
    held = lock(1)
    result = send("hold", 1)
    begun()
    for end in (ends.pop(), ends.pop()):
        os.close(end)
    worker.logged("stopping: no new claims")
    held.free()
    assert worker.ended() == 0
    assert result.state == "SUCCESS"


def test_a_worker_ends_on_a_second_signal_although_the_database_is_away(
    worker, send, lock, begun, server, database
):
    lock(1)
    send("hold", 1)
    begun()
    with outage(server, database):
        worker.logged("no connection to PostgreSQL")
        worker.signal(signal.SIGTERM)
        worker.logged("stopping")
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
    worker.logged("jobs cannot be given back")
