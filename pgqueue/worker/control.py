"""The worker's control connection: every statement of the bookkeeping goes through it."""

from __future__ import annotations

import asyncio
import logging
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import psycopg

from pgqueue.backoff import Doubling, Seldom
from pgqueue.database import WHO, AsyncConnection, connection_string, is_pooled
from pgqueue.query import Query
from pgqueue.wire import Wire
from pgqueue.worker.board import away
from pgqueue.worker.hangup import answered_within
from pgqueue.worker.planning import Planner

T = TypeVar("T")
log = logging.getLogger("pgqueue.worker")

#: An outage is not news more often than this, in seconds.
QUIET = 10.0
#: A transaction that is not over after so many seconds never will be: the peer is gone, or stuck.
#: Less than the lease, for heartbeats go over this connection; more than any statement may take.
PATIENCE = 20.0
#: For making a connection, to each of the hosts: one of two may be dead, and a fail-over is on.
CONNECTING = 5
#: Who was cut off for longer than this may have missed what the other workers have to say.
ABSENCE = 10.0

Runner = Callable[[Query[Any]], Awaitable[Any]]


class Disconnected(psycopg.OperationalError):
    """The connection broke while a statement was under way; whether it was done is not known."""


class Session:
    """A connection, the wire over which its queries go, and what they are planned under."""

    def __init__(self, connection: AsyncConnection, schema: str, *, pooled: bool) -> None:
        self.connection = connection
        self._wire = Wire(connection, schema)
        self._planner = Planner(pooled=pooled)

    async def run(self, queries: Sequence[Query[Any]]) -> list[Any]:
        """Run queries in one round trip; return what each one read."""
        prepared = self._planner.prepare(queries)
        return self._planner.answers(prepared, await self._wire.arun(prepared))

    async def run_one(self, query: Query[T]) -> T:
        """Run one query."""
        return cast(T, (await self.run([query]))[0])

    def rolled_back(self) -> None:
        """Note that a transaction was undone, and its settings with it."""
        self._planner.forget()


class Control:
    """One connection that is made again for ever, used by one task at a time."""

    def __init__(self, dsn: str, schema: str, application_name: str) -> None:
        self._dsn = dsn
        self.schema = schema
        self._application_name = application_name
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        #: Called in a transaction of every new connection before anything else uses it.
        self.on_reconnect: Callable[[Runner], Awaitable[None]] = _nothing_to_mend
        #: Whether a pooler lends the server's connections, so that sessions mean nothing.
        self.pooled = False
        #: How often `run_all` has waited for the server.
        self.round_trips = 0
        #: When the connection came back after a long absence, by the loop's clock.
        self.returned_at = -math.inf
        self._heard_at = math.inf
        self._news = Seldom(QUIET)

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as anybody has noticed."""
        return self._session is not None and not self._session.connection.closed

    async def connect(self) -> None:
        """Connect once; raises psycopg's error if that fails."""
        async with self._lock:
            self._session = await self._open()

    async def close(self) -> None:
        """Close the connection."""
        if self._session:
            await self._session.connection.close()
            self._session = None

    async def run(self, query: Query[T]) -> T:
        """Run one query in a transaction of its own."""
        async with away(), self._use() as session:
            return await session.run_one(query)

    async def run_all(self, queries: Callable[[], Sequence[Query[Any]]]) -> list[Any]:
        """Run queries in one round trip and one transaction; return what each one read.

        They are asked for when it is their turn, and so know what others have heard until then.
        """
        async with away(), self._use() as session:
            self.round_trips += 1
            return await session.run(queries())

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Runner]:
        """Lend a function that runs queries one by one in one transaction."""
        async with away(), self._use() as session, session.connection.transaction():
            yield session.run_one

    @asynccontextmanager
    async def _use(self) -> AsyncIterator[Session]:
        async with self._lock:
            if self._session is None or self._session.connection.closed:
                self._session = await self._reopen()
            session = self._session
            connection = session.connection
            try:
                with answered_within(PATIENCE, connection):
                    yield session
                self._heard_at = asyncio.get_running_loop().time()
            except BaseException as error:
                session.rolled_back()
                if not isinstance(error, psycopg.Error):
                    raise
                # A server that has become read-only is not the one to write to any more.
                read_only = isinstance(error, psycopg.errors.ReadOnlySqlTransaction)
                if not connection.closed and not read_only:
                    raise
                self._session = None
                await connection.close()
                raise Disconnected(str(error)) from error

    async def _reopen(self) -> Session:
        loop = asyncio.get_running_loop()
        pauses = Doubling(0.05, 2.0)
        said = False
        while True:
            try:
                session = await self._open()
                try:
                    with answered_within(PATIENCE, session.connection):
                        async with session.connection.transaction():
                            await self.on_reconnect(session.run_one)
                except BaseException:
                    await session.connection.close()
                    raise
            except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
                if self._news.may(loop.time()):
                    said = True
                    log.warning("no connection to PostgreSQL, trying on: %s", first_line(error))
                await asyncio.sleep(pauses.next() * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)
            else:
                now = loop.time()
                if now - self._heard_at > ABSENCE:
                    self.returned_at = now
                if said or self._news.may(now):
                    log.info("connected to PostgreSQL again")
                return session

    async def _open(self) -> Session:
        about = {"application_name": self._application_name, "connect_timeout": CONNECTING}
        connection = await psycopg.AsyncConnection.connect(
            connection_string(self._dsn, **about), autocommit=True
        )
        try:
            with answered_within(CONNECTING, connection):
                cursor = await connection.execute(WHO, prepare=False)
                self.pooled = is_pooled(connection, await cursor.fetchone())
            if self.pooled:
                connection.prepare_threshold = None
        except BaseException:
            await connection.close()
            raise
        return Session(connection, self.schema, pooled=self.pooled)


async def _nothing_to_mend(run: Runner) -> None:
    del run


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
