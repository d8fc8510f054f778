"""A soft limit raises in its block, once, and never after it."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
import time

import pytest

from pgqueue import SoftTimeLimitExceeded
from pgqueue.worker.alarms import SIGNAL, Alarm, until

MESSAGE = "longer than its soft time limit of 0.05 s"
LONG = 60


@pytest.fixture(autouse=True)
def handler_is_put_back():
    before = signal.getsignal(SIGNAL)
    yield
    signal.signal(SIGNAL, before)


def receive():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.recv(1)


@pytest.mark.parametrize("wait", [lambda: time.sleep(LONG), receive, threading.Event().wait])
def test_it_ends_what_the_main_thread_waits_for(wait):
    with pytest.raises(SoftTimeLimitExceeded, match=MESSAGE), Alarm(0.05):
        wait()


def test_it_raises_once():
    with Alarm(0.05):
        with pytest.raises(SoftTimeLimitExceeded):
            time.sleep(LONG)
        os.kill(os.getpid(), SIGNAL)
        time.sleep(0)


def test_what_comes_after_the_block_is_nobodys():
    with Alarm(LONG):
        pass
    os.kill(os.getpid(), SIGNAL)
    time.sleep(0)


def test_a_thread_goes_without(caplog):
    def run():
        with Alarm(0.01):
            time.sleep(0.05)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert "cannot be kept in a thread" in caplog.text


def run(coroutine, seconds=0.05):
    async def main():
        try:
            return await until(seconds, coroutine)
        finally:
            assert asyncio.current_task().cancelling() == 0

    return asyncio.run(main())


def test_a_coroutine_may_catch_it_and_go_on_waiting():
    async def task():
        try:
            await asyncio.sleep(LONG)
        except SoftTimeLimitExceeded:
            await asyncio.sleep(0.01)
            return "saved"

    assert run(task()) == "saved"


def test_what_runs_in_a_group_or_beside_is_cancelled():
    inner = []

    async def grouped():
        async with asyncio.TaskGroup() as group:
            inner.append(group.create_task(asyncio.sleep(LONG)))

    async def gathered():
        inner.append(asyncio.ensure_future(asyncio.sleep(LONG)))
        await asyncio.gather(*inner)

    for task in (grouped, gathered):
        with pytest.raises(SoftTimeLimitExceeded, match=MESSAGE):
            run(task())
        assert inner.pop().cancelled()


def test_a_timeout_of_its_own_stays_a_timeout():
    async def task():
        async with asyncio.timeout(0.01):
            await asyncio.sleep(LONG)

    with pytest.raises(TimeoutError):
        run(task(), seconds=LONG)


def test_a_cancellation_by_others_stays_one():
    async def task():
        asyncio.current_task().cancel()
        await asyncio.sleep(LONG)

    async def main():
        with pytest.raises(asyncio.CancelledError) as caught:
            await until(LONG, task())
        assert not isinstance(caught.value, SoftTimeLimitExceeded)
        asyncio.current_task().uncancel()

    asyncio.run(main())


def test_results_and_errors_pass():
    async def task(fail):
        await asyncio.sleep(0)
        if fail:
            raise ValueError("no")
        return 42

    assert run(task(fail=False)) == 42
    with pytest.raises(ValueError, match="no"):
        run(task(fail=True))
