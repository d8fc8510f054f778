"""A worker's statements in a bare loop, turn by turn: from the cursor on, or always from the head.

The loop sweeps when a worker does (`pgqueue.worker.claims.Schedule` decides), so what differs from
a worker is only that no task is run.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from benchmarks.tasks import noop
from pgqueue import operations
from pgqueue.bench.scratch import Scratch
from pgqueue.query import Query
from pgqueue.rows import ClaimedJob, Finished
from pgqueue.statements import statement
from pgqueue.worker.claims import Cursors, Schedule
from pgqueue.worker.planning import Planner

BATCH = 300
LEASE = 1e6


class Loop:
    """Claims and finishes on the connection of a `Scratch`, one batch after the other.

    `cursor=False` is what plain SQL does: every scan begins at the head of the index.
    """

    def __init__(
        self,
        place: Scratch,
        *,
        cursor: bool = True,
        batch: int = BATCH,
        queues: Sequence[str] = ("default",),
        tasks: Sequence[str] = (noop.name,),
    ) -> None:
        self._place = place
        self._cursor = cursor
        self._batch = batch
        self._tasks = list(tasks)
        self._cursors = Cursors(queues)
        self._schedule = Schedule()
        self._jobs: list[ClaimedJob] = []
        self._worker = place.run(register(queues, tasks))
        self._planner = Planner(pooled=False)

    def turn(self) -> int:
        """Finish the last batch and claim the next, in one transaction; return how many came."""
        now = time.monotonic()
        look = self._schedule.begin(now)
        lanes = self._cursors.lanes(sweep=look.sweeps or not self._cursor)
        queries: list[Query[Any]] = [
            operations.claim(self._worker, lanes, self._tasks, self._batch),
        ]
        if self._jobs:
            queries.insert(0, operations.finish(finished(self._jobs)))
        self._jobs = self._pipelined(queries)
        self._schedule.looked(look, len(self._jobs), self._batch, time.monotonic())
        self._cursors.advance(self._jobs)
        return len(self._jobs)

    def finish(self) -> None:
        """Finish what is claimed, and claim nothing."""
        if self._jobs:
            self._place.run(operations.finish(finished(self._jobs)))
            self._jobs = []

    def _pipelined(self, queries: Sequence[Query[Any]]) -> list[ClaimedJob]:
        connection, schema = self._place.connection, self._place.schema
        cursors = []
        with connection.pipeline():
            for query in self._planner.prepare(queries):
                cursor = connection.cursor()
                cursor.execute(statement(query.name, schema), query.params, prepare=True)
                cursors.append(cursor)
        claimed: list[ClaimedJob] = queries[-1].read(cursors[-1].fetchall())
        return claimed


def finished(jobs: Sequence[ClaimedJob]) -> list[Finished]:
    """Return the success of each job."""
    return [Finished(job.id, job.claim, "succeeded", "1") for job in jobs]


def register(queues: Sequence[str], tasks: Sequence[str]) -> Query[int]:
    """Return the registration of a worker that outlives every scenario."""
    about = {"hostname": "-", "pid": 0, "version": "-", "processes": 1, "concurrency": 1}
    worker = {"name": "loop", "queues": list(queues), "tasks": list(tasks), **about}
    return operations.register(worker, LEASE)
