"""A worker's signals, in its children: what prepares a process in each, the worker's own in one."""

from __future__ import annotations

import json
import signal

import pytest

from support.workers import is_running

WAIT = 60
BEGIN = ["celeryd_init", "worker_init", "celeryd_after_setup", "worker_process_init"]


@pytest.fixture
def said(connection):
    """What was said so far: `said()` are (pid, name) in order, `said.about(name)` the first's."""
    connection.execute(
        "create table said (number bigserial primary key, pid int, thread text, name text, "
        "about jsonb)"
    )

    def said(*names):
        rows = connection.execute("select pid, name from said order by number").fetchall()
        return [row for row in rows if not names or row[1] in names]

    def about(name):
        query = "select about from said where name = %s order by number limit 1"
        return connection.execute(query, [name]).fetchone()[0]

    def by_process():
        found: dict[int, list[str]] = {}
        for pid, name in said():
            found.setdefault(pid, []).append(name)
        return found

    said.about, said.by_process = about, by_process
    return said


@pytest.fixture
def start(start_worker, said):
    """Starts a worker of the application that notes."""

    def start(*options, **environment):
        options = ("--processes", "2", "-c", "2", "-n", "w1", *options)
        return start_worker(*options, app="support.signalled", environment=environment).ready()

    return start


def test_each_process_begins_and_ends_and_one_speaks_for_the_worker(start, said, send, until):
    worker = start()
    until(lambda: len(said("worker_process_init")) == 2)
    until(lambda: said("worker_ready"))
    assert worker.stop() == 0
    processes = list(said.by_process().values())
    assert len(processes) == 2
    before = ["import_modules", "on_after_finalize", *BEGIN]
    after = ["worker_process_shutdown"]
    own = ["worker_ready", "worker_shutting_down", "worker_shutdown"]
    assert sorted(processes, key=len) == [[*before, *after], [*before, *own, *after]]


def test_what_they_are_told(start, said, until):
    worker = start("--time-limit", "600")
    until(lambda: said("worker_ready"))
    worker.signal(signal.SIGINT)
    assert worker.ended() == 0
    for name in ("worker_init", "worker_ready", "worker_shutdown"):
        assert said.about(name)["sender"] in (["w1", "1", 1], ["w1", "2", 1])
    assert said.about("worker_process_init") == {"sender": "w1"}
    about = said.about("worker_process_shutdown")
    assert about.pop("pid") in said.by_process()
    assert about == {"sender": "w1", "exitcode": 0}
    shutting_down = {"sender": "w1", "sig": "SIGINT", "how": "Warm", "exitcode": 0}
    assert said.about("worker_shutting_down") == shutting_down
    about = said.about("celeryd_init")
    assert about["sender"] == "w1"
    assert about["instance"][0] == "w1"
    assert about["options"] == "dict"
    assert said.about("import_modules") == {"sender": "PgQueue"}


def test_a_job_finds_its_process_prepared(start, said, send):
    start()
    pid = send("who").get(WAIT)
    assert said.by_process()[pid][2:6] == BEGIN


def test_a_process_of_its_own_begins_and_ends_like_the_others(start, said, send):
    worker = start()
    pid = send("who", time_limit=60).get(WAIT)
    assert said.by_process()[pid][2:] == BEGIN
    assert worker.stop() == 0
    assert said.by_process()[pid][6:] == ["worker_process_shutdown"]


def test_successors_begin_and_end_but_the_worker_is_ready_once(start, said, send, until):
    worker = start("--processes", "1", "-c", "1", "--max-tasks-per-child", "2")
    until(lambda: said("worker_ready"))
    pids = {send("who").get(WAIT) for _ in range(7)}
    assert len(pids) >= 4
    assert worker.stop() == 0
    by_process = said.by_process()
    assert pids <= by_process.keys()
    assert len(said("worker_ready")) == len(said("worker_shutdown")) == 1
    assert [pid for pid, _ in said("worker_shutdown")] != [pid for pid, _ in said("worker_ready")]
    for pid in pids:
        assert by_process[pid][2:6] == BEGIN
        assert by_process[pid][-1] == "worker_process_shutdown"
        assert by_process[pid].count("worker_process_shutdown") == 1


def test_a_worker_that_ends_at_once_tells_nobody(start, said, send, until):
    worker = start()
    until(lambda: said("worker_ready"))
    napping = send("nap", 3600)
    until(lambda: napping.state == "STARTED")
    worker.signal(signal.SIGQUIT)
    assert worker.ended() == 0
    assert not said("worker_shutting_down", "worker_shutdown", "worker_process_shutdown")


def test_it_is_ready_and_works_while_a_receiver_takes_its_time(start, said, send, until):
    start("--processes", "1", "-c", "1", SLOW="worker_ready")
    until(lambda: said("worker_ready"))
    assert send("who").get(WAIT) in said.by_process()


def test_a_receiver_that_does_not_return_is_not_waited_for_longer_than_the_grace(
    start, said, until
):
    worker = start("--grace", "1", SLOW="worker_process_shutdown")
    until(lambda: len(said("worker_process_init")) == 2)
    assert worker.stop() == 0
    assert not any(is_running(pid) for pid in said.by_process())


@pytest.mark.parametrize("name", ["worker_init", "worker_ready", "worker_process_shutdown"])
def test_receivers_that_raise_are_logged_and_the_worker_works(start, said, send, until, name):
    worker = start("--processes", "1", "-c", "1", BROKEN=name)
    assert send("who").get(WAIT) in said.by_process()
    until(lambda: said("worker_ready"))
    assert worker.stop() == 0
    worker.logged(rf"{name}: receiver .*raised")
    assert "a receiver is broken" in worker.log


def test_signals_around_a_run_are_sent_in_its_process(start, said, send):
    start(RUNS="1")
    job = send("who")
    pid = job.get(WAIT)
    runs = said("task_prerun", "task_success", "task_postrun")
    assert runs == [(pid, "task_prerun"), (pid, "task_success"), (pid, "task_postrun")]
    assert said.about("task_postrun")["task_id"] == str(job.id)
    assert said.about("task_postrun")["state"] == "SUCCESS"


# ── what tasks log ──


def test_a_task_logs_in_which_run_it_is_and_other_loggers_only_where_fields_are(start, send):
    worker = start("-l", "info")
    job, later = send("log_this", "hello"), send("alog_this", "later")
    job.get(WAIT)
    later.get(WAIT)
    worker.logged(rf"INFO    w1/\d       log_this\[{job.id}\] hello$")
    worker.logged(r"INFO    w1/\d       plainly hello$")
    worker.logged(rf"alog_this\[{later.id}\] later$")
    worker.logged(rf"alog_this\[{later.id}\] later in a thread$")


def test_as_json_every_line_of_a_run_says_which_it_is(start, send):
    worker = start("--log-format", "json")
    job = send("log_this", "hello")
    job.get(WAIT)
    for text in ('"hello"', '"plainly hello"'):
        (line,) = worker.logged(f'"message": {text}')
        said = json.loads(line)
        assert (said["job"], said["task"]) == (str(job.id), "log_this")
