"""Enqueueing on the caller's own connection: in its transaction, and nowhere else."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from psycopg.rows import dict_row

from pgqueue import InvalidCall, InvalidPayload, PgQueue, UsageError


@pytest.fixture
def add(app):
    @app.task(name="add")
    def add(a: int, b: int = 0) -> int:
        return a + b

    return add


@pytest.fixture
def queued(connection):
    """How many jobs others can see."""
    return lambda: connection.execute("select count(*) from pgqueue.jobs").fetchone()[0]


@pytest.mark.parametrize("what", ["connection", "cursor"])
@pytest.mark.parametrize("row_factory", [psycopg.rows.tuple_row, dict_row])
def test_a_job_becomes_visible_with_the_callers_commit(add, connect, queued, what, row_factory):
    connection = connect(autocommit=False, row_factory=row_factory)
    on = connection if what == "connection" else connection.cursor()
    add.using(on, priority=3).delay(1, b=2)
    assert queued() == 0
    connection.commit()
    assert queued() == 1


@pytest.mark.parametrize("what", ["connection", "cursor"])
def test_the_same_from_a_coroutine(add, database, queued, what):
    async def enqueue():
        async with await psycopg.AsyncConnection.connect(database) as connection:
            on = connection if what == "connection" else connection.cursor()
            await add.using(on).adelay(1)
            before = queued()
            await connection.commit()
            await add.aapply_async([2], connection=on)
            await connection.rollback()
            return before

    assert asyncio.run(enqueue()) == 0
    assert queued() == 1


def test_a_rollback_takes_the_job_along(add, connect, queued):
    connection = connect(autocommit=False)
    add.using(connection).delay(1)
    connection.rollback()
    assert queued() == 0


def test_a_rollback_to_a_savepoint_takes_its_job_along(add, connect, queued):
    connection = connect()
    with connection.transaction():
        add.using(connection).delay(1)
        with pytest.raises(ZeroDivisionError), connection.transaction():
            add.using(connection).delay(2)
            raise ZeroDivisionError
    assert queued() == 1


def test_a_job_and_a_business_row_become_visible_at_once(app, add, connection):
    connection.execute("create table orders (id integer)")
    both = "select (select count(*) from orders), (select count(*) from pgqueue.jobs)"
    with app.transaction() as own:
        own.execute("insert into orders values (1)")
        add.using(own).delay(1)
        assert connection.execute(both).fetchone() == (0, 0)
    assert connection.execute(both).fetchone() == (1, 1)


def test_an_exception_in_the_applications_transaction_leaves_nothing(app, add, queued):
    with pytest.raises(ZeroDivisionError), app.transaction() as own:
        add.using(own).delay(1)
        raise ZeroDivisionError
    assert queued() == 0


def test_the_applications_async_transaction_and_pool(app, add, queued):
    async def enqueue():
        async with app.atransaction() as own:
            await add.using(own).adelay(1)
        result = await add.adelay(2)
        state = await result.astate()
        await app.aclose()
        return state

    assert asyncio.run(enqueue()) == "PENDING"
    assert queued() == 2


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "text"),
    [
        ((), {}, InvalidCall, "missing a required argument: 'a'"),
        ((1, 2, 3), {}, InvalidCall, "too many positional arguments"),
        ((1,), {"c": 1}, InvalidCall, "unexpected keyword argument 'c'"),
        ((float("nan"),), {}, InvalidPayload, r"args\[0\]"),
        ((1,), {"b": {"x": [1, "\x00"]}}, InvalidPayload, r"kwargs\['b'\]\['x'\]\[1\]"),
        ((object(),), {}, InvalidPayload, r"args\[0\]: .*object"),
    ],
)
def test_bad_arguments_are_refused_at_the_call_and_nothing_is_sent(
    add, connect, queued, args, kwargs, error, text
):
    connection = connect(autocommit=False)
    with pytest.raises(error, match=text):
        add.using(connection).delay(*args, **kwargs)
    assert connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    assert queued() == 0


def test_a_connection_of_the_wrong_kind_is_named_with_the_remedy(add, connection):
    with pytest.raises(UsageError, match=r"builtins\.object: give a connection or cursor"):
        add.using(object()).delay(1)
    with pytest.raises(UsageError, match=r"call delay\(\) instead of adelay\(\)"):
        asyncio.run(add.using(connection).adelay(1))


def test_an_async_connection_asks_for_the_async_twin(add, database):
    async def enqueue():
        async with await psycopg.AsyncConnection.connect(database) as connection:
            add.using(connection).delay(1)

    with pytest.raises(UsageError, match="call the async twin"):
        asyncio.run(enqueue())


def test_an_enqueue_sent_again_under_its_id_is_one_job(add, queued):
    first = add.delay(1)
    again = add.using(task_id=first.id).delay(1)
    assert again == first
    assert queued() == 1


def test_a_pool_outlives_connections_that_the_server_ended(app, add, connection, queued):
    add.delay(1)
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'pgqueue'"
    )
    add.delay(2)
    assert queued() == 2


def test_a_database_that_is_not_there_is_said_at_once():
    with pytest.raises(psycopg.OperationalError, match="refused"):
        PgQueue("nowhere", dsn="postgresql://127.0.0.1:1/none").send_task("add", [1])
