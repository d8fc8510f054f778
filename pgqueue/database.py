"""Runs queries on psycopg connections: the caller's, or those of the application's own pools."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString, TypeAlias, TypeVar

import psycopg
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import tuple_row
from psycopg.types.datetime import TimestamptzLoader
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from pgqueue.errors import SchemaMismatch, UsageError
from pgqueue.query import Query, Row
from pgqueue.statements import DEFAULT_SCHEMA, checked_schema, statement

T = TypeVar("T")
SyncConnection: TypeAlias = psycopg.Connection[Any]
AsyncConnection: TypeAlias = psycopg.AsyncConnection[Any]

#: Asks which server process answers.
WHO: LiteralString = "select pg_backend_pid()"

_PATIENCE: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15000,
    "application_name": "pgqueue",
}


def connection_string(dsn: str, **parameters: Any) -> str:
    """Return a connection string that notices a dead peer within seconds.

    An idle socket is watched by keepalives, one that waits for an answer by tcp_user_timeout
    (milliseconds): neither does for both. What the user's string says itself is left as it is.
    """
    return make_conninfo("", **{**_PATIENCE, **parameters, **conninfo_to_dict(dsn)})


def run(connection: Any, query: Query[T], schema: str = DEFAULT_SCHEMA) -> T:
    """Run a query on a sync psycopg connection or cursor, in its current transaction."""
    connection = getattr(connection, "connection", connection)
    if isinstance(connection, psycopg.AsyncConnection):
        raise UsageError(
            "this connection is async: call the async twin, such as adelay() instead of delay()"
        )
    if not isinstance(connection, psycopg.Connection):
        raise _unknown(connection)
    # A cursor of our own: the caller's may have any row factory and any class.
    with _explained(schema), psycopg.Cursor(connection, row_factory=tuple_row) as cursor:
        cursor.execute(_text(query, schema), query.params)
        return query.read(cursor.fetchall() if cursor.description else [])


async def arun(connection: Any, query: Query[T], schema: str = DEFAULT_SCHEMA) -> T:
    """Run a query on an async psycopg connection or cursor, in its current transaction."""
    connection = getattr(connection, "connection", connection)
    if isinstance(connection, psycopg.Connection):
        raise UsageError("this connection is sync: call delay() instead of adelay()")
    if not isinstance(connection, psycopg.AsyncConnection):
        raise _unknown(connection)
    with _explained(schema):
        async with psycopg.AsyncCursor(connection, row_factory=tuple_row) as cursor:
            await cursor.execute(_text(query, schema), query.params)
            return query.read(await cursor.fetchall() if cursor.description else [])


#: What times before and after Python's are read as, -infinity and infinity among them.
FIRST, LAST = (end.replace(tzinfo=UTC) for end in (datetime.min, datetime.max))  # noqa: DTZ901


class EndlessLoader(TimestamptzLoader):
    """Reads times that Python lacks, such as the infinity at which waiting jobs are due."""

    def load(self, data: Buffer) -> datetime:
        """Return the time, or the end of Python's times."""
        try:
            return super().load(data)
        except psycopg.DataError:
            text = bytes(data)
            return FIRST if text.startswith(b"-") or text.endswith(b"BC") else LAST


def settle(connection: SyncConnection) -> None:
    """Make a connection of our own ready: it reads infinity, and leaves nothing in a pooler."""
    connection.adapters.register_loader("timestamptz", EndlessLoader)
    if is_pooled(connection, connection.execute(WHO, prepare=False).fetchone()):
        connection.prepare_threshold = None


async def asettle(connection: AsyncConnection) -> None:
    """Make an async connection of our own ready, like `settle`."""
    connection.adapters.register_loader("timestamptz", EndlessLoader)
    cursor = await connection.execute(WHO, prepare=False)
    if is_pooled(connection, await cursor.fetchone()):
        connection.prepare_threshold = None


def is_pooled(connection: SyncConnection | AsyncConnection, who: Row | None) -> bool:
    """Tell whether a pooler lends the server's sessions, given who answers `WHO`."""
    # A pooler makes up the process id that it tells its clients.
    return who is not None and who[0] != connection.info.backend_pid


class Pools:
    """The connections of one application: one pool for threads, one per event loop.

    Pools open with the first query. One that was inherited through a fork is never used.
    """

    def __init__(self, dsn: str, schema: str = DEFAULT_SCHEMA, max_size: int = 10) -> None:
        self.dsn = dsn
        self.schema = checked_schema(schema)
        self.max_size = max_size
        self._lock = threading.Lock()
        self._pool: ConnectionPool[SyncConnection] | None = None
        self._pid = os.getpid()
        self._async_pools: weakref.WeakKeyDictionary[
            asyncio.AbstractEventLoop, AsyncConnectionPool[AsyncConnection]
        ] = weakref.WeakKeyDictionary()

    def run(self, query: Query[T], connection: Any = None) -> T:
        """Run a query on the caller's connection, or by itself on one of the pool."""
        if connection is not None:
            return run(connection, query, self.schema)
        pool = self.pool()
        for last in (False, True):
            with pool.connection() as own:
                try:
                    return run(own, query, self.schema)
                except psycopg.OperationalError:
                    if last or not own.closed:
                        raise
            # The server went away while the connection lay in the pool, maybe others with it.
            # Every operation can be done twice: an enqueue is known by its id.
            pool.check()
        raise AssertionError

    async def arun(self, query: Query[T], connection: Any = None) -> T:
        """Run a query on the caller's async connection, or by itself on one of the pool."""
        if connection is not None:
            return await arun(connection, query, self.schema)
        pool = await self.async_pool()
        for last in (False, True):
            async with pool.connection() as own:
                try:
                    return await arun(own, query, self.schema)
                except psycopg.OperationalError:
                    if last or not own.closed:
                        raise
            await pool.check()
        raise AssertionError

    @contextmanager
    def transaction(self) -> Iterator[SyncConnection]:
        """Lend a connection for one transaction."""
        with self.pool().connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def atransaction(self) -> AsyncIterator[AsyncConnection]:
        """Lend an async connection for one transaction."""
        pool = await self.async_pool()
        async with pool.connection() as connection, connection.transaction():
            yield connection

    def pool(self) -> ConnectionPool[SyncConnection]:
        """Return the pool for threads, opened."""
        with self._lock:
            if self._pool is None or self._pid != os.getpid():
                self._pid = os.getpid()
                # A pool would try for half a minute and then not say why.
                psycopg.connect(connection_string(self.dsn)).close()
                # autocommit: one enqueue is one round trip, not three.
                self._pool = ConnectionPool(
                    connection_string(self.dsn),
                    kwargs={"autocommit": True},
                    min_size=0,
                    max_size=self.max_size,
                    configure=settle,
                    open=True,
                    name="pgqueue",
                )
                atexit.register(self._pool.close)
            return self._pool

    async def async_pool(self) -> AsyncConnectionPool[AsyncConnection]:
        """Return the pool of the running event loop, opened."""
        loop = asyncio.get_running_loop()
        pool = self._async_pools.get(loop)
        if pool is None:
            await (await psycopg.AsyncConnection.connect(connection_string(self.dsn))).close()
            pool = AsyncConnectionPool(
                connection_string(self.dsn),
                kwargs={"autocommit": True},
                min_size=0,
                max_size=self.max_size,
                configure=asettle,
                open=False,
                name="pgqueue",
            )
            self._async_pools[loop] = pool
            await pool.open()
        return pool

    def close(self) -> None:
        """Close the pool for threads."""
        with self._lock:
            if self._pool is not None:
                atexit.unregister(self._pool.close)
                self._pool.close()
                self._pool = None

    async def aclose(self) -> None:
        """Close the pool of the running event loop."""
        pool = self._async_pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()


def _text(query: Query[Any], schema: str) -> str:
    # The text comes from a file of ours; only its parameters come from elsewhere.
    return statement(query.name, schema)


@contextmanager
def _explained(schema: str) -> Iterator[None]:
    """Turn PostgreSQL's "no such table" into what to do about it."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName) as error:
        if f"{schema}." not in str(error) and f'"{schema}"' not in str(error):
            raise
        raise SchemaMismatch(
            f"the database has no pgqueue schema {schema!r}, or an older one ({error.sqlstate}: "
            f"{error.diag.message_primary}): run 'pgq migrate'"
        ) from error


def _unknown(connection: object) -> UsageError:
    kind = f"{type(connection).__module__}.{type(connection).__qualname__}"
    return UsageError(
        f"connection={kind}: give a psycopg connection or cursor (sync or async), or leave it out "
        "to use the application's own pool"
    )
