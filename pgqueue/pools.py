"""psycopg's pools, with the connection that came back last kept at hand.

A pool counts, times and keeps order among those who wait: that is more than an enqueue costs the
client besides. Most of the time nobody waits, and the same thread soon comes again.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from typing import Any

import psycopg
from psycopg import pq
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from pgqueue.wire import Wire

#: After so many seconds a connection goes back all the same: the pool may find it too old.
AT_HAND = 60.0
#: One that has come back no longer ago than this is as good as one that was just asked after.
JUST = 0.05
#: A pool that cannot connect waits ever longer between two attempts, without a limit, and whoever
#: asks it meanwhile waits with it. So it gives up after so many seconds, and is asked anew.
GIVES_UP, ASKED_ANEW = 4.0, 5.0


class Own(psycopg.Connection[Any]):
    """A connection of a pool of ours: when the pool lent it, and when it came back to hand."""

    wire: Wire
    lent_at: float
    back_at = -math.inf


class AsyncOwn(psycopg.AsyncConnection[Any]):
    """An async connection of a pool of ours."""

    wire: Wire
    lent_at: float
    back_at = -math.inf


class Pool(ConnectionPool[Own]):
    """A pool for threads."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._at_hand: deque[Own] = deque()
        self._asking = 0
        self._asking_lock = threading.Lock()
        super().__init__(*args, connection_class=Own, reconnect_timeout=GIVES_UP, **kwargs)

    def getconn(self, timeout: float | None = None) -> Own:
        """Return a connection whose server has not hung up; the one at hand, if there is one."""
        return self._sound(self._found(timeout), timeout)

    def get_just_back(self) -> Own:
        """Return a connection like `getconn`, for what can be done again.

        Whether its server has hung up is not looked at if it has only just come back.
        """
        connection = self._found(None)
        if time.monotonic() - connection.back_at < JUST:
            return connection
        return self._sound(connection, None)

    def putconn(self, conn: Own) -> None:
        """Take a connection back; keep it at hand, if nobody asks for one."""
        if self._is_asked() or self._at_hand or not _can_stay(conn):
            super().putconn(conn)
            return
        self._at_hand.append(conn)
        if self._is_asked():  # since this moment
            self._give_up_hand()

    def check(self) -> None:
        """Replace the connections that are broken."""
        self._give_up_hand()
        super().check()

    def close(self, timeout: float = 5.0) -> None:
        """Close the pool."""
        self._give_up_hand()
        super().close(timeout)

    def _sound(self, connection: Own, timeout: float | None) -> Own:
        while not _is_sound(connection):
            super().putconn(connection)
            self.check()  # others may have lost their server, too
            connection = self._found(timeout)
        return connection

    def _found(self, timeout: float | None) -> Own:
        try:
            return self._at_hand.pop()
        except IndexError:
            pass
        with self._asking_lock:
            self._asking += 1  # from here on nothing is kept at hand: it would be waited for
        try:
            return self._at_hand.pop() if self._at_hand else self._lent(timeout)
        except IndexError:
            return self._lent(timeout)
        finally:
            with self._asking_lock:
                self._asking -= 1

    def _is_asked(self) -> bool:
        return self._asking > 0

    def _lent(self, timeout: float | None) -> Own:
        left = self.timeout if timeout is None else timeout
        while True:
            try:
                connection = super().getconn(min(left, ASKED_ANEW))
            except PoolTimeout:
                left -= ASKED_ANEW
                if left <= 0:
                    raise
            else:
                connection.lent_at = time.monotonic()
                return connection

    def _give_up_hand(self) -> None:
        while self._at_hand:
            try:
                super().putconn(self._at_hand.pop())
            except IndexError:  # somebody has just taken it
                return


class AsyncPool(AsyncConnectionPool[AsyncOwn]):
    """A pool for one event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._at_hand: deque[AsyncOwn] = deque()
        self._asking = 0
        super().__init__(*args, connection_class=AsyncOwn, reconnect_timeout=GIVES_UP, **kwargs)

    async def getconn(self, timeout: float | None = None) -> AsyncOwn:  # noqa: ASYNC109 (its base's)
        """Return a connection whose server has not hung up; the one at hand, if there is one."""
        connection = await self._found(timeout)
        while not _is_sound(connection):
            await super().putconn(connection)
            await self.check()
            connection = await self._found(timeout)
        return connection

    async def putconn(self, conn: AsyncOwn) -> None:
        """Take a connection back; keep it at hand, if nobody asks for one."""
        if not self._asking and not self._at_hand and _can_stay(conn):
            self._at_hand.append(conn)
        else:
            await super().putconn(conn)

    async def check(self) -> None:
        """Replace the connections that are broken."""
        await self._give_up_hand()
        await super().check()

    async def close(self, timeout: float = 5.0) -> None:  # noqa: ASYNC109 (the same)
        """Close the pool."""
        await self._give_up_hand()
        await super().close(timeout)

    async def _found(self, timeout: float | None) -> AsyncOwn:  # noqa: ASYNC109 (the same)
        if self._at_hand:
            return self._at_hand.pop()
        self._asking += 1
        try:
            connection = await self._lent(timeout)
        finally:
            self._asking -= 1
        connection.lent_at = time.monotonic()
        return connection

    async def _lent(self, timeout: float | None) -> AsyncOwn:  # noqa: ASYNC109 (the same)
        left = self.timeout if timeout is None else timeout
        while True:
            try:
                return await super().getconn(min(left, ASKED_ANEW))
            except PoolTimeout:
                left -= ASKED_ANEW
                if left <= 0:
                    raise

    async def _give_up_hand(self) -> None:
        while self._at_hand:
            await super().putconn(self._at_hand.pop())


def _is_sound(connection: Own | AsyncOwn) -> bool:
    """Return whether the server has not hung up, as far as the socket knows."""
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()  # the first may find its last words, this one the end
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == pq.ConnStatus.OK


def _can_stay(connection: Own | AsyncOwn) -> bool:
    connection.back_at = now = time.monotonic()
    return (
        connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
        and now - connection.lent_at < AT_HAND
    )
