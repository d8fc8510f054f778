"""The listen connection: asks to be woken, hears it, and comes back when it is lost."""

from __future__ import annotations

import asyncio

import pytest

from pgqueue.worker.wakeup import Listener
from support.waiting import wait_for

GATE = (
    "select count(*) from pg_locks where locktype = 'advisory' and mode = 'ShareLock' and granted"
)


@pytest.fixture
def listening(database, connection):
    """Runs a coroutine function beside a listener that works."""

    def run(body, notify=None):
        async def main():
            async def default_notify():
                connection.execute("select pg_notify('pgqueue.control', '')")

            listener = Listener(database, "pgqueue", ["default"], notify or default_notify)
            serving = asyncio.create_task(listener.serve())
            try:
                return await body(listener)
            finally:
                serving.cancel()
                await listener.close()

        return asyncio.run(asyncio.wait_for(main(), 30))

    return run


async def until(fact):
    await asyncio.to_thread(wait_for, fact, "it")


@pytest.mark.sessions("nobody is woken")
def test_an_enqueue_wakes_a_listener_that_lies_down(listening, jobs):
    async def body(listener):
        await until(lambda: listener.works)
        woken = asyncio.Event()
        listener.on_jobs = woken.set
        assert await listener.lie_down()
        assert jobs.value(GATE) == 1
        jobs.add()
        await woken.wait()
        await listener.get_up()
        assert jobs.value(GATE) == 0

    listening(body)


@pytest.mark.sessions("nobody is woken")
def test_lying_down_twice_is_lying_down_once(listening, jobs):
    async def body(listener):
        await until(lambda: listener.works)
        return await listener.lie_down(), await listener.lie_down(), jobs.value(GATE)

    assert listening(body) == (True, False, 1)


@pytest.mark.sessions("nobody is woken")
def test_a_lost_connection_is_made_again_and_the_worker_looks(listening, jobs):
    async def body(listener):
        await until(lambda: listener.works)
        looked = asyncio.Event()
        listener.on_jobs = looked.set
        kill = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"
        jobs.value(kill, "pgqueue listen")
        await looked.wait()
        await until(lambda: listener.works)
        assert await listener.lie_down()

    listening(body)


def test_where_notifications_do_not_arrive_nobody_relies_on_them(listening, monkeypatch):
    monkeypatch.setattr("pgqueue.worker.wakeup.PATIENCE", 0.05)
    asked = asyncio.Event()

    async def swallowed():
        asked.set()

    async def body(listener):
        looked = asyncio.Event()
        listener.on_jobs = looked.set
        await looked.wait()
        return listener.works, await listener.lie_down()

    assert listening(body, swallowed) == (False, False)
