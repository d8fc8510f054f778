"""Watches over the other workers: whose lease is over, and who has let go of its lifeline."""

from __future__ import annotations

import asyncio
import logging
from typing import NoReturn

import psycopg

from pgqueue import operations
from pgqueue.worker import duties
from pgqueue.worker.control import Control, first_line
from pgqueue.worker.liveness import Liveness

log = logging.getLogger("pgqueue.worker")

INTERVAL = 0.5
#: What a worker that let go of its lifeline has left: time to connect again and say that it lives.
GRACE = 1.5
#: A watcher whose own session is younger knows too little: the server may have been started anew,
#: or another promoted, and the others are about to connect again, as the watcher just did.
SETTLED = 5.0


async def watch(control: Control, liveness: Liveness) -> NoReturn:
    """Rescue the jobs of workers that died, for ever."""
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            grace = GRACE if control.age > SETTLED else None
            overdue, falling = await control.run(operations.watch(liveness.worker_id, grace))
            for name in falling:
                log.warning(
                    "worker %s let go of its lifeline: it has %g s to come back", name, GRACE
                )
            if overdue:
                await duties.perform(duties.RESCUE, control)
        except psycopg.OperationalError as error:
            log.debug("watching goes on later: %s", first_line(error))
        except psycopg.Error as error:
            log.warning("watching: %s", first_line(error))
