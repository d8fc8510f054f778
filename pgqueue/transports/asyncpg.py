"""asyncpg: connections, and the proxies that its pools lend; async only."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, TypeVar

import asyncpg

from pgqueue.query import Query
from pgqueue.transports import misuse, texts
from pgqueue.transports.explain import explained

T = TypeVar("T")


def run(connection: Any, query: Query[T], schema: str) -> T:  # noqa: ARG001 (a verb's parameters)
    """Refuse: asyncpg has no sync connections."""
    raise misuse.is_async(_checked(connection))


async def arun(connection: Any, query: Query[T], schema: str) -> T:
    """Run a query on the caller's connection, in its current transaction."""
    text, params = texts.numbered(query, schema)
    with explained(schema):
        records = await _checked(connection).fetch(text, *params)
    return query.read([tuple(record) for record in records])


def atomic(connection: Any) -> AbstractContextManager[None]:
    """Refuse: asyncpg has no sync connections."""
    raise misuse.is_async(_checked(connection))


def aatomic(connection: Any) -> AbstractAsyncContextManager[None]:
    """Open a transaction, or a savepoint if one is open."""
    transaction: AbstractAsyncContextManager[None] = _checked(connection).transaction()
    return transaction


def _checked(connection: Any) -> Any:
    if isinstance(connection, asyncpg.Pool):
        raise misuse.not_one(connection, "a pool", "async with pool.acquire() as conn")
    if not isinstance(connection, asyncpg.Connection | asyncpg.pool.PoolConnectionProxy):
        raise misuse.unknown(connection)
    try:
        is_closed = connection.is_closed()
    except asyncpg.InterfaceError:  # it was given back to its pool
        is_closed = True
    if is_closed:
        raise misuse.closed(connection)
    return connection
