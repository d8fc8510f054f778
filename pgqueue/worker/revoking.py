"""What this worker does about jobs that are to end: asks, refuses, kills, and has it told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from pgqueue.rows import ClaimedJob
from pgqueue.worker import frames, verdicts
from pgqueue.worker.children import Child
from pgqueue.worker.frames import Record
from pgqueue.worker.herald import Herald
from pgqueue.worker.isolation import Isolation
from pgqueue.worker.revoked import Key, Revoked, terminating
from pgqueue.worker.rules import Rules

log = logging.getLogger("pgqueue.worker")

#: The records of jobs that go back to the queue.
_BACK = (frames.RETRIED, frames.REQUEUED)


class Revoking:
    """Carries out the orders to end jobs; `refuse` ends those that no process has begun."""

    def __init__(
        self,
        isolation: Isolation,
        rules: Rules,
        herald: Herald,
        children: Callable[[], Sequence[Child]],
        refuse: Callable[[list[ClaimedJob]], None],
    ) -> None:
        self._isolation, self._rules, self._herald = isolation, rules, herald
        self._children, self._refuse = children, refuse
        #: Empty, most of the time.
        self.orders = Revoked()

    def order(self, jobs: Iterable[Key], signal: str | None, now: float) -> None:
        """Have jobs end from now on."""
        for job in jobs:
            self.orders.add(job, signal, now)

    def carry_out(self, known: Callable[[], set[Key]], now: float) -> None:
        """Ask for the end of what was revoked, and kill what does not end when asked."""
        if not self.orders:
            return
        self._refuse(self._isolation.withdraw(self.orders))
        for child in self._children():
            asked, overdue = self.orders.judge(child, self._rules.is_coroutine, now)
            if asked:
                child.cancel(asked)
            if overdue:
                log.warning("%s", terminating(child, overdue))
                child.kill(verdicts.terminated(*overdue))
        self.orders.forget(known(), now)

    def spare(self, jobs: list[ClaimedJob]) -> list[ClaimedJob]:
        """Return the jobs that are to run; refuse the others."""
        if not self.orders:
            return jobs
        self._refuse([job for job in jobs if (job.id, job.claim) in self.orders])
        return [job for job in jobs if (job.id, job.claim) not in self.orders]

    def reported(self, job: ClaimedJob, record: Record) -> bool:
        """Take note of what a child reports of a job; return whether that is to be refused."""
        if not self.orders.ended(job):
            return False
        if record[0] == frames.UNSTARTED:
            return True
        if record[0] in _BACK:  # the statement that queues it cancels it
            self._herald.revoked(job)
        return False

    def died(self, job: ClaimedJob) -> None:
        """Tell of a job that was to end, and has, with its process."""
        if order := self.orders.ended(job):
            self._herald.revoked(job, order.signal)
