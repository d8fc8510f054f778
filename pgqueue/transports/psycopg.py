"""psycopg 3: connections and cursors, sync and async; our own connections among them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import pq
from psycopg.rows import tuple_row

from pgqueue.query import Query
from pgqueue.statements import DEFAULT_SCHEMA, statement
from pgqueue.transports import misuse
from pgqueue.transports.explain import explained

T = TypeVar("T")
IDLE = pq.TransactionStatus.IDLE


def run(connection: Any, query: Query[T], schema: str) -> T:
    """Run a query on the caller's connection or cursor, in its current transaction."""
    return execute(_sync(connection), query, schema)


async def arun(connection: Any, query: Query[T], schema: str) -> T:
    """Run a query on the caller's async connection or cursor, in its current transaction."""
    return await aexecute(_async(connection), query, schema)


@contextmanager
def atomic(connection: Any) -> Iterator[None]:
    """Open a transaction, or a savepoint in the one that is open or begins."""
    connection = _sync(connection)
    if _will_begin(connection):
        # Begins the caller's transaction. Else ours would be the outer one, and would commit.
        connection.execute("")
    with connection.transaction():
        yield


@asynccontextmanager
async def aatomic(connection: Any) -> AsyncIterator[None]:
    """Open a transaction on an async connection, or a savepoint, like `atomic`."""
    connection = _async(connection)
    if _will_begin(connection):
        await connection.execute("")
    async with connection.transaction():
        yield


def copier(connection: Any) -> Callable[[str, Iterable[str]], None] | None:
    """Return what copies blocks of text on the connection; None inside a pipeline."""
    connection = _sync(connection)
    if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
        return None

    def copy(text: str, blocks: Iterable[str]) -> None:
        with psycopg.Cursor(connection).copy(text.encode()) as target:
            for block in blocks:
                target.write(block)

    return copy


def acopier(connection: Any) -> Callable[[str, Iterable[str]], Awaitable[None]] | None:
    """Return what copies blocks of text on the async connection; None inside a pipeline."""
    connection = _async(connection)
    if connection.pgconn.pipeline_status != pq.PipelineStatus.OFF:
        return None

    async def copy(text: str, blocks: Iterable[str]) -> None:
        async with psycopg.AsyncCursor(connection).copy(text.encode()) as target:
            for block in blocks:
                await target.write(block)

    return copy


def execute(
    connection: psycopg.Connection[Any], query: Query[T], schema: str = DEFAULT_SCHEMA
) -> T:
    """Run a query on a connection of our own; raises psycopg's error if that is closed."""
    # A cursor of our own: the connection's may have any row factory and any class.
    with explained(schema), psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        cursor.execute(statement(query.name, schema), query.params)
        return query.read(cursor.fetchall() if _returns_rows(cursor) else [])


async def aexecute(
    connection: psycopg.AsyncConnection[Any], query: Query[T], schema: str = DEFAULT_SCHEMA
) -> T:
    """Run a query on an async connection of our own, like `execute`."""
    with explained(schema):
        async with psycopg.AsyncCursor(connection, row_factory=tuple_row) as cursor:
            await cursor.execute(statement(query.name, schema), query.params)
            return query.read(await cursor.fetchall() if _returns_rows(cursor) else [])


def _will_begin(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    return not connection.autocommit and connection.info.transaction_status == IDLE


def _returns_rows(cursor: psycopg.Cursor[Any] | psycopg.AsyncCursor[Any]) -> bool:
    # In a pipeline that is not known before the answer is fetched. The statements that callers
    # run all return rows.
    return cursor.description is not None or cursor.pgresult is None


def _sync(given: Any) -> psycopg.Connection[Any]:
    connection = getattr(given, "connection", given)
    if isinstance(connection, psycopg.AsyncConnection):
        raise misuse.is_async(given)
    if not isinstance(connection, psycopg.Connection):
        raise misuse.unknown(given)
    if connection.closed:
        raise misuse.closed(given)
    return connection


def _async(given: Any) -> psycopg.AsyncConnection[Any]:
    connection = getattr(given, "connection", given)
    if isinstance(connection, psycopg.Connection):
        raise misuse.is_sync(given)
    if not isinstance(connection, psycopg.AsyncConnection):
        raise misuse.unknown(given)
    if connection.closed:
        raise misuse.closed(given)
    return connection
