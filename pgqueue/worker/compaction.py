"""The files of the live jobs' table are made small again when an old snapshot is gone.

While somebody holds one, vacuum removes nothing, and the files grow by every job. Afterwards their
room is used again, but not given back. `cluster` gives it back, and keeps everybody else out for as
long as that takes: 10 to 60 ms while few jobs wait. So it is done when it is worth it, after it was
rehearsed, and not for long if that was wrong.

The reasons are in docs/decisions/025-room-is-given-back.md.
"""

from __future__ import annotations

import logging
import time

from pgqueue import operations
from pgqueue.backoff import Doubling
from pgqueue.rows import LiveTable
from pgqueue.worker.control import Runner

log = logging.getLogger("pgqueue.worker")

#: Bytes that table, large values and indexes may have; …
LARGE = 64 << 20
#: … if they have more, so few jobs …
FEW_JOBS = 10_000
#: … with so few bytes are written anew. A page is filled to 45 % only, by a single row if that has
#: 2 kB, and still they take less than `LARGE`.
FEW_BYTES = 8 << 20
#: So few rows have died since vacuum was there, so many seconds ago or more; a job leaves two.
#: Where over 500 jobs flow in a second, the files are left: until vacuum comes again, within a
#: minute, much of their room is needed.
FEW_DEAD = 20_000
CALM = 10.0
#: How often a worker looks. After an attempt in vain it rests, each time twice as long, up to this.
INTERVAL, LONGEST = 5.0, 640.0


def is_worth_it(table: LiveTable) -> bool:
    """Tell whether much room is taken by little, as far as statistics know.

    >>> table = LiveTable(True, 3, 0, 60.0, 2 << 30, 2 << 30, [], True)
    >>> is_worth_it(table)
    True
    """
    return (
        table.owned
        and table.size >= LARGE
        and table.live <= FEW_JOBS
        and table.dead <= FEW_DEAD
        and table.vacuumed is not None
        and table.vacuumed >= CALM
    )


class Compaction:
    """What a worker remembers of this duty: since when, and for how long it leaves it."""

    def __init__(self) -> None:
        self._pauses = Doubling(INTERVAL, LONGEST)
        self._not_before = 0.0

    async def perform(self, run: Runner) -> None:
        """Rewrite the table if that is worth it and takes a moment."""
        began = time.monotonic()
        if began < self._not_before:
            return
        before = await run(operations.live_table())
        if not is_worth_it(before):
            return
        self._not_before = began + self._pauses.next()  # unless it succeeds
        found = await run(operations.rehearse(FEW_JOBS + 1))
        if found.rows > FEW_JOBS or found.size > FEW_BYTES:
            return
        rehearsed = time.monotonic()
        await run(operations.compact())
        after = await run(operations.live_table())
        if after.size < LARGE:
            self._not_before = 0.0
            self._pauses.reset()
        log.info(
            "the table of live jobs gave its room back: %.0f MB with its indexes, now %.1f MB, "
            "written anew in %.0f ms",
            before.size / 1e6,
            after.size / 1e6,
            (time.monotonic() - rehearsed) * 1000,
        )
