"""The children together: who gets which job, who has not begun what it has, who died."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from typing import Any

from pgqueue.errors import ConfigurationError
from pgqueue.rows import ClaimedJob, Released
from pgqueue.worker import board, frames
from pgqueue.worker.children import Child, ChildOptions
from pgqueue.worker.frames import Record
from pgqueue.worker.journal import Journal
from pgqueue.worker.pacing import Pace, Speed
from pgqueue.worker.reports import Batch
from pgqueue.worker.settings import WorkerOptions
from pgqueue.worker.shutdown import Shutdown

log = logging.getLogger("pgqueue.worker")

#: A child that has reported nothing for so many seconds gives back what it has not begun.
HOARDING = 0.1
#: One that cannot even start is started again no faster than this.
RESTART = 1.0
MAX_ACTIVE = 100


class Crew:
    """Keeps the worker's children alive and their hands full; gathers what they report."""

    def __init__(
        self,
        options: WorkerOptions,
        journal: Journal,
        shutdown: Shutdown,
        on_change: Callable[[], None],
    ) -> None:
        self._options = options
        self._journal = journal
        self._shutdown = shutdown
        self._on_change = on_change
        self._children: list[Child] = []
        self._nobody = asyncio.Event()
        self._ending = False
        self._restarts: set[asyncio.Task[None]] = set()
        self._batch = Batch()
        #: What is being written down; a lost connection must not have it released.
        self._taken = Batch()
        self.pace, self.speed = Pace(), Speed()
        #: How many jobs were in hand after the last were handed out.
        self.stock = 0
        #: What the first child says of the application, or why none could be started.
        self.hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    # ── life ─────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Start every child."""
        for number in range(self._options.processes):
            await self._start_child(number)

    async def serve(self) -> None:
        """Have jobs back, for ever, from children that do not get to them."""
        loop = asyncio.get_running_loop()
        while True:
            board.tick()
            await asyncio.sleep(HOARDING)
            for child in self._children:
                if child.unstarted and loop.time() - child.heard_at > HOARDING:
                    child.recall()

    async def quit(self) -> None:
        """End every child as soon as it runs nothing; kill what outlives the grace."""
        for child in self._children:
            child.quit()
        remaining = self._shutdown.remaining(asyncio.get_running_loop().time())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._nobody.wait(), remaining)
        self.kill()

    def kill(self) -> None:
        """End every child at once, for good."""
        self._ending = True
        for child in self._children:
            child.kill()

    def recall(self) -> None:
        """Have back what no child has begun."""
        for child in self._children:
            child.recall()

    def give_up(self) -> None:
        """Kill the children that still run something, and give their jobs back uncharged."""
        for child in self._children:
            if child.jobs:
                child.kill()
                self._batch.released += [Released(j.id, j.claim) for j, _ in child.jobs.values()]
                child.jobs.clear()

    # ── jobs in ──────────────────────────────────────────────────────────────────────────────

    @property
    def slots(self) -> int:
        """How many jobs can run at once now."""
        return sum(child.slots for child in self._ready())

    @property
    def in_hand(self) -> int:
        """How many jobs the children have."""
        return sum(len(child.jobs) for child in self._children)

    @property
    def reported(self) -> int:
        """How many outcomes wait to be written down."""
        return len(self._batch)

    @property
    def unfinished(self) -> int:
        """How many jobs run, or have ended in a way that is not written down yet."""
        taken = 0 if self._taken is self._batch else len(self._taken)
        return self.in_hand + len(self._batch) + taken

    def hand_out(self, jobs: list[ClaimedJob], now: float) -> None:
        """Give each child its share of the jobs, the emptiest first."""
        ready = sorted(self._ready(), key=lambda child: len(child.jobs) / child.slots)
        if not ready or self._shutdown.under_way:  # asked for while the claim was under way
            self._batch.released += [Released(job.id, job.claim) for job in jobs]
            return
        load = (sum(len(child.jobs) for child in ready) + len(jobs)) / sum(c.slots for c in ready)
        rest = jobs
        for child in ready[:-1]:
            share = max(0, round(load * child.slots) - len(child.jobs))
            if share and rest:
                child.send(rest[:share], now)
                rest = rest[share:]
        if rest:
            ready[-1].send(rest, now)
        self.stock = self.in_hand
        self.speed.note(now, busy=True)

    def _ready(self) -> list[Child]:
        return [child for child in self._children if child.ready and not child.quitting]

    # ── outcomes out ─────────────────────────────────────────────────────────────────────────

    def collect(self) -> Batch:
        """Take what has been reported since the last time."""
        self._taken, self._batch = self._batch, Batch()
        return self._taken

    def put_back(self, batch: Batch) -> None:
        """Keep a batch that could not be written down for the next time."""
        batch.merge(self._batch)
        self._batch = batch

    def known_claims(self) -> set[tuple[str, int]]:
        """Return id and claim of the jobs that run or whose end is not written down yet."""
        held = {(job.id, job.claim) for child in self._children for job, _ in child.jobs.values()}
        return held | self._batch.claims() | self._taken.claims()

    def active(self, now: float) -> str:
        """Return what runs, as JSON for the worker's row."""
        active = [
            {
                "id": job.id,
                "task": job.task,
                "queue": job.queue,
                "attempt": job.attempt,
                "seconds": round(now - since, 3),
                "pid": child.pid,
            }
            for child in self._children
            for job, since in list(child.jobs.values())[: child.slots]
        ]
        return json.dumps(active[:MAX_ACTIVE])

    def pids(self) -> list[int]:
        """Return the process ids of the children."""
        return [child.pid for child in self._children]

    def _on_outcomes(self, child: Child, records: list[Record]) -> None:
        for record in records:
            held = child.jobs.get(record[1])
            if held is None:
                continue  # it was given up a moment ago
            job = held[0]
            # Else it is the end of an earlier claim, which was taken from this worker before it
            # claimed the job anew: for the fence to refuse.
            if int(record[2]) == job.claim:
                del child.jobs[job.id]
                if record[0] == frames.UNSTARTED and self._hand_over(child, job):
                    continue
            self._batch.add(record)
            self._journal.ended(job, record)
        self.pace.add(len(records), child.heard_at)
        self.speed.note(child.heard_at, done=len(records), busy=self.in_hand > 0)
        self._on_change()

    def _hand_over(self, child: Child, job: ClaimedJob) -> bool:
        """Give a job that one child has no slot for to another that has; False if none has."""
        if self._shutdown.under_way:
            return False
        for other in self._ready():
            if other is not child and len(other.jobs) < other.slots:
                other.send([job], asyncio.get_running_loop().time())
                return True
        return False

    # ── births and deaths ────────────────────────────────────────────────────────────────────

    async def _start_child(self, number: int) -> None:
        o = self._options
        options = ChildOptions(
            o.app, o.slots(number), f"{o.name}/{number + 1}", o.log_level, o.log_format
        )
        child = Child(
            options, self._on_hello, self._on_outcomes, lambda gone: self._on_gone(gone, number)
        )
        await child.start()
        self._children.append(child)
        self._nobody.clear()

    def _on_hello(self, child: Child, hello: dict[str, Any]) -> None:
        if not self.hello.done():
            self.hello.set_result(hello)
        log.debug("process %s (pid %d) is ready", child.options.name, child.pid)
        if self._shutdown.under_way:
            child.quit()
        self._on_change()

    def _on_gone(self, child: Child, number: int) -> None:
        """Charge the jobs that a dead child had begun, release the others, start another child."""
        self._children.remove(child)
        if not self._children:
            self._nobody.set()
        cause = child.cause_of_death()
        begun, waiting = child.begun_and_waiting()
        if begun:
            error = f"WorkerLost: the process that ran it was {cause}"
            self._batch.crashed.setdefault(error, []).extend(Released(j.id, j.claim) for j in begun)
            self._batch.released += [Released(j.id, j.claim) for j in waiting]
        self._on_change()
        if not self.hello.done():
            self._ending = True
            why = child.broken.rstrip() if child.broken else f"its process was {cause}"
            self.hello.set_exception(
                ConfigurationError(f"-A {self._options.app} cannot be loaded: {why}")
            )
        elif not self._ending and not self._shutdown.under_way:
            log.error("process %s (pid %d) was %s", child.options.name, child.pid, cause)
            restart = asyncio.ensure_future(self._restart(number, 0 if child.ready else RESTART))
            self._restarts.add(restart)
            restart.add_done_callback(self._restarts.discard)

    async def _restart(self, number: int, delay: float) -> None:
        await asyncio.sleep(delay)
        if not self._ending and not self._shutdown.under_way:
            await self._start_child(number)
