"""A worker that cannot begin says what is wrong and what to do, and ends with status 1."""

from __future__ import annotations

import json

import pytest

from support.workers import Worker

WAIT = 30


def refusal(worker) -> str:
    assert worker.ended() == 1
    assert "Traceback" not in worker.log or "cannot be loaded" in worker.log
    return worker.log


def test_no_such_module(start_worker):
    log = refusal(start_worker(app="support.nothing"))
    assert "there is no module 'support.nothing'" in log


def test_no_application_in_the_module(start_worker):
    assert "has no PgQueue named 'app'" in refusal(start_worker(app="support.waiting"))


def test_a_module_that_raises_shows_where(start_worker):
    log = refusal(start_worker(app="support.broken"))
    assert "ZeroDivisionError" in log
    assert "broken.py" in log


def test_an_application_without_tasks(start_worker):
    assert "no task is registered" in refusal(start_worker(app="support.taskless"))


def test_a_database_that_was_not_migrated(empty_database, tmp_path):
    worker = Worker(empty_database, tmp_path / "log")
    assert "run 'pgq migrate'" in refusal(worker)


def test_a_database_that_cannot_be_reached(tmp_path):
    worker = Worker("postgresql://me:secret@127.0.0.1:1/none", tmp_path / "log")
    log = refusal(worker)
    assert "no connection to postgresql://me:***@127.0.0.1:1/none" in log
    assert "secret" not in log


def test_a_schedule_that_cannot_be_kept_is_told_in_a_line(start_worker):
    worker = start_worker(app="support.misdeclared")
    assert worker.ended() == 1
    assert worker.log == (
        "pgq: -A support.misdeclared cannot be loaded: schedule 'tidy': overlap='perhaps': give "
        "one of allow, skip, queue, replace\n"
    )


@pytest.mark.parametrize(
    ("app", "environment"),
    [("support.misspelt", {}), ("support.tasks", {"PGQUEUE_INCLUDE": "support.misspelt"})],
    ids=["the application's module", "a module with tasks"],
)
def test_a_line_about_what_is_wrong_names_the_place(start_worker, app, environment):
    worker = start_worker(app=app, environment=environment)
    assert worker.ended() == 1
    said = "crontab() has no argument minutes=; did you mean minute=? (support/misspelt.py, line 5)"
    assert worker.log.startswith("pgq: ")
    assert worker.log.endswith(f"{said}\n")
    assert worker.log.count("\n") == 1


@pytest.mark.parametrize("style", ["human", "json"])
def test_log_lines_are_one_event_each_with_the_traceback_of_what_failed(start_worker, send, style):
    worker = start_worker("--log-format", style).ready()
    job = send("stubborn", max_retries=1)
    with pytest.raises(Exception, match="route"):
        job.get(WAIT)
    (failed,) = worker.logged(r"stubborn.*failed at attempt 2")
    (retried,) = worker.logged(r"stubborn.*failed at attempt 1")
    if style == "json":
        event, retry = json.loads(failed), json.loads(retried)
        assert (event["level"], event["task"], event["attempt"]) == ("error", "stubborn", 2)
        assert (event["job"], event["queue"]) == (job.id, "default")
        assert event["exception"].startswith("Traceback (most recent call last):\n")
        assert (retry["level"], "exception" in retry) == ("info", False)
    else:
        assert " ERROR " in failed
        assert r"no\nroute" in failed
        lines = worker.lines
        after = lines[lines.index(failed) + 1 :]
        assert after[0] == "    Traceback (most recent call last):"
        assert any("in stubborn" in line for line in after)
        assert " INFO " in retried
        assert lines[lines.index(retried) + 1 : lines.index(failed)] == []


def test_two_workers_share_the_work_and_each_job_runs_once(start_worker, send, log_table):
    for _ in range(2):
        start_worker()
    results = [send("log", str(n)) for n in range(300)]
    for result in results:
        result.get(WAIT)
    assert sorted(log_table(), key=int) == [str(n) for n in range(300)]
