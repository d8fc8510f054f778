"""Processes that run one job at a time, for jobs that must run alone."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Container, Iterable

from pgqueue.rows import ClaimedJob
from pgqueue.worker import verdicts
from pgqueue.worker.children import Child
from pgqueue.worker.processes import resident
from pgqueue.worker.rules import Apart
from pgqueue.worker.settings import WorkerOptions

log = logging.getLogger("pgqueue.worker")

#: One that had nothing to do for so many seconds is ended.
WARM = 60.0
#: After one that could not even start, the next follows in so many seconds.
RESTART = 1.0


class Isolation:
    """Starts such processes when they are needed, keeps them warm, and keeps their time.

    There are at most as many as the worker has slots, and no more are starting at once than it has
    other processes: short jobs are done by the first few before the others would be there.
    """

    def __init__(self, options: WorkerOptions, start: Callable[[], Awaitable[Child]]) -> None:
        self._most, self._at_once = options.concurrency, options.processes
        self._most_memory = options.max_memory_per_child
        self._start = start
        self.children: list[Child] = []
        self._waiting: deque[tuple[Apart, float]] = deque()
        self._starting: set[asyncio.Future[None]] = set()
        self._deadlines: dict[Child, asyncio.TimerHandle] = {}
        self._not_before = 0.0

    def resize(self, concurrency: int, processes: int) -> None:
        """Have at most as many processes as the worker has slots now; those that run go on."""
        self._most, self._at_once = concurrency, processes
        for child in self.children[concurrency:]:
            if _is_idle(child):
                child.quit()

    def restart(self) -> None:
        """Have jobs run in processes that are started from now on."""
        for child in self.children:
            child.room = 0
            if _is_idle(child):
                child.quit()

    @property
    def waiting(self) -> list[ClaimedJob]:
        """The jobs for which no process is free yet."""
        return [each.job for each, _ in self._waiting]

    @property
    def in_hand(self) -> int:
        """How many jobs it has, running or waiting."""
        return sum(len(child.jobs) for child in self.children) + len(self._waiting)

    def take(self, jobs: Iterable[Apart], now: float) -> None:
        """Run these jobs as soon as there is a process for each."""
        self._waiting.extend((each, now) for each in jobs)
        self.staff(now)

    def staff(self, now: float) -> None:
        """Give waiting jobs to idle processes, and start what more is needed."""
        idle = [child for child in self.children if _is_idle(child)]
        while self._waiting and idle:
            self._begin(idle.pop(), self._waiting.popleft()[0], now)
        if now < self._not_before:
            return
        begun = sum(not child.ready for child in self.children) + len(self._starting)
        there = len(self.children) + len(self._starting)
        lacking = min(len(self._waiting), self._at_once) - begun
        for _ in range(min(lacking, self._most - there)):
            starting = asyncio.ensure_future(self._add())
            self._starting.add(starting)
            starting.add_done_callback(self._starting.discard)

    def freed(self, child: Child) -> None:
        """Note that a process has ended its job."""
        if child.jobs:
            return
        if deadline := self._deadlines.pop(child, None):
            deadline.cancel()
        spent = child.room <= 0 or resident(child.pid) > self._most_memory
        if spent and not child.killed:
            child.quit()
        self.staff(asyncio.get_running_loop().time())

    def gone(self, child: Child) -> None:
        """Note that a process has ended; the next is started when it is needed."""
        self.children.remove(child)
        if deadline := self._deadlines.pop(child, None):
            deadline.cancel()
        now = asyncio.get_running_loop().time()
        if not child.ready:
            self._not_before = now + RESTART
        self.staff(now)

    def rest(self, now: float) -> None:
        """End the processes that have had nothing to do for a while."""
        for child in self.children:
            if _is_idle(child) and now - child.heard_at > WARM:
                child.quit()

    def give_back(self, now: float, patience: float = 0.0) -> list[ClaimedJob]:
        """Return the jobs that have waited in vain for so long, and forget them.

        While processes are being started, or are about to, jobs wait for these.
        """
        starting = self._starting or any(not child.ready for child in self.children)
        if patience and (starting or now < self._not_before):
            return []
        back = [each.job for each, since in self._waiting if now - since >= patience]
        self._waiting = deque(item for item in self._waiting if now - item[1] < patience)
        return back

    def withdraw(self, jobs: Container[tuple[str, int]]) -> list[ClaimedJob]:
        """Forget those of these jobs that wait, and return them."""
        found = [job for job in self.waiting if (job.id, job.claim) in jobs]
        self._waiting = deque(item for item in self._waiting if item[0].job not in found)
        return found

    async def _add(self) -> None:
        self.children.append(await self._start())

    def _begin(self, child: Child, apart: Apart, now: float) -> None:
        # It is idle and reads its pipe: the job's time begins now.
        child.send([apart.job], now)
        if apart.time_limit is not None:
            loop = asyncio.get_running_loop()
            self._deadlines[child] = loop.call_later(
                apart.time_limit, self._overdue, child, apart.job, apart.time_limit
            )

    def _overdue(self, child: Child, job: ClaimedJob, limit: float) -> None:
        log.warning(
            "%s[%s] runs for longer than its time limit of %g s: process %s (pid %d) is killed",
            job.task,
            job.id,
            limit,
            child.options.name,
            child.pid,
        )
        child.kill(verdicts.overdue(job, limit))


def _is_idle(child: Child) -> bool:
    return child.serving and not child.jobs
