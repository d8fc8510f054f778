"""What a worker does at the same time, put together.

Everything happens on one event loop:

pump      writes outcomes down and claims jobs          (control connection)
crew      hands jobs to children, gathers outcomes      (pipes)
listener  hears that there is work                      (listen connection)
liveness  renews the lease                              (control connection)
watching  rescue of those that died                     (control connection)
duties    partitions, retention, room                   (control connection)
scheduler enqueues what is due                          (control connection)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import psycopg

from pgqueue import operations
from pgqueue.errors import SchemaMismatch
from pgqueue.schedules import source_of
from pgqueue.worker import duties, skew
from pgqueue.worker.board import Board, tick
from pgqueue.worker.commands import Commands
from pgqueue.worker.control import Control, Runner, first_line
from pgqueue.worker.crew import Crew
from pgqueue.worker.journal import Journal
from pgqueue.worker.limited import Limited
from pgqueue.worker.liveness import Liveness
from pgqueue.worker.pump import Pump
from pgqueue.worker.scheduler import Scheduler
from pgqueue.worker.settings import WorkerOptions
from pgqueue.worker.shutdown import Shutdown
from pgqueue.worker.wakeup import Listener
from pgqueue.worker.watching import watch

log = logging.getLogger("pgqueue.worker")


class Parts(NamedTuple):
    """What works on the control connection of a worker."""

    control: Control
    crew: Crew
    liveness: Liveness
    listener: Listener
    pump: Pump
    scheduler: Scheduler
    commands: Commands

    @classmethod
    def made(
        cls,
        options: WorkerOptions,
        hello: dict[str, Any],
        queues: Sequence[str],
        control: Control,
        crew: Crew,
        journal: Journal,
        shutdown: Shutdown,
        stop: Callable[[], None],
    ) -> Parts:
        """Make the parts of a worker, and tell each whom it is to tell.

        `hello` is what its children say of the application; `stop`: what to do when it is told to.
        """
        liveness = Liveness(control, crew, journal)
        listener = Listener(
            hello["listen_dsn"] or hello["dsn"],
            hello["schema"],
            queues,
            notify=lambda: control.run(operations.ping()),
            who=lambda: control.run(operations.backend()),
            room=lambda: control.run(operations.room()),
        )
        limited = Limited(hello["allowances"], rates=hello["rates"])
        pump = Pump(control, listener, liveness, crew, journal, shutdown, limited)
        scheduler = Scheduler(control, source_of(hello["name"], options.app), hello["schedules"])
        commands = Commands(
            options,
            hello,
            queues,
            control=control,
            liveness=liveness,
            crew=crew,
            limited=limited,
            pump=pump,
            listener=listener,
            journal=journal,
            stop=stop,
        )
        parts = cls(control, crew, liveness, listener, pump, scheduler, commands)
        listener.on_jobs, listener.on_control = pump.wake, parts.heard
        return parts

    def heard(self) -> None:
        """Ask at once what is to be done: something was said to this worker, or to all."""
        self.liveness.now.set()
        self.scheduler.changed.set()

    async def mend(self, run: Runner) -> None:
        """Go on with a new session where the last one ended."""
        await self.liveness.mend(run)
        self.pump.wake()

    def beside_the_pump(
        self, board: Board, mismatched: Callable[[SchemaMismatch], None], *, scheduler: bool
    ) -> list[Awaitable[None]]:
        """Return what goes on for as long as the pump does."""
        control, follow = self.control, board.follow
        return [
            follow("listener", self.listener.serve()),
            follow("heartbeat", self.liveness.serve()),
            follow("children", self.crew.serve()),
            follow("watch", watch(control, self.liveness)),
            *(follow(d.name, _keep_doing(d, control), rests=d.interval) for d in duties.DUTIES),
            *([follow("schedules", self.scheduler.serve())] if scheduler else []),
            follow("schema", skew.watch(control, mismatched), rests=skew.INTERVAL),
        ]


async def _keep_doing(duty: duties.Duty, control: Control) -> None:
    while True:
        tick()
        try:
            await duties.perform(duty, control)
        except psycopg.OperationalError as error:
            log.debug("duty %s comes later: %s", duty.name, first_line(error))
        except psycopg.Error as error:
            log.warning("duty %s: %s", duty.name, first_line(error))
        await asyncio.sleep(duty.interval)
