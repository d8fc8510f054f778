"""Time limits: a run that takes too long is asked to end, or made to, and nobody else notices."""

from __future__ import annotations

import contextlib
import os
import time

import pytest

from pgqueue import TaskFailed, TimeLimitExceeded
from support.limited import HANGING
from support.workers import processes_marked

WAIT = 60


@pytest.fixture
def worker(start_worker):
    """A worker with one process of four slots, ready."""
    return start_worker("--processes", "1", "-c", "4", app="support.limited").ready()


def assert_killed(result):
    with pytest.raises(TimeLimitExceeded) as caught:
        result.get(WAIT)
    assert caught.value.type == "TimeLimitExceeded"
    job = result.job()
    assert (job.state, job.attempt, job.crashes, job.claim) == ("failed", 1, 0, 1)


# ── hard ──


def test_a_hard_limit_ends_whatever_a_task_does(worker, send):
    """In C code that holds the interpreter, in the kernel, and in a task that catches all."""
    results = [send("hang", how, time_limit=0.3) for how in HANGING]
    for result in results:
        assert_killed(result)
    assert send("who").get(WAIT)


def test_a_coroutine_is_killed_too(worker, send):
    assert_killed(send("ahang", time_limit=0.3))


def test_only_the_job_over_its_limit_is_affected(worker, send, lock, until):
    """Neither its neighbours in slots, nor another job with a limit, nor their processes."""
    held = lock(1)
    shared, other = send("hold", 1), send("hold", 1, time_limit=60)
    until(lambda: (shared.state, other.state) == ("STARTED", "STARTED"))
    before = send("who").get(WAIT)
    assert_killed(send("hang", "sleep", time_limit=0.3))
    held.free()
    assert shared.get(WAIT) == before == send("who").get(WAIT)
    assert other.get(WAIT) != before
    assert {(r.job().claim, r.job().crashes) for r in (shared, other)} == {(1, 0)}
    assert "refused" not in worker.log


def test_a_task_has_a_limit_and_a_call_another_one(worker, send):
    short, long = send("hang_briefly"), send("hang_briefly", time_limit=60)
    assert_killed(short)
    assert long.get(WAIT) == "done"


def test_a_worker_has_limits_for_tasks_that_have_none(start_worker, send):
    start_worker("-c", "2", "--time-limit", "0.3", app="support.limited")
    short, own = send("hang", "sleep"), send("hang_briefly", time_limit=60)
    assert_killed(short)
    assert own.get(WAIT) == "done"


def test_a_killed_job_is_not_tried_again(worker, send):
    assert_killed(send("retry_anything"))


def test_the_time_begins_when_the_run_does(start_worker, send, monkeypatch):
    """Not while the process in which it is to be alone is being started."""
    monkeypatch.setenv("SLOW_START", "1.5")
    start_worker("--processes", "1", "-c", "1", app="support.limited").ready()
    assert send("who", time_limit=1).get(WAIT)


def test_a_process_for_jobs_with_limits_is_kept_warm(worker, send):
    pids = {send("who", time_limit=60).get(WAIT) for _ in range(5)}
    assert len(pids) == 1
    assert pids != {send("who").get(WAIT)}


def test_as_many_jobs_run_at_once_as_there_are_slots_limited_or_not(worker, send, lock, until):
    held = lock(1)
    jobs = [send("hold", 1, **limit) for limit in ({}, {"time_limit": 60}) for _ in range(4)]
    until(lambda: sum(job.state == "STARTED" for job in jobs) == 4)
    held.free()
    assert len({job.get(WAIT) for job in jobs}) >= 2
    assert {job.job().crashes for job in jobs} == {0}


def test_what_a_killed_task_has_started_is_gone_soon(worker, send, until):
    """Also what has left its process group and session."""
    result = send("spread", time_limit=2)
    until(lambda: result.state == "STARTED")
    pid = os.getpid()

    def started():
        return {p for p in processes_marked(worker.process.pid) if p != pid}

    calm = send("who").get(WAIT)
    until(lambda: len(started() - {calm}) >= 5, "the task's processes")
    assert_killed(result)
    began = time.monotonic()
    until(lambda: started() == {calm}, "their end")
    assert time.monotonic() - began < 10


def test_a_job_that_ends_at_its_limit_ends_one_way(worker, send):
    """Whoever is first, the task or its killer: no outcome is written twice, and none is lost."""
    jobs = [send("about", 0.05 + n * 0.001) for n in range(-10, 10)]
    for job in jobs:
        with contextlib.suppress(TimeLimitExceeded):
            assert job.get(WAIT) == "in time"
        assert (job.job().claim, job.job().crashes) == (1, 0)
    assert "refused" not in worker.log


def test_the_hard_limit_ends_a_task_that_does_not_listen_to_the_soft_one(worker, send):
    assert_killed(send("hang", "swallow", soft_time_limit=0.2, time_limit=0.6))


def test_a_worker_has_soft_limits_too(start_worker, send):
    start_worker("-c", "1", "--soft-time-limit", "0.3", app="support.limited")
    with pytest.raises(TaskFailed, match="SoftTimeLimitExceeded"):
        send("hang", "sleep").get(WAIT)


def test_limits_can_be_given_in_sql(worker, connection, app):
    (job,) = connection.execute(
        """select pgqueue.enqueue('hang', '{"args": ["sleep"]}',
                                  headers => '{"pgqueue": {"time_limit": 0.3}}')"""
    ).fetchone()
    assert_killed(app.AsyncResult(job))
