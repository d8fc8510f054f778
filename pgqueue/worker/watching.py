"""Watches over the other workers: whose lease is over, and who has let go of its lifeline."""

from __future__ import annotations

import asyncio
import logging
import random
from typing import NoReturn

import psycopg

from pgqueue import operations
from pgqueue.backoff import Seldom
from pgqueue.worker import board, duties
from pgqueue.worker.control import QUIET, Control, first_line
from pgqueue.worker.liveness import Liveness

log = logging.getLogger("pgqueue.worker")

INTERVAL = 0.5
#: What a worker that let go of its lifeline has left: time to connect again and say that it lives.
GRACE = 1.5
#: From so many workers on each looks less often, but no less than so much: a look costs as much
#: as there are workers, and all together are to look no more often.
CROWD, SELDOM = 8, 10
#: After an outage that was longer than a lease everybody's is over: so many seconds are left to
#: the others to come back before one that came back early rescues anybody.
RETURN = 10.0
#: After an error that will not pass by itself.
STEP_BACK = 10.0


async def watch(control: Control, liveness: Liveness) -> NoReturn:
    """Rescue the jobs of workers that died, for ever."""
    loop = asyncio.get_running_loop()
    news = Seldom(QUIET)
    living = 1
    while True:
        board.tick()
        await asyncio.sleep(pause(living) * random.uniform(0.8, 1.2))  # noqa: S311 (jitter)
        try:
            found = await control.run(operations.watch(liveness.worker_id, GRACE))
            living = found.living
            if found.fallen and news.may(loop.time()):
                names = ", ".join(found.fallen)
                log.warning("worker %s lost its session: it has %g s to come back", names, GRACE)
            if found.told:
                liveness.now.set()
            # Asked after the look, which may have waited for the connection to come back.
            if found.overdue and loop.time() > control.returned_at + RETURN:
                await duties.perform(duties.rescue(liveness.worker_id), control)
        except psycopg.OperationalError as error:
            log.debug("watching goes on later: %s", first_line(error))
        except psycopg.Error as error:
            log.warning("watching: %s", first_line(error))
            await asyncio.sleep(STEP_BACK)


def pause(living: int) -> float:
    """Return the seconds between two looks, given how many workers live.

    >>> pause(2), pause(16), pause(1000)
    (0.5, 1.0, 5.0)
    """
    return INTERVAL * min(max(1.0, living / CROWD), SELDOM)
