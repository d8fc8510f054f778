"""The pool of an application: the connection at hand is nobody's own."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from pgqueue import PgQueue, operations, pools
from support.waiting import wait_for

pytestmark = pytest.mark.sessions("a session is nobody's own")


@pytest.fixture
def narrow(database):
    """An application with one connection."""
    app = PgQueue(dsn=database, max_connections=1)
    yield app
    app.close()


def pid(app):
    return app.run(operations.backend())


def sessions(connection):
    count = "select count(*) from pg_stat_activity where application_name = 'pgqueue'"
    return connection.execute(count).fetchone()[0]


def test_who_comes_again_gets_the_same_connection(app):
    assert len({pid(app) for _ in range(5)}) == 1


def test_a_connection_at_hand_serves_transactions_and_other_threads(narrow):
    first = pid(narrow)
    with narrow.transaction() as connection:
        assert connection.info.backend_pid == first
    with ThreadPoolExecutor(1) as other:
        assert other.submit(pid, narrow).result(timeout=20) == first


def test_threads_that_wait_for_the_only_connection_all_get_it(narrow):
    """Each has it for a moment; none of those who wait may miss that it came back."""
    threads, rounds = 4, 100
    together = Barrier(threads)

    def work(_):
        together.wait()
        return {pid(narrow) for _ in range(rounds)}

    with ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(work, range(threads), timeout=60))
    assert len(set().union(*found)) == 1


def test_one_who_waits_while_it_is_lent_gets_it(narrow):
    with ThreadPoolExecutor(1) as other:
        with narrow.transaction() as connection:
            first, waiting = connection.info.backend_pid, other.submit(pid, narrow)
        assert waiting.result(timeout=20) == first


def test_coroutines_that_wait_for_the_only_connection_all_get_it(narrow):
    async def main():
        async def work():
            return {await narrow.arun(operations.backend()) for _ in range(50)}

        found = await asyncio.wait_for(asyncio.gather(*(work() for _ in range(4))), 60)
        async with narrow.atransaction() as connection:
            found.append({connection.info.backend_pid})
        await narrow.aclose()
        return found

    assert len(set().union(*asyncio.run(main()))) == 1


def test_a_connection_that_broke_at_hand_is_replaced(narrow, connection):
    first = pid(narrow)
    connection.execute("select pg_terminate_backend(%s, 10000)", [first])
    assert pid(narrow) != first


def test_a_transaction_begins_on_one_that_is_not(narrow, connection):
    first = pid(narrow)
    connection.execute("select pg_terminate_backend(%s, 10000)", [first])
    with narrow.transaction() as own:
        assert own.info.backend_pid != first


def test_so_does_an_async_one(narrow, connection):
    async def main():
        first = await narrow.arun(operations.backend())
        connection.execute("select pg_terminate_backend(%s, 10000)", [first])
        async with narrow.atransaction() as own:
            assert own.info.backend_pid != first
        await narrow.aclose()

    asyncio.run(main())


def test_a_failed_transaction_does_not_stay_at_hand(narrow):
    def fail():
        with narrow.transaction() as connection:
            connection.execute("select 1 / 0")

    with pytest.raises(psycopg.errors.DivisionByZero):
        fail()
    assert pid(narrow)


def test_it_goes_back_to_the_pool_now_and_then(narrow, monkeypatch):
    monkeypatch.setattr(pools, "AT_HAND", 0.0)
    pid(narrow)
    assert narrow.pools.pool().get_stats()["pool_available"] == 1


def test_closing_closes_what_is_at_hand(narrow, connection):
    pid(narrow)
    assert sessions(connection) == 1
    narrow.close()
    wait_for(lambda: sessions(connection) == 0, "the server to see that it is closed")
