"""A connection that goes silent is given up in time; the last ones are left to those in need."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from pgqueue import operations
from pgqueue.worker.control import Control, Disconnected
from pgqueue.worker.wakeup import Listener
from support.waiting import wait_for

LISTENERS = "select count(*) from pg_stat_activity where application_name = 'pgqueue listen'"


@pytest.fixture
def serving(connection):
    """Runs a coroutine function beside a listener that serves."""

    def run(dsn, body, **options):
        async def notify():
            connection.execute("select pg_notify('pgqueue.control', '')")

        async def main():
            options.setdefault("notify", notify)
            listener = Listener(dsn, "pgqueue", ["default"], **options)
            task = asyncio.create_task(listener.serve())
            try:
                await body(listener)
                assert not task.done()
            finally:
                while not task.done():  # wait_for of Python 3.11 can swallow a cancellation
                    task.cancel()
                    await asyncio.wait([task], timeout=0.1)
                await listener.close()

        asyncio.run(asyncio.wait_for(main(), 60))

    return run


async def until(fact, what="it"):
    await asyncio.to_thread(wait_for, fact, what, 30)


def test_a_control_connection_that_goes_silent_is_made_again(proxy, monkeypatch):
    monkeypatch.setattr("pgqueue.worker.control.PATIENCE", 0.3)

    async def main():
        control = Control(proxy.address, "pgqueue", "test")
        await control.connect()
        proxy.silence()
        with pytest.raises(Disconnected):
            await control.run(operations.backend())
        proxy.speak()
        assert await control.run(operations.backend())
        await control.close()

    asyncio.run(main())


def test_a_transaction_that_goes_silent_ends(proxy, monkeypatch):
    """Not only a query, but also the statements that begin and commit."""
    monkeypatch.setattr("pgqueue.worker.control.PATIENCE", 0.3)

    async def main():
        control = Control(proxy.address, "pgqueue", "test")
        await control.connect()
        with pytest.raises(Disconnected):
            async with control.transaction() as run:
                await run(operations.backend())
                proxy.silence()
        await control.close()

    asyncio.run(main())


def test_a_silent_listen_connection_is_given_up_and_made_again(proxy, serving, monkeypatch):
    monkeypatch.setattr("pgqueue.worker.wakeup.CHECK", 0.1)
    monkeypatch.setattr("pgqueue.worker.wakeup.ANSWER", 0.2)

    async def body(listener):
        await until(lambda: listener.works)
        proxy.silence()
        await until(lambda: not listener.works, "the connection to be given up")
        proxy.speak()
        await until(lambda: listener.works, "another")

    serving(proxy.address, body)


def test_lying_down_on_a_silent_connection_takes_no_longer_than_a_poll(proxy, serving, monkeypatch):
    monkeypatch.setattr("pgqueue.worker.wakeup.ANSWER", 0.2)

    async def body(listener):
        await until(lambda: listener.works)
        proxy.silence()
        assert not await listener.lie_down()  # or it waits for ever, and the test with it

    serving(proxy.address, body)


@pytest.mark.sessions("nobody is woken")
def test_a_server_that_refuses_to_notify_is_asked_again(database, serving, connection):
    """A standby does; the worker that fell upon it lives, and looks for another."""
    asked = []

    async def refused():
        asked.append(True)
        if len(asked) < 3:
            raise psycopg.errors.ReadOnlySqlTransaction("cannot execute NOTIFY during recovery")
        connection.execute("select pg_notify('pgqueue.control', '')")

    async def body(listener):
        await until(lambda: listener.works)
        assert connection.execute(LISTENERS).fetchone()[0] == 1, "of each attempt nothing is left"

    serving(database, body, notify=refused)


@pytest.mark.sessions("nobody lies down")
def test_the_last_connections_are_left_to_others(database, serving, connection, monkeypatch):
    monkeypatch.setattr("pgqueue.worker.wakeup.SCARCE", 0.01)
    monkeypatch.setattr("pgqueue.worker.wakeup.CHECK", 0.05)
    rooms = []

    async def room():
        rooms.append(available)
        return available

    async def body(listener):
        nonlocal available
        await until(lambda: len(rooms) > 3, "it to ask for room")
        assert not connection.execute(LISTENERS).fetchone()[0]
        available = 100
        await until(lambda: listener.works)
        available = 1
        await until(lambda: not listener.works, "it to make way")
        await until(lambda: not connection.execute(LISTENERS).fetchone()[0])

    available = 1
    serving(database, body, room=room)
