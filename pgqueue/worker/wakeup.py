"""The listen connection: tells enqueuers that this worker sleeps, and hears that it should not.

A worker that sleeps holds a shared advisory lock for each of its queues (sql/functions/wake.sql).
An enqueuer that looks before the lock is taken and commits after it does not notify: therefore a
worker that has just lain down polls after 2, 4, 8 … ms. A job is so picked up no later after its
commit than its transaction had stayed open after the look.

Nothing depends on this connection: whatever becomes of it, polls find the work. So it never waits
for long, and it makes way where connections are scarce.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
from psycopg import sql

from pgqueue import operations
from pgqueue.backoff import Doubling
from pgqueue.database import WHO, AsyncConnection, connection_string, is_lent
from pgqueue.query import Query
from pgqueue.transports.psycopg import aexecute
from pgqueue.worker import board
from pgqueue.worker.control import CONNECTING
from pgqueue.worker.hangup import answered_within

log = logging.getLogger("pgqueue.worker")

#: A notification that has not come after so many seconds does not come at all.
PATIENCE = 5.0
#: How often two connections ask in turn who answers them: see `is_lent`.
TURNS = 3
#: A server that has not answered on this connection after so many seconds has lost it. The pump
#: waits as long, to lie down or to get up: no longer than a poll.
ANSWER = 2.0
#: A connection that says nothing may be dead: so often it is asked for a sign of life.
CHECK = 10.0
#: So many connections of the server are left to those who cannot do without one. Where there are
#: fewer, this worker polls, and looks again after so many seconds.
SPARE, SCARCE = 3, 20.0


class Listener:
    """Drains notifications into two callbacks: `on_jobs` and `on_control`."""

    def __init__(
        self,
        dsn: str,
        schema: str,
        queues: Sequence[str],
        notify: Callable[[], Awaitable[Any]],
        who: Callable[[], Awaitable[int]] | None = None,
        room: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._queues = list(queues)
        #: Sends a notification on another connection.
        self._notify = notify
        #: Asks which server process answers there, and how many connections are left.
        self._who, self._room = who, room
        self.on_jobs: Callable[[], None] = _ignore
        self.on_control: Callable[[], None] = _ignore
        self._connection: AsyncConnection | None = None
        self._socket = -1
        self._lock = asyncio.Lock()
        self._asleep: set[str] = set()
        self._lost = asyncio.Event()
        self._heard = asyncio.Event()
        #: Whether notifications arrive at all: not through a transaction pooler.
        self.works = False
        #: Whether a pooler lends this connection another session for each transaction.
        self._lent = False
        #: Whether it has been said that they do not arrive.
        self._said = False

    async def serve(self) -> None:
        """Keep a connection that listens, for ever."""
        pauses = Doubling(0.1, 5.0)
        while True:
            try:
                # Asked before: this connection must not be one too many.
                if await self._is_scarce():
                    pause = SCARCE
                else:
                    async with board.away():
                        await self._connect()
                        await self._check()
                    pauses.reset()
                    self.on_jobs()  # something may have come while nobody listened
                    pause = await self._until_lost()
            except psycopg.Error:
                # The control connection says what is wrong; until it is mended, polls do.
                pause = pauses.next()
            board.tick()
            await self.close()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)

    async def _is_scarce(self) -> bool:
        return self._room is not None and await self._room() < SPARE

    async def _until_lost(self) -> float:
        """Wait until the connection is lost or others need it more; return for how long."""
        while not self._lost.is_set():
            await board.rest(self._lost, CHECK)
            if not self._lost.is_set():
                await self._ask(operations.backend())
                if await self._is_scarce():
                    return SCARCE
        return 0.0

    def serve_queues(self, queues: Sequence[str]) -> None:
        """Sleep for want of jobs in these queues, from the next time on."""
        self._queues = list(queues)

    async def lie_down(self) -> bool:
        """Ask to be woken; True if that is newly in force, so that one more look is due."""
        if left := self._asleep - set(self._queues):
            self._asleep -= left
            await self._ask(operations.get_up(left))
        wanted = set(self._queues) - self._asleep
        if not wanted or not self.works:
            return False
        taken = await self._ask(operations.lie_down(wanted)) or set()
        self._asleep |= taken
        return bool(taken)

    async def get_up(self) -> None:
        """Ask no longer to be woken."""
        if self._asleep:
            asleep, self._asleep = self._asleep, set()
            await self._ask(operations.get_up(asleep))

    async def close(self) -> None:
        """Close the connection, and with it every lock."""
        async with self._lock:
            connection, self._connection = self._connection, None
            self._asleep = set()
            self.works = False
            if connection:
                self._unwatch()
                await connection.close()

    async def _connect(self) -> None:
        self._lost.clear()
        about = {"application_name": "pgqueue listen", "connect_timeout": CONNECTING}
        connection = await psycopg.AsyncConnection.connect(
            connection_string(self._dsn, **about), autocommit=True
        )
        try:
            connection.add_notify_handler(lambda notify: self._notified(notify.channel))
            with answered_within(CONNECTING, connection):
                self._lent = await self._is_lent(connection)
            if not self._lent:  # a LISTEN would stay in a session that is somebody else's next
                await self._listen(connection)
        except BaseException:
            await connection.close()
            raise
        self._connection = connection
        self._socket = connection.fileno()
        self._watch()

    async def _listen(self, connection: AsyncConnection) -> None:
        with answered_within(CONNECTING, connection):
            for channel in ("jobs", "control"):
                listen = sql.SQL("listen {}").format(sql.Identifier(f"{self._schema}.{channel}"))
                await connection.execute(listen)

    async def _is_lent(self, connection: AsyncConnection) -> bool:
        """Find out whether this is a transaction pooler's, by asking together with another one."""
        mine, theirs = [await _backend(connection)], list[int]()
        if self._who is None or mine[0] == connection.info.backend_pid:
            return False
        for _ in range(TURNS):
            theirs.append(await self._who())
            mine += [await _backend(connection), await _backend(connection)]
        return is_lent(mine, theirs)

    async def _check(self) -> None:
        """Find out whether notifications arrive, and say once if not."""
        self.works = not self._lent and await self._hears()
        if not self.works and not self._said:
            self._said = True
            log.warning(
                "notifications do not arrive (%s): polling instead; give a direct connection as "
                "listen_dsn to be woken",
                "this is a pooler in transaction mode" if self._lent else "a transaction pooler?",
            )

    async def _hears(self) -> bool:
        """Have a notification sent on another connection."""
        self._heard.clear()
        await self._notify()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), PATIENCE)
        return self._heard.is_set()

    async def _ask(self, query: Query[Any]) -> Any:
        """Run a query on the listen connection, which is otherwise watched for notifications."""
        async with board.away(), self._lock:
            connection = self._connection
            if connection is None or self._lost.is_set():
                return None
            self._unwatch()  # while a query is under way, psycopg reads the socket
            try:
                with answered_within(ANSWER, connection):
                    return await aexecute(connection, query, self._schema)
            except psycopg.Error:
                self._lost.set()
                return None
            finally:
                if not self._lost.is_set():
                    self._watch()
                    self._drain(connection)

    def _watch(self) -> None:
        assert self._connection
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._drain, self._connection)

    def _unwatch(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)

    def _drain(self, connection: AsyncConnection) -> None:
        try:
            connection.pgconn.consume_input()
            while notify := connection.pgconn.notifies():
                self._notified(notify.relname.decode())
        except psycopg.OperationalError:
            self._unwatch()
            self._lost.set()

    def _notified(self, channel: str) -> None:
        self._heard.set()
        if channel.endswith(".control"):
            self.on_control()
        else:
            self.on_jobs()


async def _backend(connection: AsyncConnection) -> int:
    (pid,) = await (await connection.execute(WHO, prepare=False)).fetchone() or (0,)
    return int(pid)


def _ignore() -> None:
    pass
