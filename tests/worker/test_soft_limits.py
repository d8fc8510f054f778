"""Soft time limits: a run that takes too long is told so, and may still end well."""

from __future__ import annotations

import time

import pytest

from pgqueue import TaskFailed, TimeLimitExceeded
from support.limited import HANGING

WAIT = 60


@pytest.fixture(scope="module")
def database(module_database):
    return module_database


@pytest.fixture(scope="module")
def worker(start_module_worker):
    return start_module_worker("--processes", "1", "-c", "4", app="support.limited")


#: What raises no exception until it is over.
DEAF = {"hold the interpreter", "regular expression", "swallow"}


@pytest.mark.parametrize("how", sorted(HANGING.keys() - DEAF))
def test_a_soft_limit_raises_in_whatever_a_task_waits_for(worker, send, how):
    saved = send("save", how).get(WAIT)
    assert saved == "saved: the task runs for longer than its soft time limit of 0.3 s"


def test_a_soft_limit_raises_in_a_coroutine_where_it_waits(worker, send):
    assert "soft time limit of 0.3 s" in send("asave").get(WAIT)


@pytest.mark.parametrize(("task", "args"), [("hang", ["sleep"]), ("ahang", [])])
def test_a_task_that_lets_it_pass_fails_with_it(worker, send, task, args):
    result = send(task, *args, soft_time_limit=0.3)
    with pytest.raises(TaskFailed, match="longer than its soft time limit") as caught:
        result.get(WAIT)
    assert caught.value.type == "pgqueue.errors.SoftTimeLimitExceeded"
    assert not isinstance(caught.value, TimeLimitExceeded)


def test_it_can_be_retried_like_any_error(worker, send):
    assert send("retry_soft").get(WAIT) == 1


def test_a_run_that_ends_in_time_hears_nothing_of_it_nor_does_the_next_one(worker, send):
    for _ in range(3):
        assert send("who", soft_time_limit=0.2).get(WAIT)
    time.sleep(0.3)  # past what would ring, if anything did
    assert send("who", soft_time_limit=60).get(WAIT)


def test_coroutines_with_a_soft_limit_share_a_process(worker, send):
    assert len({send("awho", soft_time_limit=60).get(WAIT), send("who").get(WAIT)}) == 1


def test_a_run_knows_its_limits_and_its_headers_are_its_callers(worker, send):
    assert send("limits").get(WAIT) == [60, 50, {}]
    called = send("limits", soft_time_limit=5, headers={"t": 1})
    assert called.get(WAIT) == [60, 5, {"t": 1}]


def test_limits_that_are_none_fail_their_job_and_say_why(worker, connection, app):
    (job,) = connection.execute(
        """select pgqueue.enqueue('who', headers => '{"pgqueue": {"time_limit": "soon"}}')"""
    ).fetchone()
    with pytest.raises(TaskFailed, match="time_limit='soon'"):
        app.AsyncResult(job).get(WAIT)
