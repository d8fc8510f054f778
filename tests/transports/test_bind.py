"""`app.bind(conn)`: what is enqueued in the block joins it, and nothing after it does."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from contextvars import copy_context

import psycopg
import pytest

from pgqueue import PgQueue, UsageError


@pytest.fixture
def held(connect):
    """A connection of the application's, in a transaction."""
    return connect(autocommit=False)


@pytest.fixture
def ahold(database):
    """The same, async."""

    @asynccontextmanager
    async def ahold():
        async with await psycopg.AsyncConnection.connect(database) as connection:
            try:
                yield connection
            finally:
                await connection.rollback()

    return ahold


@pytest.fixture
def run(app):
    """Runs a coroutine; the pool of its event loop is closed."""

    def run(coroutine):
        async def closing():
            try:
                return await coroutine
            finally:
                await app.aclose()

        return asyncio.run(closing())

    return run


def test_all_ways_of_enqueueing_join(app, add, held, queued):
    with app.bind(held) as bound:
        jobs = [
            add.delay(1),
            add.apply_async([2], countdown=1),
            add.using(priority=3).delay(3),
            app.send_task("other"),
        ]
        assert queued() == []
    assert bound is held
    held.commit()
    assert queued() == [job.id for job in jobs]


def test_all_async_ways_of_enqueueing_join(app, add, ahold, queued, run):
    async def enqueue():
        async with ahold() as connection:
            with app.bind(connection):
                jobs = [
                    await add.adelay(1),
                    await add.aapply_async([2]),
                    await add.using(priority=3).adelay(3),
                    await app.asend_task("other"),
                ]
            assert queued() == []
            await connection.commit()
            return jobs

    assert [job.id for job in run(enqueue())] == queued()


def test_after_the_block_the_pool_is_used_again(app, add, held, queued):
    with app.bind(held):
        add.delay(1)
    with pytest.raises(ZeroDivisionError), app.bind(held):
        raise ZeroDivisionError
    job = add.delay(2)
    assert queued() == [job.id]


def test_a_connection_of_the_calls_own_wins(app, add, held, connection, queued):
    with app.bind(held):
        jobs = [add.using(connection).delay(1), app.send_task("add", connection=connection)]
        add.delay(2)
    assert queued() == [job.id for job in jobs]


def test_blocks_nest_and_none_unbinds(app, add, held, connect, queued):
    inner = connect(autocommit=False)
    with app.bind(held):
        first = add.delay(1)
        with app.bind(inner):
            second = add.delay(2)
        with app.bind(None):
            third = add.delay(3)
        fourth = add.delay(4)
    assert queued() == [third.id]
    inner.commit()
    assert queued() == [second.id, third.id]
    held.commit()
    assert queued() == [first.id, second.id, third.id, fourth.id]


def test_only_the_applications_own_tasks_join(app, database, held, queued):
    other = PgQueue("other", dsn=database)
    with app.bind(held):
        job = other.send_task("add")
    other.close()
    assert queued() == [job.id]


def test_questions_about_jobs_do_not_join(app, add, held):
    with app.bind(held):
        job = add.delay(1)
        assert job.job() is None, "others do not see it yet"
        assert not job.revoke()
    held.commit()
    with app.bind(held):
        assert job.state == "PENDING"
        assert job.revoke()
    assert held.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_threads_do_not_join(app, add, held, queued):
    with app.bind(held), ThreadPoolExecutor(1) as pool:
        job = pool.submit(add.delay, 1).result()
    assert queued() == [job.id]


def test_coroutines_side_by_side_have_their_own(app, add, ahold, queued, run):
    async def one(commit, turns):
        async with ahold() as connection:
            with app.bind(connection):
                await turns.wait()
                job = await add.adelay(1)
                await turns.wait()
            if commit:
                await connection.commit()
        return job

    async def both():
        turns = asyncio.Barrier(2)
        return await asyncio.gather(one(True, turns), one(False, turns))

    committed, _ = run(both())
    assert queued() == [committed.id]


def test_an_asyncio_task_joins_while_the_block_lasts_and_not_after_it(app, add, ahold, queued, run):
    async def enqueue():
        done = asyncio.Event()

        async def child():
            inside = await add.adelay("inside")
            inside_done.set()
            await done.wait()
            return inside, await add.adelay("after")

        inside_done = asyncio.Event()
        async with ahold() as connection:
            with app.bind(connection):
                task = asyncio.create_task(child())
                await inside_done.wait()
            assert queued() == []
            await connection.rollback()
        done.set()
        return await task

    _, after = run(enqueue())
    assert queued() == [after.id]


def test_a_block_may_end_in_another_context_than_it_began_in(app, add, held, connect, queued):
    """As those of generators do that web frameworks run in threads."""
    other = connect(autocommit=False)

    @contextmanager
    def request():
        with app.bind(held):
            yield

    block = request()
    began = copy_context()
    began.run(block.__enter__)
    began.run(add.delay, 1)
    with app.bind(other):
        block.__exit__(None, None, None)
        add.delay(2)
    assert queued() == []
    other.commit()
    assert len(queued()) == 1
    assert began.run(add.delay, 3).id in queued()


def test_the_applications_transaction_binds_itself(app, add, queued):
    with app.transaction():
        first = add.delay(1)
        with app.bind(None):
            second = add.delay(2)
        assert queued() == [second.id]
    assert queued() == [first.id, second.id]
    with pytest.raises(ZeroDivisionError), app.transaction():
        add.delay(3)
        raise ZeroDivisionError
    assert len(queued()) == 2


def test_the_async_transaction_binds_itself(app, add, queued, run):
    async def enqueue():
        async with app.atransaction():
            job = await add.adelay(1)
            assert queued() == []
            with pytest.raises(UsageError, match="is async: call the async twin"):
                add.delay(2)
        with pytest.raises(ZeroDivisionError):
            async with app.atransaction():
                await add.adelay(3)
                raise ZeroDivisionError
        return job

    job = run(enqueue())
    assert queued() == [job.id]


def test_a_tasks_transaction_binds_itself(add, queued, run):
    with pytest.raises(ZeroDivisionError), add.transaction():
        add.delay(1)
        raise ZeroDivisionError
    assert queued() == []
    with add.transaction():
        first = add.delay(2)
        assert queued() == []

    async def enqueue():
        async with add.atransaction():
            return await add.adelay(3)

    second = run(enqueue())
    assert queued() == [first.id, second.id]


def test_enqueueing_on_ones_own_connection_needs_no_database_of_the_applications(held, queued):
    """Django's or SQLAlchemy's settings know where it is; the application need not."""
    app = PgQueue("shop")
    job = app.send_task("add", connection=held)
    with app.bind(held):
        bound = app.send_task("add")
    held.commit()
    assert queued() == [job.id, bound.id]
