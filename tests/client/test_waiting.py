"""Waiting for results: woken by a notification, one connection for all who wait."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from pgqueue import PgQueue, ResultTimeout, TaskFailed, TaskRevokedError, waiting
from support.waiting import wait_for

WAIT = 30
GATE = (
    "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and granted"
)


@pytest.fixture
def no_polls(monkeypatch):
    """Nobody looks again by himself after the first time."""
    monkeypatch.setattr(waiting, "POLL_FIRST", 3600.0)
    monkeypatch.setattr(waiting, "POLL_LAST", 3600.0)


@pytest.mark.usefixtures("no_polls")
def test_a_finished_job_is_returned_at_once(app, jobs, worker):
    job = jobs.finished(worker, result='{"a": [1]}')
    assert app.AsyncResult(job).get(WAIT) == {"a": [1]}


@pytest.mark.usefixtures("no_polls")
@pytest.mark.sessions("nobody is woken")
def test_a_finish_wakes_whoever_waits(app, jobs, worker):
    claimed = jobs.running(worker)
    with ThreadPoolExecutor() as threads:
        waits = [threads.submit(app.AsyncResult(claimed.id).get, WAIT) for _ in range(3)]
        wait_for(lambda: jobs.value(GATE) == 1, "the waiter to lie down")
        # A poll that found nothing is over once the connection is idle.
        looked = (
            "select count(*) from pg_stat_activity where application_name = 'pgqueue' "
            "and state = 'idle' and query like '%%finished_at >=%%'"
        )
        wait_for(lambda: jobs.value(looked) == 1, "the first look")
        jobs.finish(claimed, result="42")
        assert [wait.result(WAIT) for wait in waits] == [42, 42, 42]


def test_a_coroutine_waits_without_blocking_its_loop(app, jobs, worker):
    claimed = jobs.running(worker)

    async def both():
        waiting_for_it = asyncio.create_task(app.AsyncResult(claimed.id).aget(WAIT))
        await asyncio.to_thread(jobs.finish, claimed, result='"done"')
        return await waiting_for_it

    assert asyncio.run(both()) == "done"


@pytest.mark.sessions("nobody is woken")
def test_many_who_wait_share_one_connection(app, jobs, worker):
    claimed = [jobs.running(worker) for _ in range(20)]
    with ThreadPoolExecutor(20) as threads:
        waits = [threads.submit(app.AsyncResult(job.id).get, WAIT) for job in claimed]
        wait_for(lambda: jobs.value(GATE) == 1, "the waiter to lie down")
        count = "select count(*) from pg_stat_activity where application_name = 'pgqueue'"
        assert jobs.value(count) == 1
        jobs.finish(*claimed, result="1")
        assert [wait.result(WAIT) for wait in waits] == [1] * 20


def test_nobody_asks_for_notifications_once_nobody_waits(app, jobs, worker):
    app.AsyncResult(jobs.finished(worker)).get(WAIT)
    wait_for(lambda: jobs.value(GATE) == 0, "the lock to be given back")


def test_a_wait_that_is_too_long_says_how_to_look(app, jobs):
    job = jobs.add()
    with pytest.raises(ResultTimeout, match=rf"had not finished after 0 s.*pgq jobs show {job}"):
        app.AsyncResult(job).get(timeout=0)
    with pytest.raises(TimeoutError):
        asyncio.run(app.AsyncResult(job).aget(timeout=0))


def test_a_failure_is_raised_with_its_class_text_and_traceback(app, jobs, worker):
    job = jobs.finished(worker, "failed", error="shop.Sold: 3 left: 0", traceback="at line 1")
    with pytest.raises(TaskFailed) as caught:
        app.AsyncResult(job).get(WAIT)
    assert (caught.value.type, caught.value.message) == ("shop.Sold", "3 left: 0")
    assert caught.value.traceback == "at line 1"


def test_a_cancelled_job_raises_that_it_was_revoked(app, jobs):
    result = app.AsyncResult(jobs.add())
    assert result.revoke()
    with pytest.raises(TaskRevokedError, match="cancelled"):
        result.get(WAIT)


@pytest.mark.sessions("nobody is woken")
def test_a_waiter_outlives_its_connection(app, jobs, worker):
    claimed = jobs.running(worker)
    with ThreadPoolExecutor() as threads:
        wait = threads.submit(app.AsyncResult(claimed.id).get, WAIT)
        wait_for(lambda: jobs.value(GATE) == 1, "the waiter to lie down")
        jobs.value("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory'")
        jobs.finish(claimed, result="1")
        assert wait.result(WAIT) == 1


def test_a_connection_that_goes_silent_is_given_up_and_the_result_comes_over_another(
    proxy, jobs, worker, monkeypatch
):
    monkeypatch.setattr(waiting, "PATIENCE", 0.3)
    claimed = jobs.running(worker)
    app = PgQueue(dsn=proxy.address)
    with ThreadPoolExecutor() as threads:
        wait = threads.submit(app.AsyncResult(claimed.id).get, WAIT)
        wait_for(lambda: jobs.value(GATE) == 1, "the waiter to lie down")
        proxy.silence()
        jobs.finish(claimed, result="42")
        proxy.speak()
        assert wait.result(WAIT) == 42
    app.close()
