"""The heart of the worker: outcomes down and jobs up, in one round trip.

While one round trip is under way the next outcomes gather, so batches grow with the load and an
idle worker's first result is written at once; there is no timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Sequence
from typing import Any

import psycopg

from pgqueue import operations
from pgqueue.backoff import Doubling, Seldom
from pgqueue.query import Query
from pgqueue.worker import board, claims, limited, pacing
from pgqueue.worker.claims import Look
from pgqueue.worker.control import QUIET, Control, Disconnected, first_line
from pgqueue.worker.crew import Crew
from pgqueue.worker.journal import Journal
from pgqueue.worker.limited import Limited
from pgqueue.worker.liveness import Liveness
from pgqueue.worker.reports import Batch
from pgqueue.worker.rotation import Rotation
from pgqueue.worker.shutdown import Shutdown
from pgqueue.worker.wakeup import Listener

log = logging.getLogger("pgqueue.worker")

#: After PostgreSQL refused a turn for a passing reason, such as a full disk, the next follows in
#: so many seconds; each time twice as many, up to the last.
STEP_BACK = 0.1, 2.0


class Pump:
    """Moves jobs between the database and the crew until there is nothing left to stop for."""

    def __init__(
        self,
        control: Control,
        listener: Listener,
        liveness: Liveness,
        crew: Crew,
        journal: Journal,
        shutdown: Shutdown,
        limited: Limited,
    ) -> None:
        self._control = control
        self._listener = listener
        self._liveness = liveness
        self._crew = crew
        self._journal = journal
        self._shutdown = shutdown
        self._limited = limited
        self._schedule = claims.Schedule()
        self._work = asyncio.Event()
        self._cursors = claims.Cursors(())
        self._tasks: Sequence[str] = ()
        self._turned_at = -math.inf
        self._rising: asyncio.Future[None] | None = None
        self._pauses = Doubling(*STEP_BACK)
        self._refusals = Seldom(QUIET)

    def poke(self) -> None:
        """Look whether there is something to do: a child reported, or the worker is to stop."""
        self._work.set()

    def wake(self) -> None:
        """Look for jobs at once: some have come, or may have."""
        self._schedule.wake()
        self._work.set()

    def serve(self, queues: Sequence[str]) -> None:
        """Claim from these queues from now on."""
        self._cursors.serve(queues)
        self.wake()

    async def run(self, queues: Sequence[str], tasks: Sequence[str], rotation: Rotation) -> None:
        """Work until stopping is asked for and every job in hand is written down."""
        self._cursors, self._tasks = claims.Cursors(queues, rotation), tasks
        loop = asyncio.get_running_loop()
        while True:
            board.tick()
            await self._gather()
            self._work.clear()
            now = loop.time()
            batch, want = self._crew.collect(), self._wanted()
            if batch or self._crew.freed or (want and self._schedule.due(now)):
                await self._turn(batch, want)
            elif self._shutdown.under_way:
                if not self._crew.in_hand:
                    return
                await self._wait_for_the_last(self._shutdown.remaining(now))
            elif not want:
                await self._get_up()
                await self._wait(math.inf)
            elif self._schedule.sleepy and await self._listener.lie_down():
                self._schedule.lay_down()
            else:
                await self._wait(self._schedule.pause(now))

    async def _gather(self) -> None:
        """Let a brisk worker's outcomes gather: it would spend its core on round trips of a few."""
        loop = asyncio.get_running_loop()
        while not self._shutdown.under_way:
            now = loop.time()
            patience = pacing.patience(
                rate=self._crew.pace.per_second(now),
                slots=self._crew.slots,
                in_hand=self._crew.in_hand,
                reported=self._crew.reported,
                keeps_up=self._schedule.keeps_up,
            )
            pause = self._turned_at + patience - now
            if pause <= 0:
                return
            await asyncio.sleep(min(pause, pacing.GATHER))

    def _wanted(self) -> int:
        if self._shutdown.under_way or not self._cursors.queues:
            return 0
        slots = self._crew.slots
        if not slots:
            return 0
        want = pacing.wanted(
            slots=slots,
            in_hand=self._crew.in_hand,
            speed=self._crew.speed.per_second,
            ahead=pacing.horizon(self._schedule.turn),
            stock=self._crew.stock,
        )
        return int(min(want, self._crew.room))

    async def _turn(self, batch: Batch, want: int) -> None:
        loop = asyncio.get_running_loop()
        self._turned_at = loop.time()
        writes = batch.queries()
        look = self._schedule.begin(self._turned_at) if want else None
        freed, self._crew.freed = self._crew.freed, set()
        asked: dict[str, Query[Any]] = {}

        def queries() -> list[Query[Any]]:
            asked.update(self._looking(look, want) if look else {})
            asked.update(self._looking_after(look, want, freed))
            return [*writes, *asked.values()]

        try:
            results = await self._control.run_all(queries)
        except Disconnected:
            batch.resent = True  # whether it was written down is not known
            self._crew.put_back(batch)
            self._crew.freed |= freed
        except psycopg.OperationalError as error:  # a lock, a deadlock, a time-out
            self._crew.freed |= freed
            await self._step_back(batch, error)
        except psycopg.Error as error:
            self._crew.freed |= freed
            await self._isolate(batch, error)
        else:
            self._pauses.reset()
            self._written(batch, results[: len(writes)])
            if look:
                self._saw(look, dict(zip(asked, results[len(writes) :], strict=True)), want)

    def _looking(self, look: Look, want: int) -> dict[str, Query[Any]]:
        """Return what a look for so many jobs asks."""
        lanes = self._cursors.lanes(sweep=look.sweeps)
        worker_id, tasks = self._liveness.worker_id, self._limited.plain(self._tasks)
        asked: dict[str, Query[Any]] = {}
        asked["jobs"] = operations.claim(worker_id, lanes, tasks, want, untouched=not look.sweeps)
        if look.asks:  # of all tasks: what is limited is to be parked when it is due
            asked["due"] = operations.next_due(lanes, self._tasks)
        return asked

    def _looking_after(
        self, look: Look | None, want: int, freed: set[str]
    ) -> dict[str, Query[Any]]:
        """Return what a turn asks of limited jobs: most ask nothing.

        Last, because letting in may wait for others that let in jobs of the same keys.
        """
        asked: dict[str, Query[Any]] = {}
        limited_, queues, now = self._limited, self._cursors.queues, self._turned_at
        if look and limited_.parks(now, sweeps=look.thorough):
            asked["parked"] = operations.park(queues, limited_.tasks, known=self._tasks)
        if freed or (look and limited_.looks(now, sweeps=look.thorough)):
            free = limited.wanted(slots=self._crew.slots, in_hand=self._crew.in_hand, want=want)
            asked["limited"] = operations.claim_limited(
                self._liveness.worker_id,
                queues,
                self._tasks,
                free if look else 0,
                freed,
                rates=limited_.rates,
            )
        if look and limited_.asks(now, sweeps=look.thorough, freed=bool(freed)):
            asked["limits_due"] = operations.limits_due(queues, rates=limited_.rates)
        return asked

    def _saw(self, look: Look, answers: dict[str, Any], want: int) -> None:
        """Take what a look has found, and note when to look again."""
        now = asyncio.get_running_loop().time()
        plain, let_in = answers["jobs"], answers.get("limited", [])
        self._schedule.looked(look, len(plain), want, now)
        if answers.get("due") is not None:
            self._schedule.due_within(answers["due"], now)
        if "parked" in answers:
            self._limited.parked(answers["parked"], operations.HEAD, now)
        if "limits_due" in answers:
            self._limited.answered(answers["limits_due"], now)
        self._schedule.due_within(self._limited.pause(now), now)
        jobs = [*let_in, *plain]  # the limited ones first: they count as running
        self._cursors.advance(plain, want)
        if not jobs:
            return
        self._crew.hand_out(jobs, now)
        if self._shutdown.under_way:  # asked for while the claim was under way
            self._crew.recall()
        if self._crew.pace.per_second(now) > pacing.BRISK:
            self._rising = asyncio.ensure_future(self._get_up())

    async def _get_up(self) -> None:
        self._schedule.get_up(asyncio.get_running_loop().time())
        await self._listener.get_up()

    async def _step_back(self, batch: Batch, error: psycopg.Error) -> None:
        """Keep what was not written down, and wait a little for what stands in its way to pass."""
        if self._refusals.may(asyncio.get_running_loop().time()):
            log.warning("%d outcomes will be written again: %s", len(batch), first_line(error))
        self._crew.put_back(batch)
        await asyncio.sleep(self._pauses.next())

    async def _isolate(self, batch: Batch, error: psycopg.Error) -> None:
        """Write a refused batch down job by job, so that one job's value harms only that job."""
        if not batch:  # it was the claim: nothing of ours will mend that, but somebody may
            await self._step_back(batch, error)
            return
        log.error("PostgreSQL refused a batch of %d outcomes: %s", len(batch), first_line(error))
        for part in batch.singly():
            try:
                await self._write(part)
            except psycopg.Error as refusal:
                with contextlib.suppress(psycopg.Error):
                    await self._write(part.refused_by(refusal))

    async def _write(self, batch: Batch) -> None:
        try:
            self._written(batch, await self._control.run_all(batch.queries))
        except Disconnected:
            batch.resent = True
            self._crew.put_back(batch)

    def _written(self, batch: Batch, results: list[Any]) -> None:
        self._journal.written(batch, results)
        if batch.crashed:
            self._crew.herald.written(batch, results)

    async def _wait_for_the_last(self, seconds: float) -> None:
        if seconds:
            await self._wait(seconds)
        else:
            self._crew.give_up()

    async def _wait(self, seconds: float) -> None:
        await board.rest(self._work, None if seconds == math.inf else seconds)
