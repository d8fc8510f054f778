"""enqueue_many on every kind of connection: as `delay`, all of the jobs or none."""

from __future__ import annotations

import pytest
from kinds import ATOMIC, AsyncDjango, AsyncKind, AsyncSQLAlchemyAsyncpgSession, Django, SQLAlchemy

from pgqueue import InvalidPayload
from pgqueue.bulk import BATCH, FEW
from pgqueue.errors import UsageError

TEXTS = ("naïve 🐘", 'it\'s "quoted" \\ back', "100 % %s %(id)s $1 :x ?", "\\N \\. {}", "\n\t")
EVERY_KIND = pytest.mark.parametrize("kind", ATOMIC, ids=lambda kind: kind.__name__)
SIZES = pytest.mark.parametrize("size", [FEW, FEW + 1, BATCH + 1])


@pytest.fixture
def held(kind, database, open_kind):
    """The connection that the application holds."""
    return open_kind(kind, database)


def many(held, app, calls):
    if isinstance(held, AsyncKind):
        return held.wait(app.aenqueue_many(calls, connection=held.given))
    return app.enqueue_many(calls, connection=held.given)


def numbered(task, size):
    return ((task, (number, *TEXTS), {}, {"headers": {"by": TEXTS[0]}}) for number in range(size))


@EVERY_KIND
@SIZES
def test_the_jobs_become_visible_with_the_callers_commit(held, app, add, connection, queued, size):
    held.begin()
    jobs = many(held, app, numbered(add, size))
    assert queued() == []
    held.commit()
    assert queued() == [job.id for job in jobs]
    rows = connection.execute("select args, headers from pgqueue.jobs order by id").fetchall()
    assert rows == [([number, *TEXTS], {"by": TEXTS[0]}) for number in range(size)]


@EVERY_KIND
@SIZES
def test_a_bad_call_undoes_only_the_jobs(held, app, add, queued, size):
    held.begin()
    before = held.enqueue(add, "before")
    calls = [*numbered(add, size), (add, (object(),))]
    with pytest.raises(InvalidPayload, match=rf"^enqueue_many, item {size}: args\[0\]"):
        many(held, app, calls)
    after = held.enqueue(add, "after")
    held.commit()
    assert queued() == [before.id, after.id]


@EVERY_KIND
def test_a_rollback_takes_the_jobs_along(held, app, add, queued):
    held.begin()
    many(held, app, numbered(add, BATCH + 1))
    held.rollback()
    assert queued() == []


@pytest.mark.parametrize("kind", [SQLAlchemy, Django], ids=lambda kind: kind.__name__)
def test_a_block_that_binds_the_connection_is_joined(held, app, add, queued):
    held.begin()
    with app.bind(held.given):
        jobs = app.enqueue_many(numbered(add, FEW + 1))
    assert queued() == []
    held.commit()
    assert queued() == [job.id for job in jobs]


@pytest.mark.parametrize("kind", [AsyncSQLAlchemyAsyncpgSession])
def test_coroutines_that_bind_it_join_it_too(held, app, add, queued):
    async def enqueue():
        with app.bind(held.given):
            return await app.aenqueue_many(numbered(add, FEW + 1))

    jobs = held.wait(enqueue())
    held.commit()
    assert queued() == [job.id for job in jobs]


@pytest.mark.parametrize("kind", [AsyncDjango])
@pytest.mark.parametrize("size", [1, FEW + 1])
def test_django_in_a_coroutine_is_refused_with_the_remedy_however_many(
    held, app, add, queued, size
):
    with pytest.raises(UsageError, match=r"Django has no async transactions: .* sync_to_async"):
        many(held, app, numbered(add, size))
    assert queued() == []
