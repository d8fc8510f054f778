"""What becomes of a job, whatever its task does."""

from __future__ import annotations

import datetime

import pytest

from pgqueue import MaxRetriesExceededError, TaskFailed, operations

WAIT = 30


@pytest.fixture(scope="module")
def database(module_database):
    return module_database


@pytest.fixture(scope="module")
def worker(start_module_worker):
    return start_module_worker("--processes", "1", "-c", "4")


def test_a_sync_task_runs_and_its_result_comes_back(worker, send):
    assert send("add", 1, 2).get(WAIT) == 3


def test_an_async_task_runs_and_its_result_comes_back(worker, send):
    assert send("later", ["x"]).get(WAIT) == ["x"]


def test_values_of_the_closed_set_arrive_as_what_they_were(worker, send):
    day = datetime.date(2026, 2, 28)
    assert send("tomorrow", day).get(WAIT) == datetime.date(2026, 3, 1)


def test_a_job_enqueued_by_sql_runs(worker, connection, app):
    (job,) = connection.execute(
        """select pgqueue.enqueue('add', '{"args": [20], "kwargs": {"b": 22}}')"""
    ).fetchone()
    assert app.AsyncResult(job).get(WAIT) == 42


def test_a_task_knows_its_own_run(worker, send):
    result = send("about_me", 1, kwargs={"k": 2}, queue="default", headers={"trace": "t"})
    about = result.get(WAIT)
    assert about == {
        "id": result.id, "task": "about_me", "queue": "default", "args": [1], "kwargs": {"k": 2},
        "retries": 0, "claim": 1, "headers": {"trace": "t"}, "max_retries": 3,
    }  # fmt: skip


def test_retry_runs_the_same_job_again_and_keeps_every_error(worker, send, app):
    result = send("third_time")
    assert result.get(WAIT) == 2
    attempts = app.run(operations.attempts(result.id))
    assert [(a.attempt, a.error) for a in attempts] == [(1, "KeyError: 0"), (2, "KeyError: 1")]
    assert all("third_time" in a.traceback for a in attempts)
    assert result.job().error is None


def test_between_attempts_the_state_is_retry(worker, send, until):
    result = send("not_today")
    until(lambda: result.state == "RETRY")
    job = result.job()
    assert (job.state, job.attempt, job.failures) == ("queued", 1, 1)


def test_without_retries_left_and_without_a_cause_the_error_says_so(worker, send):
    with pytest.raises(TaskFailed, match=r"MaxRetriesExceededError.*was tried 1 times") as caught:
        send("once", max_retries=0).get(WAIT)
    assert caught.value.type.endswith(MaxRetriesExceededError.__name__)


def test_autoretry_gives_up_with_the_original_error(worker, send, app):
    result = send("stubborn")
    with pytest.raises(TaskFailed) as caught:
        result.get(WAIT)
    assert (caught.value.type, result.state) == ("ConnectionError", "FAILURE")
    assert caught.value.message == r"no\nroute"
    assert "in stubborn" in caught.value.traceback
    assert len(app.run(operations.attempts(result.id))) == 3


def test_max_retries_of_the_call_wins_over_the_task(worker, send, app):
    result = send("stubborn", max_retries=1)
    with pytest.raises(TaskFailed):
        result.get(WAIT)
    assert result.job().attempt == 2


@pytest.mark.parametrize("kind", ["set", "nan", "nul", "surrogate"])
def test_a_result_that_json_cannot_hold_fails_its_job_and_says_which(worker, send, kind):
    with pytest.raises(TaskFailed, match="result") as caught:
        send("return_this", kind).get(WAIT)
    assert caught.value.type.endswith("InvalidPayload")


@pytest.mark.parametrize("text", ["nul \x00", "lone \ud800", "two\nlines", "\x1e\x1f", "x" * 10**6])
def test_any_error_text_can_be_stored_and_read(worker, send, connection, text):
    job = connection.execute("select pgqueue.uuid7()").fetchone()[0]
    # The payload cannot carry such a text, so the task makes it from its codes.
    result = send("raise_codes", [ord(c) for c in text[:10]], len(text), task_id=job)
    with pytest.raises(TaskFailed, match="ValueError"):
        result.get(WAIT)
    assert "\n" not in result.job().error


def test_an_exception_whose_str_raises_fails_its_job_only(worker, send):
    with pytest.raises(TaskFailed, match="Odd"):
        send("unprintable_error").get(WAIT)
    assert send("add", 1, 1).get(WAIT) == 2


def test_a_payload_that_cannot_be_decoded_fails_its_own_job(worker, send, connection, app):
    deep = "[" * 3000 + "]" * 3000
    (job,) = connection.execute(
        "select pgqueue.enqueue('add', jsonb_build_object('args', %s::jsonb))", [f"[{deep}, 1]"]
    ).fetchone()
    beside = [send("add", n, n) for n in range(20)]
    with pytest.raises(TaskFailed, match="InvalidPayload"):
        app.AsyncResult(job).get(WAIT)
    assert [result.get(WAIT) for result in beside] == [2 * n for n in range(20)]


def test_arguments_that_do_not_fit_fail_their_job(worker, send):
    with pytest.raises(TaskFailed, match="TypeError"):
        send("add", 1).get(WAIT)


def test_a_forgotten_job_leaves_no_row(worker, send):
    result = send("add", 1, 2)
    result.get(WAIT)
    assert result.forget()
    assert result.job() is None
    assert result.state == "PENDING"


def test_a_job_that_never_expires_stops_nobody(worker, send, connection, app):
    (job,) = connection.execute(
        """select pgqueue.enqueue('add', '{"args": [1, 2]}', expires => 'infinity')"""
    ).fetchone()
    assert send("add", 1, 1).get(WAIT) == 2
    assert app.AsyncResult(job).get(WAIT) == 3


def test_max_retries_none_means_for_ever_whatever_the_task_says(worker, send):
    about = send("about_me", max_retries=None).get(WAIT)
    assert about["max_retries"] is None
