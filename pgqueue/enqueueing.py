"""One job on its way to the database, and the handle of the job that then stands for it."""

from __future__ import annotations

from typing import Any

from pgqueue import operations
from pgqueue.errors import DuplicateJob
from pgqueue.publishing import aannounce, announce, apublished, published
from pgqueue.result import AsyncResult, ResultSource
from pgqueue.rows import NewJob, Placed
from pgqueue.unique import RAISE


def enqueue(app: ResultSource, job: NewJob, connection: Any) -> AsyncResult[Any]:
    """Enqueue a job on a sync connection, or on the application's own.

    Raises `DuplicateJob` if another one holds its key, and it says so.
    """
    job, connection = announce(job), app.bound(connection)
    if job.unique is None:
        app.run(operations.enqueue(job), connection)
    else:
        (placed,) = app.run(operations.enqueue_unique([job]), connection)
        if placed.existing:
            return existing(app, job, placed)
    published(job)
    return AsyncResult(job.id, app)


async def aenqueue(app: ResultSource, job: NewJob, connection: Any) -> AsyncResult[Any]:
    """Enqueue a job on an async connection, or on the application's own."""
    job, connection = await aannounce(job), app.bound(connection)
    if job.unique is None:
        await app.arun(operations.enqueue(job), connection)
    else:
        (placed,) = await app.arun(operations.enqueue_unique([job]), connection)
        if placed.existing:
            return existing(app, job, placed)
    await apublished(job)
    return AsyncResult(job.id, app)


def existing(app: ResultSource, job: NewJob, placed: Placed) -> AsyncResult[Any]:
    """Return the handle of the job that was there before, or raise `DuplicateJob`."""
    assert job.unique
    if job.unique.on_duplicate == RAISE:
        raise duplicate(job, placed.job)
    result: AsyncResult[Any] = AsyncResult(placed.job, app)
    result.existing = True
    return result


def duplicate(job: NewJob, holder: str, place: str = "") -> DuplicateJob:
    """Return the error of a call whose unique key another job holds."""
    key = job.unique.key if job.unique else None
    return DuplicateJob(
        f"{place}{job.task}: job {holder} holds the unique key {key!r}; nothing was enqueued",
        holder,
    )
