"""psycopg2: connections and cursors; sync only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, cursor

from pgqueue.query import Query
from pgqueue.transports import misuse, texts
from pgqueue.transports.explain import explained

T = TypeVar("T")


def run(connection: Any, query: Query[T], schema: str) -> T:
    """Run a query on the caller's connection or cursor, in its current transaction."""
    # A cursor of our own: the caller's may return dicts.
    with explained(schema), _checked(connection).cursor(cursor_factory=cursor) as own:
        own.execute(*texts.named(query, schema))
        return query.read(own.fetchall() if own.description else [])


async def arun(connection: Any, query: Query[T], schema: str) -> T:  # noqa: ARG001 (a verb's parameters)
    """Refuse: psycopg2 has no async connections."""
    raise misuse.is_sync(_checked(connection))


@contextmanager
def atomic(connection: Any) -> Iterator[None]:
    """Open a transaction, or a savepoint in the one that is open or begins."""
    connection = _checked(connection)
    if connection.autocommit and connection.info.transaction_status == TRANSACTION_STATUS_IDLE:
        with connection:  # begins, and commits or rolls back
            yield
        return
    with connection.cursor(cursor_factory=cursor) as own:
        own.execute("savepoint pgqueue")
        try:
            yield
        except BaseException:
            own.execute("rollback to savepoint pgqueue")
            raise
        finally:
            own.execute("release savepoint pgqueue")


def aatomic(connection: Any) -> AbstractAsyncContextManager[None]:
    """Refuse: psycopg2 has no async connections."""
    raise misuse.is_sync(_checked(connection))


def _checked(given: Any) -> Any:
    connection = given.connection if isinstance(given, cursor) else given
    if not isinstance(connection, psycopg2.extensions.connection):
        raise misuse.unknown(given)
    if connection.closed:
        raise misuse.closed(given)
    return connection
