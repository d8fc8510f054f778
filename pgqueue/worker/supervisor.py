"""The supervisor: one worker from its first connection to its last.

It runs no user code and decodes no payload, so nothing that a task does can stop its heartbeat.
Everything happens on one event loop:

    pump      writes outcomes down and claims jobs          (control connection)
    crew      hands jobs to children, gathers outcomes      (pipes)
    listener  hears that there is work                      (listen connection)
    liveness  renews the lease                              (control connection)
    watching  rescue of those that died                     (control connection)
    duties    partitions, retention                         (control connection)
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from typing import Any

import psycopg

from pgqueue import migrate, operations
from pgqueue.config import hide_password
from pgqueue.errors import ConfigurationError
from pgqueue.worker import duties
from pgqueue.worker.control import Control, Runner, first_line
from pgqueue.worker.crew import Crew
from pgqueue.worker.journal import Journal
from pgqueue.worker.liveness import Liveness
from pgqueue.worker.pump import Pump
from pgqueue.worker.settings import WorkerOptions
from pgqueue.worker.shutdown import Shutdown
from pgqueue.worker.wakeup import Listener
from pgqueue.worker.watching import watch

log = logging.getLogger("pgqueue.worker")

SUMMARY_INTERVAL = 10.0
#: How long a stopping worker tries to say so, once nothing runs any more.
FAREWELL = 3.0


async def run_worker(options: WorkerOptions) -> None:
    """Run a worker until it is told to stop.

    SIGTERM or SIGINT: no new claims, and running jobs have `options.grace` seconds to end; the
    rest is given back uncharged. A second signal: at once. Raises `ConfigurationError` or
    `SchemaMismatch` if it cannot begin; once begun, it outlives every outage of the database.
    """
    shutdown = Shutdown(options.grace)
    journal = Journal()
    supervisor = Supervisor(options, shutdown, journal)
    try:
        await supervisor.run()
    finally:
        supervisor.crew.kill()


class Supervisor:
    """Puts the parts of a worker together and keeps them going."""

    def __init__(self, options: WorkerOptions, shutdown: Shutdown, journal: Journal) -> None:
        self._options = options
        self._shutdown = shutdown
        self._journal = journal
        self._pump: Pump | None = None
        self.crew = Crew(options, journal, shutdown, self._on_change)

    async def run(self) -> None:
        """Start, work, stop."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        await self.crew.start()
        hello = await self._first_hello()
        if hello is not None:
            await self._work(hello)

    async def _first_hello(self) -> dict[str, Any] | None:
        """Wait for a child to introduce the application, or for a request to stop."""
        asked: asyncio.Future[Any] = asyncio.ensure_future(self._shutdown.asked.wait())
        await asyncio.wait([self.crew.hello, asked], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        return self.crew.hello.result() if self.crew.hello.done() else None

    async def _work(self, hello: dict[str, Any]) -> None:
        o = self._options
        tasks: list[str] = hello["tasks"]
        queues = list(o.queues or hello["queues"] or ["default"])
        if not tasks:
            raise ConfigurationError(
                f"-A {o.app}: no task is registered; is the module with the tasks imported, or "
                "named in PgQueue(include=[…])?"
            )
        control = await _connected(hello["dsn"], hello["schema"], f"pgqueue {o.name}")
        liveness = Liveness(control, self.crew, self._journal)
        listen_dsn = hello["listen_dsn"] or hello["dsn"]
        listener = Listener(
            listen_dsn, hello["schema"], queues, lambda: control.run(operations.ping())
        )
        pump = self._pump = Pump(
            control, listener, liveness, self.crew, self._journal, self._shutdown
        )
        listener.on_jobs, listener.on_control = pump.wake, liveness.now.set

        async def mend(run: Runner) -> None:
            await liveness.mend(run)
            pump.wake()

        await liveness.register(o, queues, tasks)
        control.on_reconnect = mend
        log.info(
            "worker %s is ready: %d tasks, queues %s, %d slots in %d processes, %s",
            o.name,
            len(tasks),
            ", ".join(queues),
            o.concurrency,
            o.processes,
            hide_password(hello["dsn"]) or "the database of libpq's variables",
        )
        background = [listener.serve(), liveness.serve(), self.crew.serve(), self._summaries()]
        background += [_keep_doing(duty, control) for duty in duties.DUTIES]
        background += [watch(control, liveness), self._lose_patience()]
        await _until_done(pump.run(queues, tasks), background)
        await self._farewell(control, listener, liveness.worker_id)

    async def _farewell(self, control: Control, listener: Listener, worker_id: int) -> None:
        with contextlib.suppress(psycopg.Error, TimeoutError):
            await asyncio.wait_for(_stop(control, worker_id), FAREWELL)
        await listener.close()
        await control.close()
        await self.crew.quit()
        done = self._journal.summary() or "no jobs"
        log.info("worker %s has stopped: %s", self._options.name, done)

    async def _lose_patience(self) -> None:
        """End the worker although its jobs cannot be given back, because PostgreSQL is away."""
        await self._shutdown.overdue(FAREWELL)
        log.error("%d jobs cannot be given back: they run again after the lease", self.crew.in_hand)

    def _asked_to_stop(self) -> None:
        if self._shutdown.ask(asyncio.get_running_loop().time()):
            log.info(
                "stopping: no new claims; %d jobs in hand, running ones have %g s to end (a second "
                "signal stops at once)",
                self.crew.in_hand,
                self._options.grace,
            )
            self.crew.recall()
        else:
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


async def _connected(dsn: str, schema: str, name: str) -> Control:
    """Return a control connection to a database whose schema this release knows."""
    control = Control(dsn, schema, name)
    try:
        await control.connect()
    except psycopg.OperationalError as error:
        where = hide_password(dsn) or "the database of libpq's variables"
        raise ConfigurationError(f"no connection to {where}: {first_line(error)}") from error
    try:
        files = await control.run(operations.schema_files())
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        files = []
    migrate.check(files, schema)
    return control


async def _stop(control: Control, worker_id: int) -> None:
    """Say that the worker has stopped, and that nothing runs in it: nobody will look again."""
    async with control.transaction() as run:
        await run(operations.stop(worker_id))  # first: a session that was lost claims no more
        if unknown := await run(operations.reconcile(worker_id, ())):
            await run(operations.cancel_requested(unknown))


async def _keep_doing(duty: duties.Duty, control: Control) -> None:
    while True:
        try:
            await duties.perform(duty, control)
        except psycopg.OperationalError as error:
            log.debug("duty %s comes later: %s", duty.name, first_line(error))
        except psycopg.Error as error:
            log.warning("duty %s: %s", duty.name, first_line(error))
        await asyncio.sleep(duty.interval)


async def _until_done(main: Any, background: list[Any]) -> None:
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
