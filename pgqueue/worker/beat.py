"""A scheduler by itself: what `pgq beat` runs where workers are told to keep no schedules."""

from __future__ import annotations

import asyncio
import logging
import signal
from dataclasses import dataclass

from pgqueue import operations
from pgqueue.config import hide_password
from pgqueue.errors import SchemaMismatch
from pgqueue.worker import skew
from pgqueue.worker.scheduler import Scheduler
from pgqueue.worker.supervisor import connected, until_done
from pgqueue.worker.wakeup import Listener

log = logging.getLogger("pgqueue.worker")


@dataclass(frozen=True, slots=True)
class BeatOptions:
    """What a scheduler is started with; `declared`: the schedules of `source`, in JSON."""

    name: str
    source: str
    declared: str
    dsn: str
    schema: str
    listen_dsn: str | None = None


async def run_beat(options: BeatOptions) -> None:
    """Keep schedules until told to stop by SIGTERM, SIGINT or SIGHUP.

    Raises `ConfigurationError` or `SchemaMismatch` if it cannot begin; once begun, it outlives
    every outage of the database.
    """
    loop = asyncio.get_running_loop()
    asked: asyncio.Future[SchemaMismatch | None] = loop.create_future()

    def stop(mismatch: SchemaMismatch | None = None) -> None:
        if not asked.done():
            asked.set_result(mismatch)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop)
    control = await connected(options.dsn, options.schema, f"pgqueue beat {options.name}")
    scheduler = Scheduler(control, options.source, options.declared)
    listener = Listener(
        options.listen_dsn or options.dsn,
        options.schema,
        [],
        notify=lambda: control.run(operations.ping()),
        who=lambda: control.run(operations.backend()),
        room=lambda: control.run(operations.room()),
    )
    listener.on_control = scheduler.changed.set
    where = hide_password(options.dsn) or "the database of libpq's variables"
    log.info("scheduler %s is ready: %s", options.name, where)
    await until_done(asked, [scheduler.serve(), listener.serve(), skew.watch(control, stop)])
    await listener.close()
    await control.close()
    log.info("scheduler %s has stopped", options.name)
    if mismatch := asked.result():
        raise mismatch
