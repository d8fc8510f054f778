"""Programs that enqueue, and operators who cancel, repeat, purge and forget."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import canvases
import psycopg
from actors import MAX_ATTEMPTS, QUEUES, TASK, Actor, Steps, World
from rules import LIMITS, must
from sessions import BEGIN, COMMIT, CONNECT, IDLE, ROLLBACK, Lost

from pgqueue import operations
from pgqueue.query import Query
from pgqueue.rows import NewJob, Unique


class Client(Actor):
    """Does one thing after another, each chosen anew."""

    def __init__(self, world: World, name: str) -> None:
        super().__init__(world, name)
        self._at_rest = False

    @property
    def idle(self) -> bool:
        """Whether it is between two acts."""
        return self._at_rest

    def life(self) -> Steps:
        """Act; after a lost connection, go on over another."""
        yield from self._connect()
        while True:
            self._at_rest = self.world.draining
            if self._at_rest:
                yield IDLE
                continue
            try:
                yield from self._act()
            except Lost:
                yield from self._connect()
            except psycopg.OperationalError:
                pass  # given up after waiting

    def _act(self) -> Steps:
        busy = len(self.world.ledger.unfinished()) >= self.world.weather.jobs
        acts = {
            self._enqueue: 0 if busy else 30,
            self._enqueue_many: 0 if busy else 10,
            self._together: 0 if busy else 20,
            self._canvas: 0 if busy else 15,
            self._unique: 15 if self.world.weather.keys and not busy else 0,
            self._enqueue_again: 6,
            self._cancel: 8,
            self._requeue: 0 if busy else 16,
            self._purge: 0.5,
            self._forget: 3,
            self._wait: 8,
        }
        act = self.random.choices([*acts], [*acts.values()])[0]
        yield from act()

    def _connect(self) -> Steps:
        while True:
            try:
                yield CONNECT
            except psycopg.OperationalError:
                continue
            return

    def _wait(self) -> Steps:
        until = self.world.rounds + self.random.choice([1, 10, 40])
        while self.world.rounds < until and not self.world.draining:
            yield IDLE

    # ── enqueueing ──

    def _new(self) -> NewJob:
        random = self.random
        job = NewJob(
            UUID(int=random.getrandbits(128), version=4),
            TASK,
            "[]",
            "{}",
            random.choice(QUEUES),
            random.choice([0, 0, 5]),
            MAX_ATTEMPTS,
            random.choice([0.0, 0.0, 0.0, 3.0]),
        )
        if random.random() < self.world.weather.limited:
            favour = self.world.weather.favour
            key = random.choice([key for key in LIMITS if key[2:] in favour] or [*LIMITS])
            note = f'{{"pgqueue": {{"limit_key": "{key.partition(":")[2]}"}}}}'
            job = job._replace(allowance=LIMITS[key], headers=note)
        return job

    def _enqueue(self) -> Steps:
        """One job by itself."""
        job = self._new()
        yield from self._send(operations.enqueue(job))
        self.world.ledger.enqueued([str(job.id)])

    def _enqueue_many(self) -> Steps:
        """A few jobs in one statement."""
        jobs = [self._new() for _ in range(2)]
        yield from self._send(operations.enqueue_many(jobs, wake=True))
        self.world.ledger.enqueued(str(job.id) for job in jobs)

    def _canvas(self) -> Steps:
        """Jobs that wait for each other, in one statement."""
        jobs, edges = canvases.some(self.random)
        ids = [str(job.id) for job in jobs]
        canvases.note(self.world.ledger, edges)
        # Sent again, it would bring back what has ended and was forgotten meanwhile.
        self.world.ledger.unanswered.update(ids)
        yield from self._send(operations.enqueue_canvas(jobs, edges))
        self.world.ledger.unanswered.difference_update(ids)
        self.world.ledger.enqueued(ids)

    def _unique_job(self) -> NewJob:
        return self._new()._replace(headers='{"pgqueue": {"unique": "k"}}', unique=Unique("k"))

    def _unique(self) -> Steps:
        """A job that is to be the only one with its key."""
        ended = self.world.ledger.ended()
        (placed,) = yield from self._send(operations.enqueue_unique([self._unique_job()]))
        if placed.existing:
            self.world.ledger.stands(placed.job, ended)
        else:
            self.world.ledger.enqueued([placed.job])

    def _send(self, query: Query[Any]) -> Steps:
        """Run an enqueue; after a lost answer run it again, as the client's pool does."""
        try:
            return (yield query)
        except Lost:
            yield from self._connect()
            if self.random.random() < 0.7:  # the next connection takes its time
                yield from self._wait()
            return (yield query.again())

    def _enqueue_again(self) -> Steps:
        """What has been enqueued before, under the ids that it was given."""
        ids = self._some(self.world.ledger.known())
        jobs = [self._new()._replace(id=UUID(id_), chosen=True) for id_ in ids]
        if len(jobs) == 1:
            is_new = yield operations.enqueue(jobs[0])
            must(not is_new or ids[0] in self.world.ledger.forgotten, "P2: a job is new twice")
        elif jobs:
            yield operations.enqueue_many(jobs, wake=True)

    def _together(self) -> Steps:
        """Some jobs in a business transaction, which may be rolled back."""
        jobs = [self._new() for _ in range(self.random.randint(1, 3))]
        commits = self.random.random() < 0.7
        linked, edges = canvases.some(self.random) if self.random.random() < 0.3 else ([], [])
        canvases.note(self.world.ledger, edges)
        ids = [str(job.id) for job in [*jobs, *linked]]
        keys = self.world.weather.keys
        unique = [self._unique_job()] if keys and self.random.random() < 0.4 else []
        yield BEGIN
        try:
            yield operations.enqueue(jobs[0])
            if unique:
                (placed,) = yield operations.enqueue_unique(unique)
                ids += [] if placed.existing else [placed.id]
            if linked:
                yield operations.enqueue_canvas(linked, edges)
            if len(jobs) > 1:
                yield operations.enqueue_many(jobs[1:], wake=True)
            if not commits:
                self.world.ledger.undone.update(ids)
            yield COMMIT if commits else ROLLBACK
        except psycopg.Error as error:
            if not isinstance(error, Lost):
                yield ROLLBACK
            raise
        if commits:
            self.world.ledger.enqueued(ids)

    # ── operating ──

    def _cancel(self) -> Steps:
        ids = self._some(self.world.ledger.unfinished())
        if ids:
            lives = self.world.ledger.lives(ids)
            told = yield operations.cancel(ids)
            self.world.ledger.cancelled(told, lives)

    def _requeue(self) -> Steps:
        ids = self._some(self.world.ledger.known())
        if ids:
            yield operations.requeue(ids)

    def _purge(self) -> Steps:
        yield operations.purge(self.random.choice(QUEUES), 3)

    def _forget(self) -> Steps:
        ids = self._some(self.world.ledger.known())
        if ids and ids[0] not in self.world.ledger.unanswered:
            yield operations.forget(ids[0])

    def _some(self, ids: list[str]) -> list[str]:
        return self.random.sample(ids, min(len(ids), self.random.randint(1, 3)))
