"""Keeps schedules: declares those of the application, and fires what is due.

Every worker has one of these, and any of them may do it. A tick is one transaction: whoever gets
the lock has the due schedules, inserts their jobs and advances them; nothing is remembered outside
of the database, whose clock decides. So whichever scheduler is killed, frozen or cut off, and at
whatever moment, the next one goes on where its last commit has left off.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence

import psycopg

from pgqueue import operations
from pgqueue.backoff import Seldom
from pgqueue.errors import ConfigurationError
from pgqueue.rows import DueSchedule, Turn
from pgqueue.turns import GRACE, turn
from pgqueue.worker import board
from pgqueue.worker.control import QUIET, Control, Disconnected, Runner, first_line

log = logging.getLogger("pgqueue.worker")

#: The longest that a scheduler sleeps: so soon one takes over from another that is gone.
POLL = 2.0
#: How often it says what its application declares.
DECLARING = 30.0
#: So soon it looks again after another one had the lock, or something was in the way.
RETRY = 0.25
#: Who was not the one to fire the last time looks so much later than the next one is due.
BEHIND = 0.5
#: How many schedules are fired in one transaction.
BATCH = 200


class Scheduler:
    """Fires schedules over a connection; `declared`: those of the application `source`, in JSON."""

    def __init__(self, control: Control, source: str, declared: str) -> None:
        self._control = control
        self._source, self._declared = source, declared
        self._news = Seldom(QUIET)
        self._behind = 0.0
        #: Names of which it was said that they are others'.
        self._taken: set[str] = set()
        #: Set when schedules may have changed.
        self.changed = asyncio.Event()

    async def serve(self) -> None:
        """Declare, and fire what is due, for ever."""
        declare_at = _now()
        while True:
            board.tick()
            self.changed.clear()
            try:
                if _now() >= declare_at:
                    declare_at = _now() + (DECLARING if await self._declares() else POLL)
                pause = await self._look()
            except psycopg.Error as error:
                self._tell_of(error)
                pause = RETRY
            await board.rest(self.changed, pause)

    def _tell_of(self, error: psycopg.Error) -> None:
        log.debug("schedules are looked at again: %s", first_line(error))
        if not isinstance(error, Disconnected) and self._news.may(_now()):
            log.warning("schedules: %s", first_line(error))

    async def _declares(self) -> bool:
        """Declare; False if that is to be done again soon, and what is there is kept meanwhile."""
        try:
            return await self._declare()
        except Disconnected:
            raise
        except psycopg.Error as error:
            self._tell_of(error)
            return False

    async def _declare(self) -> bool:
        async with self._control.transaction() as run:
            if not await run(operations.lead(f"schedules of {self._source}")):
                return False
            done = await run(operations.declare_schedules(self._source, self._declared))
        for name, what in done:
            if what != "taken":
                log.info("schedule %s: %s", name, what)
            elif name not in self._taken:
                self._taken.add(name)
                text = "schedule %s is left out: there is one of this name that %s does not declare"
                log.warning(text, name, self._source)
        return True

    async def _look(self) -> float:
        """Fire what is due; return for how long there is nothing to do, as far as is known."""
        wait = await self._control.run(operations.next_tick())
        if wait is None:
            return POLL
        if wait > 0:
            return min(wait + self._behind, POLL)
        fired = await self.fire()
        self._behind = 0.0 if fired else BEHIND
        return 0.0 if fired else RETRY

    async def fire(self) -> bool:
        """Fire what is due; False if that is for others to do, or something was in the way."""
        due: list[DueSchedule] = []
        try:
            return await self._tick(due)
        except psycopg.Error as error:
            if isinstance(error, Disconnected) or not due:
                raise
            self._tell_of(error)
        for each in due:
            await self._alone(each.name)
        return False

    async def _alone(self, name: str) -> None:
        try:
            await self._tick([], name)
        except Disconnected:
            raise
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            self._report(name, first_line(error))
            async with self._control.transaction() as run:
                await run(operations.lead("schedules"))  # whoever edits it is not waited for
                await run(operations.refuse_schedule(name, first_line(error)))
        except psycopg.Error as error:
            self._tell_of(error)  # it comes later

    async def _tick(self, due: list[DueSchedule], name: str | None = None) -> bool:
        async with self._control.transaction() as run:
            if not await run(operations.lead("schedules")):
                return False
            due += await run(operations.due_schedules(BATCH, name))
            turns = await self._turns(run, due)
            replaced = [each.replaces for each in turns if each.replaces]
            if replaced:
                await run(operations.cancel(replaced))
            jobs = await run(operations.fire(turns)) if turns else 0
        _tell(due, jobs)
        return bool(due)

    async def _turns(self, run: Runner, due: Iterable[DueSchedule]) -> Sequence[Turn]:
        turns = []
        for each in due:
            try:
                turns.append(turn(each))
            except Exception as error:  # noqa: BLE001 (whatever it is, the others go on)
                known = isinstance(error, ConfigurationError)
                text = str(error) if known else f"{type(error).__name__}: {error}"
                self._report(each.name, text)
                await run(operations.refuse_schedule(each.name, text))
        return turns

    def _report(self, name: str, error: str) -> None:
        log.error("schedule %s is not kept until it is changed: %s", name, error)


def _tell(due: Iterable[DueSchedule], jobs: int) -> None:
    missed = [
        (each.next_run_at, each.name)
        for each in due
        if each.next_run_at and each.now - each.next_run_at > GRACE
    ]
    if missed:
        since, name = min(missed)
        text = "nobody kept %d schedules for a while, such as %s since %s: see their catch_up"
        log.warning(text, len(missed), name, since.isoformat())
    log.debug("schedules: %d jobs enqueued", jobs)


def _now() -> float:
    return asyncio.get_running_loop().time()
