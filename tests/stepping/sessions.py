"""Connections that are stepped: one statement at a time, and it is known when one has to wait."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import psycopg

from pgqueue import operations
from pgqueue.query import Query
from pgqueue.transports.psycopg import execute
from pgqueue.worker import planning

#: What an actor can ask for besides a query.
CONNECT, BEGIN, COMMIT, ROLLBACK, IDLE = "connect", "begin", "commit", "rollback", "idle"
#: A statement that takes longer than this (seconds) may be waiting for a lock.
SUSPICIOUS = 0.004
HOPELESS = 60.0
#: A deadlock is found at once: nobody else makes a step meanwhile.
OPTIONS = "-c deadlock_timeout=2ms"


class Lost(psycopg.OperationalError):
    """The connection is gone; whether its last statement was done is not known."""


class Sent(NamedTuple):
    """A statement that is under way together with what follows it, to the end of a transaction."""

    query: Query[Any] | str
    rest: tuple[Query[Any] | str, ...]


class Session:
    """One connection, used by a thread of its own so that nobody waits for it."""

    def __init__(self, dsn: str, name: str, observer: psycopg.Connection) -> None:
        self._dsn = dsn
        self._name = name
        self._observer = observer
        self._connection: psycopg.Connection | None = None
        self._thread = ThreadPoolExecutor(1)
        self._in_force: dict[str, str] = {}
        self._under_way: Future[Any] | None = None
        #: Whether it was seen to wait for a lock.
        self._waiting = False

    @property
    def pid(self) -> int | None:
        """The server process, while there is one."""
        gone = self._connection is None or self._connection.closed
        return None if gone else self._connection.info.backend_pid

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        idle = psycopg.pq.TransactionStatus.IDLE
        return self.pid is not None and self._connection.info.transaction_status != idle

    @property
    def busy(self) -> bool:
        """Whether a statement is under way whose answer nobody has taken."""
        return self._under_way is not None

    def begin(self, wanted: Query | str | Callable) -> None:
        """Send what an actor asks for."""
        self._under_way = self._thread.submit(self._do, wanted)

    @property
    def done(self) -> bool:
        """Whether the answer is there; as of the last time that everything had settled."""
        return self._under_way is not None and self._under_way.done()

    def settled(self) -> bool:
        """Wait until the statement has ended or waits for a lock; True if it has ended."""
        deadline = time.monotonic() + HOPELESS
        patience = 0.0 if self._waiting else SUSPICIOUS
        while not wait([self._under_way], patience).done:
            self._waiting = self._waits()
            if self._waiting:
                return self._under_way.done()
            patience = SUSPICIOUS
            assert time.monotonic() < deadline, f"{self._name}: a statement that does not end"
        self._waiting = False
        return True

    def take(self) -> Any:
        """Return what the statement read, or raise its error."""
        done, self._under_way = self._under_way, None
        try:
            return done.result()
        except psycopg.OperationalError as error:
            if self._connection is None or self._connection.closed:
                raise Lost(str(error)) from error
            raise

    def interrupt(self) -> None:
        """Have the statement that waits give up, as a time-out would."""
        self._observer.execute("select pg_cancel_backend(%s)", [self.pid])
        wait([self._under_way])

    def terminate(self) -> None:
        """End the server process, and wait until all that it held is free."""
        if (pid := self.pid) is None:
            return
        self._observer.execute("select pg_terminate_backend(%s)", [pid])
        there = "select exists (select from pg_stat_activity where pid = %s)"
        while self._observer.execute(there, [pid]).fetchone()[0]:
            time.sleep(0.0005)
        if self._under_way:
            wait([self._under_way])
        with contextlib.suppress(psycopg.Error):
            self._connection.execute("select")  # the client learns it, too

    def cut(self) -> Session:
        """Return what the server still has of this session, which its client has lost."""
        rest = Session(self._dsn, self._name, self._observer)
        rest._connection, self._connection = self._connection, None
        rest._under_way, self._under_way = self._under_way, None
        rest._thread, self._thread = self._thread, rest._thread
        rest._in_force, self._in_force = self._in_force, {}
        rest._waiting, self._waiting = self._waiting, False
        return rest

    def close(self) -> None:
        """End the session for good."""
        if self._connection is not None:
            self.terminate()
            self._connection.close()
        self._thread.shutdown()

    def _do(self, wanted: Query | str | Callable) -> Any:
        if wanted == CONNECT:
            if self._connection is not None:
                self._connection.close()
            self._connection = psycopg.connect(
                self._dsn, autocommit=True, application_name=self._name, options=OPTIONS
            )
            self._in_force = {}
            return None
        if self._connection is None:
            raise Lost("there is no connection")
        if isinstance(wanted, str):
            self._connection.execute(wanted)
            if wanted == ROLLBACK:
                self._in_force = {}
            return None
        if callable(wanted):
            return wanted(self._connection)
        self._plan(wanted.name)
        return execute(self._connection, wanted)

    def _plan(self, statement: str) -> None:
        """Set what a worker plans this statement under; time-outs are left to the scheduler."""
        needed = planning.settings(statement).items()
        changed = {n: v for n, v in needed - self._in_force.items() if not n.endswith("_timeout")}
        if changed:
            execute(self._connection, operations.plan(changed, in_transaction=False))
            self._in_force |= changed

    def _waits(self) -> bool:
        asked = "select exists (select from pg_locks where pid = %s and not granted)"
        return self._observer.execute(asked, [self.pid]).fetchone()[0]
