"""SQLAlchemy 2: connections and sessions; what is async is in `sqlalchemy_asyncio`.

SQLAlchemy sends the statement itself, so that its transactions begin by themselves, and its events
and logging see it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from pgqueue.errors import UsageError
from pgqueue.query import Query
from pgqueue.transports import misuse, texts
from pgqueue.transports.explain import explained

T = TypeVar("T")

#: How each driver's parameters are written.
_WRITTEN = {
    "psycopg": texts.named,
    "psycopg2": texts.named,
    "psycopg2cffi": texts.named,
    "asyncpg": texts.numbered,
}


def run(connection: Any, query: Query[T], schema: str) -> T:
    """Run a query on the caller's connection or session, in its current transaction."""
    connection = _connection(connection)
    text, params = _WRITTEN[connection.dialect.driver](query, schema)
    with explained(schema):
        result = connection.exec_driver_sql(text, params)
        return query.read([tuple(row) for row in result] if result.returns_rows else [])


async def arun(connection: Any, query: Query[T], schema: str) -> T:  # noqa: ARG001 (a verb's parameters)
    """Refuse: this connection is sync."""
    raise misuse.is_sync(_connection(connection))


@contextmanager
def atomic(connection: Any) -> Iterator[None]:
    """Open a savepoint in the transaction that is open or begins."""
    connection = _connection(connection)
    if not is_autocommit(connection):
        with connection.begin_nested():
            yield
        return
    connection.exec_driver_sql("begin")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("rollback")
        raise
    connection.exec_driver_sql("commit")


def aatomic(connection: Any) -> AbstractAsyncContextManager[None]:
    """Refuse: this connection is sync."""
    raise misuse.is_sync(_connection(connection))


def is_autocommit(connection: Connection) -> bool:
    """Return whether the connection commits each statement, whatever SQLAlchemy has begun."""
    return bool(connection.connection.dbapi_connection.autocommit)  # type: ignore[union-attr] # (drivers have it)


def _connection(given: Any) -> Connection:
    if isinstance(given, Engine):
        raise misuse.not_one(given, "an engine", "with engine.begin() as conn")
    if isinstance(given, sessionmaker):
        raise misuse.not_one(given, "a maker of sessions", "with sessionmaker.begin() as session")
    session = given() if isinstance(given, scoped_session) else given
    connection = session.connection() if isinstance(session, Session) else session
    if not isinstance(connection, Connection):
        raise misuse.unknown(given)
    if connection.closed:
        raise misuse.closed(given)
    if connection.dialect.driver not in _WRITTEN or connection.dialect.name != "postgresql":
        raise UsageError(
            f"connection={misuse.name_of(given)} on {connection.dialect.name}+"
            f"{connection.dialect.driver}: jobs are enqueued on PostgreSQL by psycopg, psycopg2 or "
            "asyncpg; make the engine with such a URL, as postgresql+psycopg://"
        )
    return connection
