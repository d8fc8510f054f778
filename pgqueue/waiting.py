"""Waits for results on behalf of a whole process: one thread, one connection, however many wait.

The thread takes the gate of results (see sql/functions/wake.sql), so that finishing workers notify
as long as somebody waits, and cost nothing when nobody does. A worker may have looked at the gate
just before it was taken: polls at doubling intervals cover that, and any notification that is lost.
"""

from __future__ import annotations

import logging
import os
import selectors
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from pgqueue import operations
from pgqueue.backoff import Doubling, Seldom
from pgqueue.database import connection_string, settle
from pgqueue.forks import FORKS
from pgqueue.query import Query
from pgqueue.rows import Outcome
from pgqueue.wire import Wire

T = TypeVar("T")

log = logging.getLogger("pgqueue.results")

PLACE = ""
POLL_FIRST, POLL_LAST = 0.002, 2.0
LINGER = 10.0
#: A server that has not answered after so many seconds has lost the connection.
PATIENCE = 15.0
#: An outage is not news more often than this, in seconds.
QUIET = 10.0
#: A finish may be older than its commit by as long as the task's own transaction stayed open.
MARGIN = timedelta(hours=1)


class ResultWaiter:
    """Hands out futures of outcomes; its thread and connection live while there are any."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self._schema = schema
        self._lock = threading.Lock()
        self._futures: dict[str, list[Future[Outcome]]] = {}
        self._fresh: set[str] = set()
        self._thread: threading.Thread | None = None
        self._bell: tuple[int, int] | None = None
        self._notified = False
        self._closing = False
        self._news = Seldom(QUIET)
        FORKS.tell(self, ResultWaiter._forked)

    def _forked(self) -> None:
        # The thread is the parent's, and must not hear this bell.
        for end in self._bell or ():
            os.close(end)
        self._bell = self._thread = None

    def outcome(self, job: str) -> Future[Outcome]:
        """Return a future of how a job ends."""
        return self.outcomes([job])[0]

    def outcomes(self, jobs: Sequence[str]) -> list[Future[Outcome]]:
        """Return a future of how each of these jobs ends."""
        futures: list[Future[Outcome]] = [Future() for _ in jobs]
        with self._lock:
            for job, future in zip(jobs, futures, strict=True):
                self._futures.setdefault(job, []).append(future)
            self._fresh.update(jobs)
            if self._thread is None:
                self._bell = os.pipe()
                self._thread = threading.Thread(
                    target=self._serve, name="pgqueue-results", daemon=True
                )
                self._thread.start()
            self._ring()
        return futures

    def close(self) -> None:
        """Cancel every wait and end the thread."""
        with self._lock:
            self._closing = True
            for futures in self._futures.values():
                for future in futures:
                    future.cancel()
            thread = self._thread
            if thread:
                self._ring()
        if thread:
            thread.join(timeout=5)

    def _ring(self) -> None:
        if self._bell:
            os.write(self._bell[1], b"!")

    def _serve(self) -> None:
        outage = Doubling(0.1, 5.0)
        while not self._retire():
            try:
                with psycopg.connect(connection_string(self._dsn), autocommit=True) as connection:
                    outage.reset()
                    self._watch(connection)
            except psycopg.OperationalError as error:
                if self._news.may(time.monotonic()):
                    log.warning("no connection to PostgreSQL, waiting on for results: %s", error)
                self._sleep(None, outage.next())
            except Exception as error:  # noqa: BLE001 (whoever waits must hear of it)
                self._fail(error)

    def _watch(self, connection: psycopg.Connection[Any]) -> None:
        settle(connection)
        pooled = connection.prepare_threshold is None
        if not pooled:  # through a pooler neither a lock nor LISTEN is ours: poll
            channel = sql.Identifier(f"{self._schema}.results")
            connection.execute(sql.SQL("listen {}").format(channel))
        self._notified = False
        wire = Wire(connection, self._schema, PATIENCE)

        def ask(query: Query[T]) -> T:
            answer = wire.run(query)
            while connection.pgconn.notifies():  # came with the answer: select will not see it
                self._notified = True
            return answer

        polls = Doubling(POLL_FIRST, POLL_LAST)
        awake = True
        since = ask(operations.now()) - MARGIN
        with self._lock:
            self._fresh = set(self._futures)  # after a reconnect nobody knows what was missed
        while True:
            ids = self._waiting_ids()
            if not ids:
                if not awake:
                    ask(operations.get_up([PLACE]))
                    awake = True
                if self._closing or not self._sleep(None, LINGER):
                    return
                polls.reset()
                continue
            if awake and not pooled:
                awake = not ask(operations.lie_down([PLACE]))
            with self._lock:
                fresh, self._fresh = self._fresh & ids, set()
            look = (
                operations.outcomes(fresh, "-infinity")
                if fresh
                else operations.outcomes(ids, since)
            )
            self._resolve(ask(look))
            if self._waiting_ids():
                self._sleep(connection, polls.next())

    def _sleep(self, connection: psycopg.Connection[Any] | None, timeout: float) -> bool:
        """Wait for a notification or for the bell; False if neither came."""
        assert self._bell
        if connection and self._notified:
            self._notified = False
            return True
        with selectors.DefaultSelector() as selector:
            selector.register(self._bell[0], selectors.EVENT_READ)
            if connection:
                selector.register(connection, selectors.EVENT_READ)
            ready = {key.fileobj for key, _ in selector.select(timeout)}
        if self._bell[0] in ready:
            os.read(self._bell[0], 4096)
        if connection and connection in ready:
            connection.pgconn.consume_input()
            while connection.pgconn.notifies():
                pass
        return bool(ready)

    def _waiting_ids(self) -> set[str]:
        with self._lock:
            self._drop_cancelled()
            return set(self._futures)

    def _drop_cancelled(self) -> None:
        for job, futures in list(self._futures.items()):
            if all(future.cancelled() for future in futures):
                del self._futures[job]

    def _resolve(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            with self._lock:
                futures = self._futures.pop(outcome.id, [])
            for future in futures:
                if future.set_running_or_notify_cancel():
                    future.set_result(outcome)

    def _fail(self, error: Exception) -> None:
        with self._lock:
            failed, self._futures = self._futures, {}
        for futures in failed.values():
            for future in futures:
                if future.set_running_or_notify_cancel():
                    future.set_exception(error)

    def _retire(self) -> bool:
        with self._lock:
            self._drop_cancelled()
            if self._futures:
                return False
            self._thread = None
            if self._bell:
                for end in self._bell:
                    os.close(end)
                self._bell = None
            return True
