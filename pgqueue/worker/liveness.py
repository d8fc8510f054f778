"""The worker's row: registered, renewed every few seconds, put right after an outage."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg

from pgqueue import __version__, operations
from pgqueue.backoff import Seldom
from pgqueue.query import Query
from pgqueue.rows import Beat
from pgqueue.worker import board
from pgqueue.worker.control import QUIET, Control, Runner, first_line
from pgqueue.worker.crew import Crew
from pgqueue.worker.journal import Journal
from pgqueue.worker.settings import WorkerOptions

log = logging.getLogger("pgqueue.worker")

HEARTBEAT, LEASE = 5.0, 30.0
#: After a heartbeat that did not get through, the next follows this soon.
IMPATIENCE = 0.2


class Liveness:
    """Says that the worker lives, and notices when it was thought dead."""

    def __init__(self, control: Control, crew: Crew, journal: Journal) -> None:
        self._control = control
        self._crew = crew
        self._journal = journal
        self._row: dict[str, Any] = {}
        self.worker_id = 0
        #: In which life of the server this session holds the worker's lifeline; None: it does not.
        self._lifeline: str | None = None
        #: When the last heartbeat got through, on the monotonic clock.
        self.beat_at = -math.inf
        #: Why the last one did not, although the database is there: a SQLSTATE; "" if it did.
        self.refusal = ""
        self._news = Seldom(QUIET)
        #: Whether the session before may not be over yet, and may still claim.
        self._unsettled = False
        #: Set to have a heartbeat now.
        self.now = asyncio.Event()
        #: Whether it was told to stop: whoever kills it now had no more patience.
        self.stopping = False
        #: All ids that this worker has had: what it is told may be under an older one.
        self.ids: list[int] = []
        #: Called after each heartbeat that got through, with what it has brought.
        self.on_beat: Callable[[Beat], Awaitable[None]] = _nothing_to_heed

    async def register(
        self, options: WorkerOptions, queues: Sequence[str], tasks: Sequence[str]
    ) -> None:
        """Insert the worker's row."""
        self._row = {
            "name": options.name,
            "hostname": socket.gethostname(),
            "pid": os.getpid(),
            "version": __version__,
            "queues": list(queues),
            "tasks": list(tasks),
            "processes": options.processes,
            "concurrency": options.concurrency,
        }
        async with self._control.transaction() as run:
            await self._register(run)

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return int(self._row["pid"])

    async def serve(self) -> None:
        """Renew the lease, for ever."""
        while True:
            board.tick()
            self.now.clear()
            try:
                async with self._control.transaction() as run:
                    beat = await self._beat(run)
                await self.on_beat(beat)
            except psycopg.Error as error:
                log.debug("a heartbeat did not get through: %s", first_line(error))
                self.refusal = error.sqlstate or ""
                await asyncio.sleep(IMPATIENCE)
                continue
            await board.rest(self.now, HEARTBEAT)

    async def mend(self, run: Runner) -> None:
        """Put right what a broken connection may have left: claims whose answer was lost."""
        self._lifeline = None  # it went with the session
        beat = await self._beat(run)
        if beat.told:
            self.now.set()
        await self._release_unknown(run)
        self._unsettled = not self._lifeline

    async def _register(self, run: Runner) -> None:
        self.worker_id = await run(operations.register(self._row, LEASE))
        self.ids.append(self.worker_id)
        self._lifeline = None  # the one it holds is the old id's
        self._unsettled = False  # whoever claims under the old id gets nothing
        await self._hold(run)  # before the first claim, so that it tells when this session is over

    async def _hold(self, run: Runner) -> None:
        if not self._lifeline and not self._control.pooled:
            self._lifeline = await run(operations.hold_lifeline(self.worker_id))

    async def _release_unknown(self, run: Runner) -> None:
        lost = await run(operations.reconcile(self.worker_id, self._crew.known_claims()))
        if lost:
            await run(operations.cancel_requested(lost))
            if self._news.may(asyncio.get_running_loop().time()):
                log.info("%d jobs were claimed into a broken connection, are released", len(lost))

    def stop(self) -> None:
        """Say at once that the worker was told to stop, so that no job is charged with its end."""
        self.stopping = True
        self.now.set()

    def adapted(self, queues: Sequence[str], processes: int, concurrency: int) -> Query[None]:
        """Return what notes that the worker serves other queues, or has other slots."""
        self._row |= {
            "queues": list(queues),
            "processes": processes,
            "concurrency": concurrency,
        }
        return operations.adapt(self.worker_id, queues, processes, concurrency)

    async def _beat(self, run: Runner) -> Beat:
        trips = {"round_trips": self._control.round_trips}
        stopping = {"stopping": True} if self.stopping else {}
        about = {**self._journal.counts(), **trips, "pids": self._crew.pids(), **stopping}
        stats = json.dumps(about)
        active = self._crew.active(asyncio.get_running_loop().time())
        await self._hold(run)
        beat = operations.heartbeat(self.worker_id, LEASE, stats, active, lifeline=self._lifeline)
        news: Beat | None = await run(beat)
        if news and self._unsettled and self._lifeline:
            # The session before has let go of it: it is over, and so is what it was still claiming
            # when this one asked for the first time.
            await self._release_unknown(run)
            self._unsettled = False
        if not news:
            log.error(
                "worker id %d let its lease of %g s go by: its jobs run elsewhere, its own "
                "outcomes of them are refused; registering anew",
                self.worker_id,
                LEASE,
            )
            await self._register(run)
            self.now.set()
            news = Beat(told=True, settings="")  # perhaps: under the old id
        self.beat_at, self.refusal = time.monotonic(), ""
        return news


async def _nothing_to_heed(beat: Beat) -> None:
    del beat
