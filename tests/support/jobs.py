"""Runs operations on one connection, with the few arguments that a test is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import psycopg

from pgqueue import operations
from pgqueue.database import EndlessLoader
from pgqueue.identifiers import uuid7
from pgqueue.query import Query
from pgqueue.rows import ClaimedJob, Finished, JobRow, Lane, NewJob, Released, Retried
from pgqueue.transports.psycopg import execute
from pgqueue.worker.claims import PRIORITIES
from pgqueue.worker.planning import settings
from support.waiting import wait_for

T = TypeVar("T")
DEFAULT = ("default",)
TASKS = ("add",)


class Jobs:
    """What a client and a worker do to jobs, on one connection."""

    def __init__(self, connection: psycopg.Connection, schema: str = "pgqueue") -> None:
        self.connection = connection
        connection.adapters.register_loader("timestamptz", EndlessLoader)  # as on our own ones
        self.schema = schema
        self._as_worker = False

    def run(self, query: Query[T]) -> T:
        if self._as_worker:
            for name, value in settings(query.name).items():
                self.connection.execute("select set_config(%s, %s, false)", [name, value])
        return execute(self.connection, query, self.schema)

    def value(self, text: str, *params: object) -> object:
        """Run SQL of the test's own; return the first column of its first row."""
        return self.connection.execute(text, params).fetchone()[0]

    def transaction(self):
        return self.connection.transaction()

    def plan_as_worker(self) -> None:
        """Plan each query as a worker does that is connected directly, without a pooler."""
        self._as_worker = True

    # ── a client's part ──

    def add(self, task: str = "add", *, args: str = "[]", kwargs: str = "{}", **options) -> str:
        """Enqueue a job; return its id."""
        job = NewJob(options.pop("id", None) or uuid7(), task, args, kwargs, **options)
        self.run(operations.enqueue(job))
        return str(job.id)

    def get(self, job: str) -> JobRow | None:
        return self.run(operations.get(job))

    def state(self, job: str) -> str:
        return self.get(job).state

    # ── a worker's part ──

    def register(
        self,
        name: str = "worker",
        *,
        queues: Sequence[str] = DEFAULT,
        tasks: Sequence[str] = TASKS,
        lease: float = 30.0,
        concurrency: int = 8,
    ) -> int:
        """Register a worker; return its id."""
        about = {"hostname": "host", "pid": 1, "version": "0", "processes": 1}
        about["concurrency"] = concurrency
        worker = {"name": name, "queues": list(queues), "tasks": list(tasks), **about}
        return self.run(operations.register(worker, lease))

    def claim(
        self,
        worker: int,
        *,
        limit: int = 100,
        queues: Sequence[str] = DEFAULT,
        tasks: Sequence[str] = TASKS,
        lanes: Sequence[Lane] | None = None,
        untouched: bool = False,
    ) -> list[ClaimedJob]:
        lanes = lanes or [Lane(queue, priority) for queue in queues for priority in PRIORITIES]
        return self.run(operations.claim(worker, lanes, tasks, limit, untouched=untouched))

    def claim_ids(self, worker: int, **options) -> list[str]:
        return [job.id for job in self.claim(worker, **options)]

    def running(self, worker: int, **options) -> ClaimedJob:
        """Enqueue a job and claim it."""
        job = self.add(**options)
        queue, task = options.get("queue", "default"), options.get("task", "add")
        (claimed,) = [c for c in self.claim(worker, queues=[queue], tasks=[task]) if c.id == job]
        return claimed

    def finish(self, *jobs: ClaimedJob, state: str = "succeeded", **outcome) -> set[str]:
        return self.run(
            operations.finish([Finished(job.id, job.claim, state, **outcome) for job in jobs])
        )

    def retry(self, *jobs: ClaimedJob, countdown: float = 0.0, error: str = "oops") -> set[str]:
        return self.run(
            operations.retry(
                [Retried(job.id, job.claim, countdown, error, "trace") for job in jobs]
            )
        )

    def release(self, *jobs: ClaimedJob) -> set[str]:
        return self.run(operations.release([Released(job.id, job.claim) for job in jobs]))

    def crash(
        self, *jobs: ClaimedJob, error: str = "killed", max_crashes: int = 3, alone: bool = False
    ) -> dict[str, str]:
        released = [Released(job.id, job.claim) for job in jobs]
        return self.run(operations.crash(released, error, max_crashes, alone=alone))

    def suspect(self, *jobs: ClaimedJob, error: str = "killed with others") -> set[str]:
        released = [Released(job.id, job.claim) for job in jobs]
        return self.run(operations.suspect(released, error))

    def finished(self, worker: int, state: str = "succeeded", **outcome) -> str:
        """Enqueue, claim and finish a job; return its id."""
        job = self.running(worker)
        assert self.finish(job, state=state, **outcome) == {job.id}
        return job.id


class Step(Generic[T]):
    """A statement under way in a thread, which may have to wait for a lock that the test holds."""

    def __init__(self, jobs: Jobs, observer: psycopg.Connection, act: Callable[[], T]) -> None:
        self._pid = jobs.connection.info.backend_pid
        self._observer = observer
        self._thread = ThreadPoolExecutor(1)
        self._future = self._thread.submit(act)
        self._thread.shutdown(wait=False)

    def blocked(self) -> Step[T]:
        """Wait until the statement waits for a lock."""
        wait_for(self._waits, f"backend {self._pid} to wait for a lock")
        return self

    def result(self) -> T:
        return self._future.result(timeout=10)

    def wait(self) -> None:
        """Wait until the statement has ended, whatever became of it."""
        futures.wait([self._future], timeout=10)

    def _waits(self) -> bool:
        if self._future.done():
            self._future.result()
            raise AssertionError("it did not wait for a lock")
        asked = "select cardinality(pg_blocking_pids(%s)) > 0"
        return self._observer.execute(asked, [self._pid]).fetchone()[0]
