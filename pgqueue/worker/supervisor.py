"""The supervisor: one worker from its first connection to its last.

It runs no user code and decodes no payload, so nothing that a task does can stop its heartbeat.
What goes on beside each other, all on one event loop, is put together in `parts`. Only probes are
answered by a thread of their own, which sees from the board which of the loops hang.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable
from typing import Any, TypeVar

import psycopg

from pgqueue import operations
from pgqueue.config import hide_password
from pgqueue.errors import ConfigurationError, SchemaMismatch
from pgqueue.worker import skew
from pgqueue.worker.board import REST, Board, tick
from pgqueue.worker.control import Control, first_line
from pgqueue.worker.crew import Crew
from pgqueue.worker.health import HealthServer
from pgqueue.worker.journal import Journal
from pgqueue.worker.liveness import Liveness
from pgqueue.worker.parts import Parts
from pgqueue.worker.probes import Probes
from pgqueue.worker.processes import Guardian
from pgqueue.worker.pump import Pump
from pgqueue.worker.rotation import Rotation
from pgqueue.worker.settings import WorkerOptions
from pgqueue.worker.shutdown import Shutdown
from pgqueue.worker.wakeup import Listener

log = logging.getLogger("pgqueue.worker")

T = TypeVar("T")

SUMMARY_INTERVAL = 10.0
#: How long a worker that has nothing to run any more tries to write that down, and the same after
#: a second signal.
FAREWELL, HASTE = 3.0, 0.7
#: How often it looks whether that time has begun.
PATIENCE = 0.05


async def run_worker(options: WorkerOptions) -> None:
    """Run a worker until it is told to stop.

    SIGTERM, SIGINT or SIGHUP: no new claims, and running jobs have `options.grace` seconds to end;
    the rest is given back uncharged. A second signal, or SIGQUIT: at once. Raises
    `ConfigurationError` or `SchemaMismatch` if it cannot begin; once begun, it outlives every
    outage of the database.
    """
    shutdown = Shutdown(options.grace)
    journal = Journal()
    supervisor = Supervisor(options, shutdown, journal)
    health = supervisor.health()
    try:
        await supervisor.run()
    finally:
        supervisor.kill()
        if health:
            health.close()


class Supervisor:
    """Puts the parts of a worker together and keeps them going."""

    def __init__(self, options: WorkerOptions, shutdown: Shutdown, journal: Journal) -> None:
        self._options = options
        self._shutdown = shutdown
        self._journal = journal
        self._pump: Pump | None = None
        self._liveness: Liveness | None = None
        self._out_of_patience = False
        self._mismatch: SchemaMismatch | None = None
        self._guardian = Guardian()
        self.crew = self._crew(options)
        self._board = Board()
        self._probes = Probes(self._board, shutdown, self.crew)

    def _crew(self, options: WorkerOptions) -> Crew:
        return Crew(options, self._journal, self._shutdown, self._on_change, self._guardian)

    def kill(self) -> None:
        """Leave no process behind."""
        self.crew.kill()
        self._guardian.dismiss()

    def health(self) -> HealthServer | None:
        """Answer probes from now on, if that is wanted; `ConfigurationError` if it cannot be."""
        if self._options.health_port is None:
            return None
        host = self._options.health_host
        health = HealthServer(host, self._options.health_port, self._probes.pages())
        log.info("answering /livez and /readyz on %s, port %d", host, health.port)
        return health

    async def run(self) -> None:
        """Start, work, stop."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._asked_to_stop, "SIGTERM")
        loop.add_signal_handler(signal.SIGINT, self._asked_to_stop, "SIGINT")
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup: it is not to end
            loop.add_signal_handler(signal.SIGHUP, self._asked_to_stop, "SIGHUP")
        if signal.getsignal(signal.SIGQUIT) is not signal.SIG_IGN:
            loop.add_signal_handler(signal.SIGQUIT, self._end_now)
        await until_done(self._live(), [self._board.follow("supervisor", _breathe())])

    async def _live(self) -> None:
        hello = await self._introduced()
        if hello is not None:
            await self._work(hello)

    async def _introduced(self) -> dict[str, Any] | None:
        """Start the children; return what they say of the application, or None if it is to stop.

        Where its settings want other children than were started, these are replaced before they
        have got any job: who writes that on the command line saves this second start.
        """
        await self.crew.start()
        hello = await self._unless_asked_to_stop(self.crew.hello)
        if hello is None:
            return None
        for remark in hello["remarks"]:
            log.warning("%s", remark)
        settled = self._options.settled(hello["settings"])
        if settled == self._options:
            return hello
        self._options = settled
        self.crew.kill()
        self.crew = self._crew(settled)
        self._probes.crew = self.crew
        await self.crew.start()
        return await self._unless_asked_to_stop(self.crew.hello)

    async def _unless_asked_to_stop(self, step: Awaitable[T]) -> T | None:
        """Return what a step of the start returns; None if it is to stop before that is there."""
        done: asyncio.Future[T] = asyncio.ensure_future(step)
        asked: asyncio.Future[Any] = asyncio.ensure_future(self._shutdown.asked.wait())
        try:
            await asyncio.wait([done, asked], return_when=asyncio.FIRST_COMPLETED)
            return done.result() if done.done() else None
        finally:
            done.cancel()
            asked.cancel()

    async def _work(self, hello: dict[str, Any]) -> None:
        o = self._options
        tasks: list[str] = hello["tasks"]
        queues = list(o.queues or hello["queues"] or ["default"])
        if not tasks:
            raise ConfigurationError(
                f"-A {o.app}: no task is registered; is the module with the tasks imported, or "
                "named in PgQueue(include=[…])?"
            )
        control = await self._unless_asked_to_stop(
            connected(hello["dsn"], hello["schema"], f"pgqueue {o.name}")
        )
        if control is None:
            return
        parts = Parts.made(
            o, hello, queues, control, self.crew, self._journal, self._shutdown, self._told_to_stop
        )
        liveness = self._liveness = parts.liveness
        self._pump = parts.pump
        await self._unless_asked_to_stop(liveness.register(o, queues, tasks))
        if not liveness.worker_id:
            return
        with contextlib.suppress(psycopg.OperationalError):  # then the first heartbeat brings it
            await parts.commands.learn()
        control.on_reconnect, liveness.on_beat = parts.mend, parts.commands.heed
        self._probes.begun(control, liveness)
        log.info(
            "worker %s is ready: %d tasks, queues %s, %d slots in %d processes, %s",
            o.name,
            len(tasks),
            ", ".join(queues),
            o.concurrency,
            o.processes,
            hide_password(hello["dsn"]) or "the database of libpq's variables",
        )
        self.crew.tell("ready")
        if o.scheduler:
            self.crew.tell("scheduling")
        rotation = Rotation(o.weights, strict=o.strict)
        pumping = self._board.follow("pump", parts.pump.run(queues, tasks, rotation))
        beside = parts.beside_the_pump(self._board, self._stop_for, scheduler=o.scheduler)
        await until_done(pumping, [*beside, self._summaries(), self._lose_patience()])
        await self._farewell(control, parts.listener, liveness.worker_id)
        if self._mismatch:
            raise self._mismatch

    async def _farewell(self, control: Control, listener: Listener, worker_id: int) -> None:
        with contextlib.suppress(psycopg.Error, TimeoutError):
            if not self._out_of_patience:
                stop = _stop(control, worker_id)
                await asyncio.wait_for(stop, HASTE if self._shutdown.hurried else FAREWELL)
        await listener.close()
        await control.close()
        await self.crew.quit()
        done = self._journal.summary() or "no jobs"
        log.info("worker %s has stopped: %s", self._options.name, done)

    async def _lose_patience(self) -> None:
        """End the worker although not everything is written down, because PostgreSQL is away."""
        await self._shutdown.asked.wait()
        clock = asyncio.get_running_loop().time
        since = clock()
        while clock() - since < (HASTE if self._shutdown.hurried else FAREWELL):
            await asyncio.sleep(PATIENCE)
            if self.crew.unfinished and self._shutdown.remaining(clock()):
                since = clock()
        self._out_of_patience = True
        if left := self.crew.unfinished:
            log.error("%d jobs cannot be given back: they run again after the lease", left)

    def _stop_for(self, mismatch: SchemaMismatch) -> None:
        """Stop as if asked to: the database has become one for newer releases only."""
        self._mismatch = mismatch
        log.error("%s", mismatch)
        self._asked_to_stop()

    def _told_to_stop(self) -> None:
        """Stop as at a first signal; one that is stopping already is left to that."""
        if not self._shutdown.under_way:
            self._asked_to_stop()

    def _asked_to_stop(self, by: str | None = None) -> None:
        if self._shutdown.ask(asyncio.get_running_loop().time()):
            log.info(
                "stopping: no new claims; %d jobs in hand, running ones have %g s to end (a second "
                "signal stops at once)",
                self.crew.in_hand,
                self._options.grace,
            )
            if self._liveness:
                self._liveness.stop()
            self.crew.tell("shutting_down", sig=by, how="Warm", exitcode=int(bool(self._mismatch)))
            self.crew.recall()
            self._on_change()
        else:
            self._end_now()

    def _end_now(self) -> None:
        now = asyncio.get_running_loop().time()
        while self._shutdown.ask(now):
            pass  # it was the first request, and counts as two
        log.warning("stopping at once: %d jobs are given back", self.crew.in_hand)
        self.crew.give_up()
        self.crew.kill()
        self._on_change()

    def _on_change(self) -> None:
        if self._pump:
            self._pump.poke()

    async def _summaries(self) -> None:
        said = self._journal.summary()
        while True:
            await asyncio.sleep(SUMMARY_INTERVAL)
            if (summary := self._journal.summary()) != said:
                log.info("so far: %s", summary)
                said = summary


async def connected(dsn: str, schema: str, name: str) -> Control:
    """Return a control connection to a database whose schema this release knows."""
    control = Control(dsn, schema, name)
    try:
        await control.connect()
    except psycopg.OperationalError as error:
        where = hide_password(dsn) or "the database of libpq's variables"
        raise ConfigurationError(f"no connection to {where}: {first_line(error)}") from error
    await skew.check(control)
    return control


async def _stop(control: Control, worker_id: int) -> None:
    """Say that the worker has stopped, and that nothing runs in it: nobody will look again."""
    async with control.transaction() as run:
        await run(operations.stop(worker_id))  # first: a session that was lost claims no more
        if unknown := await run(operations.reconcile(worker_id, ())):
            await run(operations.cancel_requested(unknown))


async def _breathe() -> None:
    while True:
        tick()
        await asyncio.sleep(REST)


async def until_done(main: Any, background: list[Any]) -> None:
    """Run `main` to its end, and `background` beside it; an error in any of them ends all."""
    tasks = [asyncio.ensure_future(main), *(asyncio.ensure_future(each) for each in background)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        pending = set(tasks)
        while pending:  # wait_for of Python 3.11 can swallow a cancellation
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=0.1)
        await asyncio.gather(*tasks, return_exceptions=True)
