"""The child of a worker's process, which runs a task that finishes its own job."""

from __future__ import annotations

from typing import Any

import canvases
import psycopg
from actors import Actor, Steps, World
from sessions import BEGIN, COMMIT, CONNECT, IDLE, ROLLBACK, Lost

from pgqueue import operations
from pgqueue.rows import ClaimedJob, Finished

#: How often a task has others take its place.
REPLACES = 0.3


class Child(Actor):
    """Runs a task that writes rows and finishes its job in one transaction."""

    weight = 2

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, f"{name}/child")
        self.job: ClaimedJob | None = None
        #: What it reports: the job, and whether it is done, stale or failed.
        self.report: tuple[ClaimedJob, str] | None = None

    @property
    def idle(self) -> bool:
        return self.job is None

    def life(self) -> Steps:
        """Run what it is given; whatever is raised is a failed attempt."""
        yield CONNECT
        while True:
            job = self.job
            if job is None or self.report:
                yield IDLE
                continue
            try:
                said = yield from self.run(job)
            except psycopg.OperationalError as error:
                said = "failed"
                if isinstance(error, Lost):
                    yield CONNECT
            self.report, self.job = (job, said), None

    def run(self, job: ClaimedJob) -> Steps:
        """Write the task's rows and finish its job; return what became of it."""
        yield BEGIN
        try:
            yield write(job)
            replaces = self.world.random.random() < REPLACES and not self.world.draining
            said = yield from (self.replace if replaces else self.finish)(job)
            yield COMMIT if said == "done" else ROLLBACK
        except psycopg.Error as error:
            if not isinstance(error, Lost):
                yield ROLLBACK
            raise
        if said == "done":
            end = "replace" if replaces else "finish"
            self.world.ledger.written(end, job.id, job.claim, self.name.partition("/")[0])
        return said

    def finish(self, job: ClaimedJob) -> Steps:
        """Finish the job in the transaction that is open; return what became of it."""
        finished = yield operations.finish([Finished(job.id, job.claim, "succeeded")])
        return "done" if job.id in finished else "stale"

    def replace(self, job: ClaimedJob) -> Steps:
        """Have other jobs take its place, in the transaction that is open."""
        jobs, edges = canvases.replacement(self.world.random, job.id)
        if not (yield operations.replace(job.id, job.claim, len(jobs))):
            return "stale"
        # The fence has let it through: whoever else may end the job waits for this transaction.
        canvases.note(self.world.ledger, edges)
        yield operations.enqueue_canvas(jobs, edges)
        return "done"


def write(job: ClaimedJob) -> Any:
    """Return what the task itself does in the transaction."""
    text = "insert into public.effects values (%s, %s)"
    return lambda connection: connection.execute(text, [job.id, job.claim]) and None
