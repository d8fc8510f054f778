"""The worker's control connection: every statement of the bookkeeping goes through it."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar, cast

import psycopg
from psycopg.rows import tuple_row

from pgqueue.backoff import Doubling
from pgqueue.database import WHO, AsyncConnection, connection_string, is_pooled
from pgqueue.query import Query
from pgqueue.statements import statement

T = TypeVar("T")
log = logging.getLogger("pgqueue.worker")

#: The hot statements have one right plan each: index lookups in the order of the batch. Statistics
#: of a table that swings between nothing and millions of rows must not talk the planner into
#: another. Set once per connection, or once per transaction where a pooler lends the connection.
PLANNING = {
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "statement_timeout": "60s",  # longer than that, a statement of ours is stuck, not slow
}
SET = """
    select set_config(s.name, s.value, %s)
    from unnest(%s::text[], %s::text[]) as s (name, value)
"""
#: An outage is not news more often than this, in seconds.
QUIET = 10.0

Runner = Callable[[Query[Any]], Awaitable[Any]]


class Disconnected(psycopg.OperationalError):
    """The connection broke while a statement was under way; whether it was done is not known."""


class Control:
    """One connection that is made again for ever, used by one task at a time."""

    def __init__(self, dsn: str, schema: str, application_name: str) -> None:
        self._dsn = dsn
        self.schema = schema
        self._application_name = application_name
        self._lock = asyncio.Lock()
        self._connection: AsyncConnection | None = None
        #: Called with every new connection before anything else uses it.
        self.on_reconnect: Callable[[Runner], Awaitable[None]] = _nothing_to_mend
        #: Whether a pooler lends the server's connections, so that sessions mean nothing.
        self.pooled = False

    async def connect(self) -> None:
        """Connect once; raises psycopg's error if that fails."""
        async with self._lock:
            self._connection = await self._open()

    async def close(self) -> None:
        """Close the connection."""
        if self._connection:
            await self._connection.close()
            self._connection = None

    async def run(self, query: Query[T]) -> T:
        """Run one query in a transaction of its own."""
        return cast(T, (await self.run_all([query]))[0])

    async def run_all(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run queries in one round trip and one transaction; return what each one read."""
        async with self._use() as connection:
            return await self._pipelined(connection, queries)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Runner]:
        """Lend a function that runs queries one by one in one transaction."""
        async with self._use() as connection, connection.transaction():
            yield partial(self._run_one, connection)

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[AsyncConnection]:
        async with self._lock:
            if self._connection is None:
                self._connection = await self._reopen()
            connection = self._connection
            try:
                yield connection
            except psycopg.Error as error:
                # A server that has become read-only is not the one to write to any more.
                read_only = isinstance(error, psycopg.errors.ReadOnlySqlTransaction)
                if not connection.closed and not read_only:
                    raise
                self._connection = None
                await connection.close()
                raise Disconnected(str(error)) from error

    async def _pipelined(
        self, connection: AsyncConnection, queries: Sequence[Query[Any]]
    ) -> list[Any]:
        cursors = []
        async with connection.pipeline():
            if self.pooled:  # for this transaction only: the session is somebody else's next
                await self._plan(connection)
            for query in queries:
                cursor = connection.cursor(row_factory=tuple_row)
                text = statement(query.name, self.schema)
                await cursor.execute(text, query.params, prepare=not self.pooled)
                cursors.append(cursor)
        return [
            query.read(await cursor.fetchall() if cursor.description else [])
            for query, cursor in zip(queries, cursors, strict=True)
        ]

    async def _reopen(self) -> AsyncConnection:
        pauses = Doubling(0.05, 2.0)
        said_at = -math.inf
        while True:
            try:
                connection = await self._open()
                await self.on_reconnect(partial(self._run_one, connection))
            except psycopg.OperationalError as error:
                now = asyncio.get_running_loop().time()
                if now - said_at >= QUIET:
                    said_at = now
                    log.warning("no connection to PostgreSQL, trying on: %s", first_line(error))
                await asyncio.sleep(pauses.next() * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
            else:
                log.info("connected to PostgreSQL again")
                return connection

    async def _open(self) -> AsyncConnection:
        connection = await psycopg.AsyncConnection.connect(
            connection_string(self._dsn, application_name=self._application_name), autocommit=True
        )
        try:
            cursor = await connection.execute(WHO, prepare=False)
            self.pooled = is_pooled(connection, await cursor.fetchone())
            if not self.pooled:
                await self._plan(connection)
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _plan(self, connection: AsyncConnection) -> None:
        parameters = [self.pooled, list(PLANNING), list(PLANNING.values())]
        await connection.execute(SET, parameters, prepare=False)

    async def _run_one(self, connection: AsyncConnection, query: Query[T]) -> T:
        return cast(T, (await self._pipelined(connection, [query]))[0])


async def _nothing_to_mend(run: Runner) -> None:
    del run


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
