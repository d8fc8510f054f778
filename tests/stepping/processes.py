"""A worker's process as it decides, statement by statement."""

from __future__ import annotations

import json
from typing import Any

import psycopg
from actors import MAX_ATTEMPTS, QUEUES, TASK, Actor, Steps, World, at_once
from children import Child
from sessions import BEGIN, COMMIT, CONNECT, IDLE, ROLLBACK, Lost

from pgqueue import operations
from pgqueue.rows import ClaimedJob, Finished, Released, Retried
from pgqueue.worker import claims
from pgqueue.worker.duties import MAX_CRASHES
from pgqueue.worker.reports import Batch

SLOTS = 4
#: How many jobs it says that it runs at once; the others in its hands have not begun.
BEGUN = 3
#: Shorter than a worker's, so that more happens within fewer steps.
HEARTBEAT, LEASE, GRACE = 2.0, 4.0, 0.5


class Process(Actor):
    """A supervisor: one control connection, jobs in hand, outcomes to be written down."""

    weight = 3

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self.child = Child(world, name)
        self.worker_id = 0
        #: When it was last heard of, and whether its session has lasted since.
        self.beat_at = world.now
        self.attached = False
        #: When it sent the heartbeat of the transaction that is under way.
        self._said_at: float | None = None
        #: In which life of the server its session holds its lifeline.
        self.lifeline: str | None = None
        #: Whether the session before may not be over yet.
        self.unsettled = False
        self._hands: dict[tuple[str, int], ClaimedJob] = {}
        self._batch, self._taken = Batch(), Batch()
        self._cursors = claims.Cursors(QUEUES)
        #: Keys of limited jobs that have ended here since it last let some in.
        self._freed: set[str] = set()

    @property
    def idle(self) -> bool:
        return not self._hands and not self._batch and self.child.idle

    @property
    def rests(self) -> bool:
        return False

    @property
    def may_be_lost(self) -> bool:
        """Whether the others may think that it died."""
        return not self.attached or self.world.now - self.beat_at > LEASE

    def life(self) -> Steps:
        """Begin, and then do what is due, for ever."""
        yield CONNECT
        try:
            yield from self.in_transaction(self._register)
        except Lost:
            yield from self._reconnect()
        while True:
            try:
                yield from self._next()
            except Lost:
                yield from self._reconnect()
            except psycopg.OperationalError:
                pass  # given up after waiting: comes later

    def _next(self) -> Steps:
        self._work()
        due = self.world.now - self.beat_at >= HEARTBEAT or not self.lifeline
        if due and self.random.random() < 0.5:  # several things are due at once, in any order
            yield from self.in_transaction(self._beat)
        elif self.random.random() < 0.2:
            yield from self._watch()
        elif not self.world.draining and self.world.weather.strikes("stop"):
            yield from self._stop()
        else:
            yield from self._turn(claiming=self.world.draining or self.world.weather.claims())

    # ── liveness ──

    def _register(self) -> Steps:
        about = {"hostname": "h", "pid": 1, "version": "0", "processes": 1, "concurrency": BEGUN}
        worker = {"name": self.name, "queues": list(QUEUES), "tasks": [TASK], **about}
        self.worker_id = yield operations.register(worker, LEASE)
        self.unsettled = False
        self.lifeline = yield operations.hold_lifeline(self.worker_id)

    def in_transaction(self, act: Any) -> Steps:
        self._said_at = None
        yield BEGIN
        try:
            yield from act()
            yield COMMIT
            if self._said_at is not None:
                # Not before: an answer may come from a session that has ended since.
                self.world.ledger.beaten(self.worker_id)
                self.beat_at, self.attached = self._said_at, True
        except psycopg.Error as error:
            if not isinstance(error, Lost):
                yield ROLLBACK
            raise

    def _beat(self) -> Steps:
        if not self.lifeline:
            self.lifeline = yield operations.hold_lifeline(self.worker_id)
        now = self.world.now
        active = json.dumps([{"id": id_} for id_, _ in [*self._hands][:BEGUN]])
        beat = operations.heartbeat(self.worker_id, LEASE, "{}", active, lifeline=self.lifeline)
        if (yield beat):
            self._said_at = now
            if self.unsettled and self.lifeline:
                yield from self._release_unknown()
                self.unsettled = False
        else:
            yield from self._register()

    def _reconnect(self) -> Steps:
        while True:
            try:
                yield CONNECT
                yield from self.in_transaction(self.mend)
            except psycopg.OperationalError:
                continue
            return

    def mend(self) -> Steps:
        self.lifeline = None
        yield from self._beat()
        yield from self._release_unknown()
        self.unsettled = not self.lifeline

    def _release_unknown(self) -> Steps:
        known = self._batch.claims() | self._taken.claims() | self._hands.keys()
        lost = yield operations.reconcile(self.worker_id, known)
        if lost:
            yield operations.cancel_requested(sorted(lost))

    def _stop(self) -> Steps:
        """A graceful end, and a new worker in its place."""
        self.child.job = self.child.report = None
        self.world.restart(self.child.name)
        self._batch.released += [Released(job.id, job.claim) for job in self._hands.values()]
        self._hands.clear()
        while self._batch:
            yield from self._turn(claiming=False)
        yield from self.in_transaction(self.farewell)
        yield from self.in_transaction(self._register)

    def farewell(self) -> Steps:
        yield operations.stop(self.worker_id)
        if lost := (yield operations.reconcile(self.worker_id, ())):
            yield operations.cancel_requested(sorted(lost))

    # ── the others ──

    def _watch(self) -> Steps:
        found = yield operations.watch(self.worker_id, GRACE)
        if found.overdue:
            yield from self.in_transaction(self._rescue)

    def _rescue(self) -> Steps:
        if not (yield operations.lead("rescue")):
            return
        lost = yield operations.lost(self.worker_id)
        for worker in sorted({job.worker_id for job in lost}):
            jobs = [job for job in lost if job.worker_id == worker]
            states = yield operations.crash(jobs, "WorkerLost", MAX_CRASHES)
            yield operations.cancel_requested(states)

    # ── jobs ──

    def _work(self) -> None:
        """Have some of the jobs in hand end, each in one way or another."""
        if self.child.report:
            job, said = self.child.report
            self.child.report = None
            del self._hands[job.id, job.claim]
            if said == "failed":
                self._retry_or_fail(job)
        # Children go on while it is frozen, and have all reported when it comes back.
        every = self.world.draining or self.world.now - self.beat_at > LEASE
        for job in list(self._hands.values()):
            if job != self.child.job and (every or self.world.weather.ends()):
                self._end(job)

    def _end(self, job: ClaimedJob) -> None:
        way = "succeeded" if self.world.draining else self.world.weather.end()
        if way == "together":
            if self.child.job is None and self.child.report is None:
                self.child.job = job
            return
        del self._hands[job.id, job.claim]
        self._freed.update({job.limit_key} - {None})
        if way == "retry":
            self._retry_or_fail(job)
        elif way == "unstarted":
            self._batch.released.append(Released(job.id, job.claim))
        elif way == "crash":
            crashed = self._batch.crashed.setdefault("WorkerLost: its process was killed", [])
            crashed.append(Released(job.id, job.claim))
        else:
            self._batch.finished.append(Finished(job.id, job.claim, way))

    def _retry_or_fail(self, job: ClaimedJob) -> None:
        if job.attempt < MAX_ATTEMPTS:
            delay = self.random.choice([0.0, 2.0])
            self._batch.retried.append(Retried(job.id, job.claim, delay, "oops"))
        else:
            self._batch.finished.append(Finished(job.id, job.claim, "failed", None, "oops"))

    def _turn(self, *, claiming: bool = True) -> Steps:
        taken = self._taken = self._batch
        self._batch = Batch()
        queries = taken.queries()
        writes = len(queries)
        want = max(0, SLOTS - len(self._hands)) if claiming else 0
        if want:
            sweeps = self.random.random() < 0.5
            lanes = self._cursors.lanes(sweep=sweeps)
            queries.append(
                operations.claim(self.worker_id, lanes, [TASK], want, untouched=not sweeps)
            )
        freed, self._freed = self._freed, set()
        if want or freed:
            limit = want - self.random.randint(0, want)
            # Not all of them, so that two let in jobs of a key from different queues.
            queues = self.random.choice([QUEUES, QUEUES[:1], QUEUES[1:]])
            if want and self.world.weather.rated:
                queries.append(operations.park(queues, {}, known=[TASK]))
            queries.append(operations.claim_limited(self.worker_id, queues, [TASK], limit, freed))
        if not queries:
            yield IDLE
            return
        try:
            results = yield from at_once(*queries)
        except psycopg.OperationalError as error:
            taken.resent = isinstance(error, Lost)
            taken.merge(self._batch)
            self._batch = taken
            self._freed |= freed
            raise
        self._written(taken, results[:writes])
        for jobs in [found for found in results[writes:] if isinstance(found, list)]:
            self._cursors.advance([job for job in jobs if job.limit_key is None])
            self._hands |= {(job.id, job.claim): job for job in jobs}

    def _written(self, batch: Batch, results: list[Any]) -> None:
        """Hold the database to what it said was accepted."""
        stale = batch.stale(results)
        written = [("finish", job) for job in batch.finished]
        written += [("retry", job) for job in batch.retried]
        written += [("release", job) for job in batch.released]
        written += [("crash", job) for jobs in batch.crashed.values() for job in jobs]
        for statement, job in written:
            if (job.id, job.claim) not in stale:
                self.world.ledger.written(statement, job.id, job.claim, self.name)
