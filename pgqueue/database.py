"""Connections of our own, on psycopg: how they are made, and an application's pools of them."""

from __future__ import annotations

import asyncio
import atexit
import threading
import weakref
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString, TypeAlias, TypeVar, cast

import psycopg
from psycopg.abc import Buffer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.datetime import TimestamptzLoader

from pgqueue.forks import FORKS
from pgqueue.pools import AsyncOwn, AsyncPool, Own, Pool
from pgqueue.query import Query, Row
from pgqueue.statements import DEFAULT_SCHEMA, checked_schema
from pgqueue.transports.explain import explained
from pgqueue.wire import Wire

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
    FORKS.watch(connection)
    connection.adapters.register_loader("timestamptz", EndlessLoader)
    if is_pooled(connection, connection.execute(WHO, prepare=False).fetchone()):
        connection.prepare_threshold = None


async def asettle(connection: AsyncConnection) -> None:
    """Make an async connection of our own ready, like `settle`."""
    FORKS.watch(connection)
    connection.adapters.register_loader("timestamptz", EndlessLoader)
    cursor = await connection.execute(WHO, prepare=False)
    if is_pooled(connection, await cursor.fetchone()):
        connection.prepare_threshold = None


def is_pooled(connection: SyncConnection | AsyncConnection, who: Row | None) -> bool:
    """Tell whether a pooler lends the server's sessions, given who answers `WHO`."""
    # A pooler makes up the process id that it tells its clients.
    return who is not None and who[0] != connection.info.backend_pid


def is_lent(mine: Sequence[int], theirs: Sequence[int]) -> bool:
    """Tell whether a pooler lends a session to each transaction, as far as that can be seen.

    Given who answered each of two connections, one transaction each time. In session mode each
    keeps a session to itself. One of them must have asked twice in a row: else a pooler that goes
    round a few sessions may come to the same ones at each turn. A busy one may hide what it does.

    >>> is_lent([7, 7], [8, 8]), is_lent([7, 7], [7, 7]), is_lent([7, 9], [8, 10])
    (False, True, True)
    """
    return len(set(mine)) > 1 or not set(mine).isdisjoint(theirs)


class Pools:
    """The connections of one application: one pool for threads, one per event loop.

    Pools open with the first query. One that was inherited through a fork is never used.
    """

    def __init__(self, dsn: str, schema: str = DEFAULT_SCHEMA, max_size: int = 10) -> None:
        self.dsn = dsn
        self.schema = checked_schema(schema)
        self.max_size = max_size
        #: Kept from their finalizers, which would stop threads that are the parent's.
        self._inherited: list[Pool | AsyncPool | None] = []
        self._begin()
        FORKS.tell(self, Pools._forked)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        self._async_pools: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncPool] = (
            weakref.WeakKeyDictionary()
        )
        self._opening: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )

    def _forked(self) -> None:
        # The lock may be held by a thread that is only the parent's.
        self._inherited += [self._pool, *self._async_pools.values()]
        self._begin()

    def run(self, query: Query[T]) -> T:
        """Run a query by itself on a connection of the pool."""
        pool = self.pool()
        for last in (False, True):
            # Its context manager would commit what commits by itself.
            own = pool.get_just_back()
            try:
                with explained(self.schema):
                    return own.wire.run(query)
            except psycopg.OperationalError:
                if last or not own.closed:
                    raise
            finally:
                pool.putconn(own)
            # The server went away while the connection lay in the pool, maybe others with it.
            # Every operation can be done twice: an enqueue is known by its id.
            pool.check()
            query = query.again() if query.again else query
        raise AssertionError

    async def arun(self, query: Query[T]) -> T:
        """Run a query by itself on an async connection of the pool."""
        pool = await self.async_pool()
        for last in (False, True):
            own = await pool.getconn()
            try:
                with explained(self.schema):
                    return cast(T, (await own.wire.arun([query]))[0])
            except psycopg.OperationalError:
                if last or not own.closed:
                    raise
            finally:
                await pool.putconn(own)
            await pool.check()
            query = query.again() if query.again else query
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

    def pool(self) -> Pool:
        """Return the pool for threads, opened."""
        FORKS.notice()
        with self._lock:
            if self._pool is None:
                # A pool would try for half a minute and then not say why.
                psycopg.connect(connection_string(self.dsn)).close()
                # autocommit: one enqueue is one round trip, not three.
                self._pool = Pool(
                    connection_string(self.dsn),
                    kwargs={"autocommit": True},
                    min_size=0,
                    max_size=self.max_size,
                    configure=self._settle,
                    open=True,
                    name="pgqueue",
                )
                atexit.register(self.close)
            return self._pool

    async def async_pool(self) -> AsyncPool:
        """Return the pool of the running event loop, opened."""
        FORKS.notice()
        loop = asyncio.get_running_loop()
        if pool := self._async_pools.get(loop):
            return pool
        async with self._opening.setdefault(loop, asyncio.Lock()):
            if pool := self._async_pools.get(loop):
                return pool
            await (await psycopg.AsyncConnection.connect(connection_string(self.dsn))).close()
            pool = AsyncPool(
                connection_string(self.dsn),
                kwargs={"autocommit": True},
                min_size=0,
                max_size=self.max_size,
                configure=self._asettle,
                open=False,
                name="pgqueue",
            )
            await pool.open()
            self._async_pools[loop] = pool
            return pool

    def _settle(self, connection: Own) -> None:
        settle(connection)
        connection.wire = Wire(connection, self.schema)

    async def _asettle(self, connection: AsyncOwn) -> None:
        await asettle(connection)
        connection.wire = Wire(connection, self.schema)

    def close(self) -> None:
        """Close the pool for threads."""
        FORKS.notice()
        with self._lock:
            if self._pool is not None:
                atexit.unregister(self.close)
                self._pool.close()
                self._pool = None

    async def aclose(self) -> None:
        """Close the pool of the running event loop."""
        FORKS.notice()
        pool = self._async_pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.close()
