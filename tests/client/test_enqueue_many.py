"""enqueue_many: all of the jobs or none, in the order of the calls, in bounded memory."""

from __future__ import annotations

import asyncio
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from pgqueue import InvalidCall, InvalidOption, InvalidPayload, UsageError
from pgqueue.bulk import BATCH, COPY, FEW
from support.jobs import Jobs
from support.poolers import psycopg_options

IDLE = psycopg.pq.TransactionStatus.IDLE
SIZES = (0, 1, FEW, FEW + 1, BATCH, BATCH + 1, COPY, COPY + 1)


class Pool:
    """The application's own pool."""

    def __init__(self, app, database):
        self.app, self.database = app, database

    def connect(self, **options):
        return psycopg.connect(self.database, **options, **psycopg_options(self.database))

    def send(self, calls):
        return self.app.enqueue_many(calls)


class Autocommit(Pool):
    """A connection of the caller's that commits each statement."""

    def send(self, calls):
        with self.connect(autocommit=True) as connection:
            return self.app.enqueue_many(calls, connection=connection)


class Transaction(Pool):
    """A connection of the caller's, which commits if nothing is raised."""

    def send(self, calls):
        with self.connect() as connection:
            return self.app.enqueue_many(calls, connection=connection)


class Pipeline(Pool):
    """The same in a pipeline, in which nothing can be copied."""

    def send(self, calls):
        with self.connect() as connection, connection.pipeline():
            return self.app.enqueue_many(calls, connection=connection)


class Bound(Pool):
    """A block of `app.transaction()`."""

    def send(self, calls):
        with self.app.transaction():
            return self.app.enqueue_many(calls)


class AsyncPool(Pool):
    """The pool of an event loop."""

    def send(self, calls):
        async def send():
            try:
                return await self.app.aenqueue_many(calls)
            finally:
                await self.app.aclose()

        return asyncio.run(send())


class AsyncTransaction(Pool):
    """An async connection of the caller's."""

    def send(self, calls):
        async def send():
            options = psycopg_options(self.database)
            connect = psycopg.AsyncConnection.connect(self.database, **options)
            async with await connect as connection:
                return await self.app.aenqueue_many(calls, connection=connection)

        return asyncio.run(send())


WAYS = (Pool, Autocommit, Transaction, Pipeline, Bound, AsyncPool, AsyncTransaction)
every_way = pytest.mark.parametrize("kind", WAYS, ids=lambda kind: kind.__name__)


@pytest.fixture
def way(kind, app, database):
    return kind(app, database)


def numbered(task, size):
    return ((task, (number,)) for number in range(size))


def with_a_bad_one(task, at, bad, size):
    return (bad if number == at else (task, (number,)) for number in range(size))


# ── all of them ──


@every_way
def test_all_jobs_are_there_in_the_order_of_the_calls(way, note, connection):
    for size in SIZES:
        jobs = way.send(numbered(note, size))
        found = connection.execute("select id::text, args -> 0 from pgqueue.jobs order by id")
        rows = found.fetchall()
        assert rows == [(job.id, number) for number, job in enumerate(jobs)]
        assert len(jobs) == len(rows) == size
        connection.execute("truncate pgqueue.jobs")


def test_signatures_and_names_are_calls_too(app, note, seen):
    app.enqueue_many([note.s(1), ("other",), ("other", [2]), [note, (3,)], (note, (4,), {}, {})])
    assert seen() == [1, None, 2, 3, 4]


def test_no_calls_need_no_database(app):
    app.close()
    assert len(app.enqueue_many([])) == 0
    assert len(asyncio.run(app.aenqueue_many(iter(())))) == 0


def test_bound_connections_are_joined(app, note, connect, seen):
    with app.bind(connect(autocommit=False)) as bound:
        app.enqueue_many(numbered(note, 1))
        app.enqueue_many(numbered(note, FEW + 1))
        assert seen() == []
    bound.commit()
    assert seen() == [0, *range(FEW + 1)]


# ── or none ──


BAD = [
    (lambda task: (task, (float("nan"),)), InvalidPayload, r"args\[0\]: nan is not finite"),
    (lambda task: (task, ("\0",)), InvalidPayload, r"args\[0\]: .* contains NUL"),
    (lambda task: (task, (), {}, {"queu": "x"}), InvalidOption, "did you mean queue="),
    (lambda task: task.s().set(priority=10), InvalidOption, "priority=10: give 0 to 9"),
    (lambda _: ("other", (), {}, {"task_id": "7"}), InvalidOption, "task_id='7': a job's id"),
    (lambda _: 5, InvalidCall, "5: give a signature, or"),
    (lambda _: (), InvalidCall, r"\(\): give a signature, or"),
    (lambda task: (task, "abc"), InvalidCall, "args='abc': give a list or tuple"),
    (lambda task: (task, 5), InvalidCall, "args=5: give a list or tuple"),
    (lambda task: (task, (), [1]), InvalidCall, r"kwargs=\[1\]: give a dict"),
    (lambda task: (task, (), None), InvalidCall, "kwargs=None: give a dict"),
    (lambda task: (task, (), {}, 5), InvalidCall, "options=5: give a dict"),
    (lambda _: (5,), InvalidCall, "5: give a task, or the name of one"),
]


@pytest.mark.parametrize(("bad", "error", "message"), BAD, ids=range(len(BAD)))
def test_a_bad_call_is_named_by_its_number(app, note, seen, bad, error, message):
    with pytest.raises(error, match=rf"^enqueue_many, item 3: .*{message}"):
        app.enqueue_many(with_a_bad_one(note, 3, bad(note), 10))
    assert seen() == []


def test_arguments_that_do_not_fit_are_refused_as_by_delay(app, seen):
    @app.task
    def add(a, b): ...

    with pytest.raises(InvalidCall) as by_delay:
        add.delay(1)
    with pytest.raises(InvalidCall) as by_many:
        app.enqueue_many([(add, (1, 2)), (add, (1,))])
    assert str(by_many.value) == f"enqueue_many, item 1: {by_delay.value}"
    assert seen() == []


@every_way
def test_a_bad_call_leaves_none_of_the_jobs(way, note, seen):
    for at in (57, FEW + 1, 12_345):
        with pytest.raises(InvalidPayload, match=f"^enqueue_many, item {at}: "):
            way.send(with_a_bad_one(note, at, (note, [object()]), 12_400))
        assert seen() == []


@every_way
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_what_the_generator_raises_is_raised_and_none_is_left(way, note, seen, error):
    def calls():
        yield from numbered(note, 1_500)
        raise error("mine")

    with pytest.raises(error, match=r"^mine$"):
        way.send(calls())
    assert seen() == []
    way.send(numbered(note, 1))
    assert seen() == [0]


def test_what_was_done_in_the_transaction_before_stays(app, note, connect, seen):
    with connect(autocommit=False) as connection:
        note.using(connection).delay("before")
        for at in (3, 1_500):
            with pytest.raises(InvalidPayload):
                app.enqueue_many(
                    with_a_bad_one(note, at, (note, [object()]), 2_000), connection=connection
                )
        app.enqueue_many(numbered(note, FEW + 1), connection=connection)
        assert seen() == []
    assert seen() == ["before", *range(FEW + 1)]


@every_way
def test_a_lost_connection_leaves_none(way, note, connection, seen):
    others = (
        "select count(pg_terminate_backend(pid, 10000)) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid()"
    )

    def calls():
        yield from numbered(note, COPY + 500)
        assert connection.execute(others).fetchone()[0] > 0
        yield from numbered(note, COPY)

    with pytest.raises(psycopg.OperationalError):
        way.send(calls())
    assert seen() == []
    way.send(numbered(note, 1))
    assert seen() == [0]


def test_an_async_connection_is_refused_with_the_twin(app, note, database):
    async def mixed_up():
        async with await psycopg.AsyncConnection.connect(database) as connection:
            for size in (1, FEW + 1):
                with pytest.raises(UsageError, match="is async: call the async twin"):
                    app.enqueue_many(numbered(note, size), connection=connection)

    asyncio.run(mixed_up())
    with psycopg.connect(database) as connection:
        for size in (1, FEW + 1):
            with pytest.raises(UsageError, match="is sync: call"):
                asyncio.run(app.aenqueue_many(numbered(note, size), connection=connection))


# ── generators ──


@pytest.mark.parametrize("kind", [Pool, Transaction, Pipeline], ids=lambda kind: kind.__name__)
def test_a_long_generator_takes_little_memory(way, app, note, connection):
    size = 15_000  # of 1 kB: all at once they would take 25 MB
    app.enqueue_many(numbered(note, FEW + 1))  # connected, imported, cached
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        way.send((note, (number, "x" * 1_000)) for number in range(size))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 8_000_000
    count = connection.execute("select count(*) from pgqueue.jobs").fetchone()
    assert count == (size + FEW + 1,)


@pytest.mark.parametrize("size", [FEW, 2_500])
def test_a_generator_may_read_by_a_cursor_of_the_same_connection(app, note, connect, seen, size):
    with connect(autocommit=False) as held:
        held.execute("create temp table photos as select generate_series(1, %s) as id", [size])

        def photos():
            with held.cursor("photos") as cursor:
                cursor.itersize = 10
                for (photo,) in cursor.execute("select id from photos order by id"):
                    yield note, (photo,)

        app.enqueue_many(photos(), connection=held)
    assert seen() == [*range(1, size + 1)]


@pytest.mark.parametrize("size", [FEW, 2_500])
def test_a_generator_may_enqueue_on_the_same_connection(app, note, connect, connection, size):
    held = connect(autocommit=False)

    def calls():
        for number in range(size):
            note.using(held).delay("inner")
            yield note, (number,)

    app.enqueue_many(calls(), connection=held)
    held.commit()
    count = "select count(*) filter (where args = '[\"inner\"]'), count(*) from pgqueue.jobs"
    assert connection.execute(count).fetchone() == (size, 2 * size)


def test_a_generator_may_enqueue_on_the_pool(app, note, connection):
    def calls():
        for number in range(300):
            note.delay("inner")
            yield note, (number,)

    app.enqueue_many(calls())
    count = "select count(*) filter (where args = '[\"inner\"]'), count(*) from pgqueue.jobs"
    assert connection.execute(count).fetchone() == (300, 600)


@pytest.mark.parametrize("own", [True, False])
def test_other_coroutines_have_their_turns_between_the_calls(app, note, database, own):
    async def main():
        turns, noted = 0, set()

        async def others():
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        def calls():
            for call in numbered(note, 2 * COPY):
                noted.add(turns)
                yield call

        beside = asyncio.create_task(others())
        async with await psycopg.AsyncConnection.connect(database) as held:
            await app.aenqueue_many(calls(), connection=None if own else held)
        beside.cancel()
        await app.aclose()
        return len(noted)

    assert asyncio.run(main()) > 3


# ── ids of the caller's own ──


@every_way
@pytest.mark.parametrize("size", [FEW, 2_500])
def test_taken_ids_are_left_out_and_the_others_go_in(way, note, connection, size):
    jobs = Jobs(connection)
    live, finished, fresh = uuid4(), uuid4(), uuid4()
    for taken in (finished, live):
        note.apply_async(["first"], task_id=taken)
        if taken is finished:
            jobs.finish(*jobs.claim(jobs.register(), tasks=["note"]))
    chosen = {1: live, 5: finished, size - 1: fresh}

    handles = way.send(
        (note, (number,), {}, {"task_id": chosen[number]} if number in chosen else {})
        for number in range(size)
    )
    assert {number: handles[number].id for number in chosen} == {
        number: str(job) for number, job in chosen.items()
    }
    rows = dict(connection.execute("select id, args -> 0 from pgqueue.jobs").fetchall())
    assert (rows.pop(live), rows.pop(finished), rows[fresh]) == ("first", "first", size - 1)
    assert sorted(rows.values()) == [n for n in range(size) if n not in (1, 5)]


def test_the_same_id_twice_is_one_job(app, note, seen):
    for size in (2, FEW + 2):
        job = uuid4()
        app.enqueue_many([(note, ("x",), {}, {"task_id": job})] * size)
    assert seen() == ["x", "x"]


def test_two_at_once_with_the_same_ids_do_not_deadlock(app, note, connection):
    for _ in range(10):
        ids = [uuid4() for _ in range(BATCH)]
        calls = [(note, (), {}, {"task_id": each}) for each in ids]
        with ThreadPoolExecutor(2) as threads:
            done = [threads.submit(app.enqueue_many, order) for order in (calls, calls[::-1])]
            assert [len(each.result()) for each in done] == [BATCH, BATCH]
    count = connection.execute("select count(*) from pgqueue.jobs").fetchone()
    assert count == (10 * BATCH,)
