"""What the database itself can do: a worker's very statements in a bare loop, without tasks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from pgqueue import operations
from pgqueue.bench.scratch import Scratch
from pgqueue.bench.tasks import noop
from pgqueue.database import SyncConnection, connection_string
from pgqueue.query import Query
from pgqueue.rows import ClaimedJob, Finished
from pgqueue.statements import statement
from pgqueue.worker.claims import Cursors
from pgqueue.worker.planning import Planner

BATCH = 300
_LEASE = 3600.0


@dataclass(frozen=True, slots=True)
class Bare:
    """A bare loop's run: its time is from the first statement to the last answer."""

    jobs: int
    seconds: float
    client_cpu: float
    round_trips: int
    batch: int


def drain(
    scratch: Scratch,
    *,
    batch: int = BATCH,
    queues: Sequence[str] = ("default",),
    tasks: Sequence[str] = (noop.name,),
) -> Bare:
    """Claim and finish every due job, in one process on one connection.

    As a worker does it: the outcomes of the last batch and the next claim go in one pipeline and
    one transaction, under the worker's planner settings, each lane from its cursor on.
    """
    schema = scratch.schema
    with psycopg.connect(
        connection_string(scratch.dsn, application_name="pgqueue bare"), autocommit=True
    ) as connection:
        planner = Planner(pooled=False)

        def run(queries: Sequence[Query[Any]]) -> list[Any]:
            prepared = planner.prepare(queries)
            return planner.answers(prepared, _pipelined(connection, prepared, schema))

        (worker,) = run([_register(queues, tasks)])
        cursors = Cursors(queues)
        done = trips = 0
        jobs: list[ClaimedJob] = []
        cpu, began = time.process_time(), time.perf_counter()
        while True:
            finished = [Finished(job.id, job.claim, "succeeded", "1") for job in jobs]
            queries = [operations.finish(finished)] if jobs else []
            claim = operations.claim(worker, cursors.lanes(sweep=not jobs), tasks, batch)
            answers = run([*queries, claim])
            trips += 1
            done += sum(map(len, answers[:-1]))
            jobs = answers[-1]
            if not jobs:
                break
            cursors.advance(jobs)
        seconds = time.perf_counter() - began
        return Bare(done, seconds, time.process_time() - cpu, trips, batch)


def _register(queues: Sequence[str], tasks: Sequence[str]) -> Query[int]:
    row = {
        "name": "bare",
        "hostname": "-",
        "pid": 0,
        "version": "-",
        "queues": list(queues),
        "tasks": list(tasks),
        "processes": 1,
        "concurrency": 1,
    }
    return operations.register(row, _LEASE)


def _pipelined(connection: SyncConnection, queries: Sequence[Query[Any]], schema: str) -> list[Any]:
    cursors = []
    with connection.pipeline():
        for query in queries:
            cursor = connection.cursor(row_factory=tuple_row)
            cursor.execute(statement(query.name, schema), query.params, prepare=True)
            cursors.append(cursor)
    return [
        query.read(cursor.fetchall() if cursor.description else [])
        for query, cursor in zip(queries, cursors, strict=True)
    ]
