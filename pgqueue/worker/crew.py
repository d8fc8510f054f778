"""The children together: who gets which job, who has not begun what it has, who died."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from pgqueue.errors import ConfigurationError
from pgqueue.limits import Limits
from pgqueue.rows import ClaimedJob, Released
from pgqueue.worker import board, frames, verdicts
from pgqueue.worker.children import Child, ChildOptions
from pgqueue.worker.frames import Record
from pgqueue.worker.herald import Herald
from pgqueue.worker.isolation import Isolation
from pgqueue.worker.journal import Journal
from pgqueue.worker.pacing import Pace, Speed
from pgqueue.worker.processes import Guardian, describe_exit
from pgqueue.worker.reports import Batch
from pgqueue.worker.revoking import Revoking
from pgqueue.worker.rules import Rules, dealt
from pgqueue.worker.settings import WorkerOptions
from pgqueue.worker.shift import Shift
from pgqueue.worker.shutdown import Shutdown
from pgqueue.worker.verdicts import post_mortem, told

log = logging.getLogger("pgqueue.worker")

#: A child that has reported nothing for so many seconds gives back what it has not begun.
HOARDING = 0.1
MAX_ACTIVE = 100
CLEAN = describe_exit(0)


class Crew:
    """Keeps the worker's children alive and their hands full; gathers what they report."""

    def __init__(
        self,
        options: WorkerOptions,
        journal: Journal,
        shutdown: Shutdown,
        on_change: Callable[[], None],
        guardian: Guardian,
    ) -> None:
        self._options = options
        self._guardian = guardian
        #: How many jobs may run at once, and in how many processes.
        self.concurrency = options.concurrency
        self._journal = journal
        self._shutdown = shutdown
        self._on_change = on_change
        self._rules = Rules(options.limits)
        self._shift = Shift(options, self._start_shared)
        self._isolation = Isolation(options, self._start_alone)
        self.herald = Herald(lambda: self._children)
        self._revoking = Revoking(
            self._isolation, self._rules, self.herald, lambda: self._children, self._refuse
        )
        self._limits: Mapping[str, Limits] = {}
        self._alone = count(1)
        self._nobody = asyncio.Event()
        self._ending = False
        self._batch = Batch()
        #: Keys of limited jobs that have ended here since this was last looked at.
        self.freed: set[str] = set()
        #: What is being written down; a lost connection must not have it released.
        self._taken = Batch()
        self.pace, self.speed = Pace(), Speed()
        #: How many jobs were in hand after the last were handed out.
        self.stock = 0
        #: How many jobs of each task the children have been given.
        self.begun: Counter[str] = Counter()
        #: What the first child says of the application, or why none could be started.
        self.hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

    # ── life ─────────────────────────────────────────────────────────────────────────────────

    async def start(self) -> None:
        """Start every child."""
        await self._shift.start()

    async def serve(self) -> None:
        """Have jobs back, for ever, from children that do not get to them."""
        loop = asyncio.get_running_loop()
        while True:
            board.tick()
            await asyncio.sleep(HOARDING)
            now = loop.time()
            for child in self._children:
                child.look()
                if child.unstarted and now - child.heard_at > HOARDING:
                    child.recall()
            self._give_back(self._isolation.give_back(now, HOARDING))
            self._isolation.staff(now)
            self._isolation.rest(now)
            self._revoking.carry_out(self.known_claims, now)

    async def quit(self) -> None:
        """End every child as soon as it runs nothing; kill what outlives the grace."""
        self.herald.tell("shutdown")
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
        self._give_back(self._isolation.give_back(asyncio.get_running_loop().time()))

    def give_up(self) -> None:
        """Kill the children that still run something, and give their jobs back uncharged."""
        for child in self._children:
            if child.jobs:
                child.kill()
                self._give_back([job for job, _ in child.jobs.values()])
                child.jobs.clear()

    # ── jobs in ──────────────────────────────────────────────────────────────────────────────

    @property
    def slots(self) -> int:
        """How many jobs can run at once now."""
        shared = self._shift.slots
        return min(shared + self._isolation.in_hand, self.concurrency) if shared else 0

    @property
    def processes(self) -> int:
        """How many processes share the slots."""
        return self._shift.processes

    @property
    def room(self) -> float:
        """How many more jobs the children take before they are replaced."""
        return self._shift.room

    @property
    def in_hand(self) -> int:
        """How many jobs the children have."""
        shared = sum(len(child.jobs) for child in self._shift.children)
        return shared + self._isolation.in_hand

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
        if self._shutdown.under_way:  # asked for while the claim was under way
            self._give_back(jobs)
            return
        jobs = self._revoking.spare(jobs)
        self.begun.update([job.task for job in jobs])
        rest, apart = self._rules.divide(jobs)
        if apart:
            self._isolation.take(apart, now)
        ready = sorted(self._shift.serving, key=lambda child: len(child.jobs) / child.slots)
        load = sum(len(child.jobs) for child in ready) + len(rest)
        slots = sum(child.slots for child in ready)
        left, shares = len(rest), []
        for child in ready:
            share = left
            if child is not ready[-1]:
                share = max(0, round(load * child.slots / slots) - len(child.jobs))
            shares.append(int(min(share, child.room, left)))
            left -= shares[-1]
        for child, hand in zip(ready, dealt(rest, shares), strict=True):
            if hand:
                child.send(hand, now)
        self._give_back(rest[len(rest) - left :])
        self.stock = self.in_hand
        self.speed.note(now, busy=True)
        self._shift.renew(self.pace.per_second(now))

    def _give_back(self, jobs: Iterable[ClaimedJob]) -> None:
        if given := list(jobs):
            self._batch.released += [Released(job.id, job.claim) for job in given]
            self._free(given)
            self._on_change()

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
        held |= {(job.id, job.claim) for job in self._isolation.waiting}
        return held | self._batch.claims() | self._taken.claims()

    def active(self, now: float) -> str:
        """Return what runs, as JSON for the worker's row."""
        active = [about for child in self._children for about in child.active(now)]
        return json.dumps(active[:MAX_ACTIVE])

    def pids(self) -> list[int]:
        """Return the process ids of the children."""
        return [child.pid for child in self._children]

    def _on_outcomes(self, child: Child, records: list[Record]) -> None:
        for record in records:
            held = child.jobs.pop((record[1], int(record[2])), None)
            if held is None:
                continue  # it was given up a moment ago
            job = held[0]
            refused = bool(self._revoking.orders) and self._revoking.reported(job, record)
            if record[0] == frames.UNSTARTED:
                child.room += 1
                if refused:
                    self._refuse([job])
                    continue
                if self._hand_over(child, job):
                    continue
            self._batch.add(record)
            self._free((job,))
            self._journal.ended(job, record)
        self.pace.add(len(records), child.heard_at)
        self.speed.note(child.heard_at, done=len(records), busy=self.in_hand > 0)
        if child.options.alone:
            self._isolation.freed(child)
        self._shift.renew(self.pace.per_second(child.heard_at))
        self._on_change()

    def _free(self, jobs: Iterable[ClaimedJob]) -> None:
        self.freed.update(job.limit_key for job in jobs if job.limit_key)

    def _hand_over(self, child: Child, job: ClaimedJob) -> bool:
        """Give a job that one child has no slot for to another that has; False if none has."""
        if self._shutdown.under_way:
            return False
        for other in self._shift.serving:
            if other is not child and len(other.jobs) < other.slots and other.room > 0:
                other.send([job], asyncio.get_running_loop().time())
                return True
        return False

    # ── what is asked of it ──────────────────────────────────────────────────────────────────

    def resize(self, concurrency: int) -> None:
        """Run more or fewer jobs at once from now on; none is ended for that."""
        more = concurrency - self.concurrency
        self.concurrency = concurrency
        if more > 0:
            self._shift.grow(more)
        elif more < 0:
            self._shift.shrink(-more)
        self._isolation.resize(concurrency, self.processes)
        self._on_change()

    def restart(self) -> None:
        """Have every process followed by a new one, which imports the application anew."""
        self._shift.restart()
        self._isolation.restart()

    def override(self, limits: Mapping[str, Limits]) -> None:
        """Put these limits in the place of those that tasks declare, for runs that begin now."""
        self._limits = limits
        self._rules.override(limits)
        for child in self._children:
            if child.ready:
                child.limit(limits)

    def hands(self) -> tuple[list[tuple[ClaimedJob, int]], list[ClaimedJob]]:
        """Return the jobs that a slot may have begun, each with its process, and the others."""
        begun, waiting = [], self._isolation.waiting
        for child in self._children:
            first, others = child.begun_and_waiting()
            begun += [(job, child.pid) for job in first]
            waiting += others
        return begun, waiting

    def revoke(self, jobs: Iterable[tuple[str, int]], signal: str | None) -> None:
        """Have jobs end, by id and claim; a `def` that runs only if its process is to be killed.

        `signal` is the name of the signal by which a run is to be ended that does not end when it
        is asked; None: it goes on. Jobs whose claim is not here yet end when they come.
        """
        loop = asyncio.get_running_loop()
        self._revoking.order(jobs, signal, loop.time())
        # What is told together is one order: terminate() says it without its signal first.
        loop.call_soon(self._revoking.carry_out, self.known_claims, loop.time())

    def _refuse(self, jobs: list[ClaimedJob]) -> None:
        """End jobs that nobody has begun, because their cancellation was asked for."""
        for job in jobs:
            record = verdicts.cancelled(job)
            self._batch.add(record)
            self._journal.ended(job, record)
            self.herald.revoked(job)
        self._free(jobs)
        if jobs:
            self._on_change()

    # ── births and deaths ────────────────────────────────────────────────────────────────────

    @property
    def _children(self) -> list[Child]:
        return [*self._shift.children, *self._isolation.children]

    async def _start_shared(self, number: int, slots: int) -> Child:
        return await self._start(str(number + 1), slots, alone=False)

    async def _start_alone(self) -> Child:
        return await self._start(f"alone-{next(self._alone)}", 1, alone=True)

    async def _start(self, name: str, slots: int, *, alone: bool) -> Child:
        options = ChildOptions.of(self._options, name, slots, alone=alone)
        heard = (self._on_hello, self._on_outcomes, self._on_gone)
        child = Child(options, *heard, self._guardian)
        await child.start()
        self._nobody.clear()
        if self._ending:
            child.kill()
        return child

    def _on_hello(self, child: Child, hello: dict[str, Any]) -> None:
        self._rules.learn(hello)
        if self._limits:
            child.limit(self._limits)
        if not self.hello.done():
            self.hello.set_result(hello)
        log.debug("process %s (pid %d) is ready", child.options.name, child.pid)
        self.herald.speak()
        if self._shutdown.under_way:
            child.quit()
        elif child.options.alone:
            self._isolation.staff(asyncio.get_running_loop().time())
        else:
            self._shift.ready(child)
        self._on_change()

    def _on_gone(self, child: Child) -> None:
        """Decide what becomes of a dead child's jobs, and who takes its place."""
        goes_on = not self._ending and not self._shutdown.under_way
        if child.options.alone:
            self._isolation.gone(child)
        else:
            self._shift.gone(child, again=goes_on and self.hello.done())
        if not self._children:
            self._nobody.set()
        cause = child.bury()
        begun, waiting = child.begun_and_waiting()
        self._free([*begun, *waiting])
        fate = post_mortem(begun, waiting, cause, killed=child.killed, verdict=child.verdict)
        self._batch.merge(fate)
        if fate.crashed:
            self.herald.crashed(begun[0])
        for job in (*begun, *waiting):
            self._mourn(job, fate, child.verdict)
        child.jobs.clear()
        self._on_change()
        if not self.hello.done():
            self._ending = True
            why = child.broken.rstrip() if child.broken else f"its process was {cause}"
            self.hello.set_exception(
                ConfigurationError(f"-A {self._options.app} cannot be loaded: {why}")
            )
        elif goes_on and not child.killed and not (child.quitting and cause == CLEAN):
            about = (child.options.name, child.pid, cause, told(begun, fate))
            log.error("process %s (pid %d) was %s%s", *about)

    def _mourn(self, job: ClaimedJob, fate: Batch, verdict: Record | None) -> None:
        """Say of a job how it has ended with its process, if it has."""
        judged = verdict is not None and (job.id, str(job.claim)) == (verdict[1], verdict[2])
        if verdict and judged and fate.finished:
            self._journal.killed(job, verdict)
            if verdict[0] == frames.FAILED:
                self.herald.killed(job, verdict[3])
                return
        self._revoking.died(job)
