"""SQLAlchemy 2's asyncio extension: connections and sessions.

Apart from `sqlalchemy`, because the extension cannot be imported without greenlet, which those who
do not use it need not have.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import (
    AsyncConnection,
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
)

from pgqueue.query import Query
from pgqueue.transports import misuse, sqlalchemy

T = TypeVar("T")


def run(connection: Any, query: Query[T], schema: str) -> T:  # noqa: ARG001 (a verb's parameters)
    """Refuse: this connection is async."""
    raise misuse.is_async(_checked(connection))


async def arun(connection: Any, query: Query[T], schema: str) -> T:
    """Run a query on the caller's connection or session, in its current transaction."""
    result: T = await _checked(connection).run_sync(sqlalchemy.run, query, schema)
    return result


def atomic(connection: Any) -> AbstractContextManager[None]:
    """Refuse: this connection is async."""
    raise misuse.is_async(_checked(connection))


@asynccontextmanager
async def aatomic(connection: Any) -> AsyncIterator[None]:
    """Open a savepoint in the transaction that is open or begins."""
    checked = _checked(connection)
    block = await checked.run_sync(sqlalchemy.atomic)

    def undo(_: object, error: BaseException) -> None:
        block.__exit__(type(error), error, error.__traceback__)

    await checked.run_sync(lambda _: block.__enter__())
    try:
        yield
    except BaseException as error:
        await checked.run_sync(undo, error)
        raise
    await checked.run_sync(lambda _: block.__exit__(None, None, None))


def _checked(given: Any) -> AsyncConnection | AsyncSession:
    if isinstance(given, AsyncEngine):
        raise misuse.not_one(given, "an engine", "async with engine.begin() as conn")
    if isinstance(given, async_sessionmaker):
        method = "async with sessionmaker.begin() as session"
        raise misuse.not_one(given, "a maker of sessions", method)
    connection = given() if isinstance(given, async_scoped_session) else given
    if not isinstance(connection, AsyncConnection | AsyncSession):
        raise misuse.unknown(given)
    if isinstance(connection, AsyncConnection) and connection.closed:
        raise misuse.closed(given)
    return connection
