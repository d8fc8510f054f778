"""A canvas on its way to the database: all of it, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pgqueue import operations
from pgqueue.canvas import inplace
from pgqueue.canvas.feeds import Context
from pgqueue.canvas.layout import Layout
from pgqueue.canvas.results import GroupResult, handle
from pgqueue.publishing import aannounce, announce, apublished, published
from pgqueue.query import Query
from pgqueue.request import current
from pgqueue.result import AsyncResult, ResultSource
from pgqueue.rows import Edge, NewJob
from pgqueue.signals import after_task_publish, before_task_publish


def send(app: ResultSource, layout: Layout, connection: Any) -> AsyncResult[Any] | GroupResult:
    """Send a canvas on a sync connection, or on the application's own."""
    if layout.is_empty:
        return handle(layout.shape, app)
    if app.always_eager:
        return apply(app, layout)
    jobs = layout.jobs()
    if before_task_publish.receivers:
        jobs = [announce(job) for job in jobs]
    app.run(statement(jobs, layout.edges), app.bound(connection))
    if after_task_publish.receivers:
        for job in jobs:
            published(job)
    return handle(layout.shape, app)


async def asend(
    app: ResultSource, layout: Layout, connection: Any
) -> AsyncResult[Any] | GroupResult:
    """Send a canvas on an async connection, or on the application's own."""
    if layout.is_empty:
        return handle(layout.shape, app)
    if app.always_eager:
        return await aapply(app, layout)
    jobs = layout.jobs()
    if before_task_publish.receivers:
        jobs = [await aannounce(job) for job in jobs]
    await app.arun(statement(jobs, layout.edges), app.bound(connection))
    if after_task_publish.receivers:
        for job in jobs:
            await apublished(job)
    return handle(layout.shape, app)


def apply(app: Any, layout: Layout, throw: bool | None = None) -> AsyncResult[Any] | GroupResult:
    """Call a canvas in place, without a database."""
    return inplace.result(layout.shape, inplace.apply(app, layout, throw))


async def aapply(
    app: Any, layout: Layout, throw: bool | None = None
) -> AsyncResult[Any] | GroupResult:
    """Call a canvas in place, on the running event loop."""
    done = await inplace.aapply(app, layout, throw)
    return inplace.result(layout.shape, done)


def statement(jobs: Sequence[NewJob], edges: Sequence[Edge]) -> Query[Any]:
    """Return the one statement that inserts a canvas."""
    if edges:
        return operations.enqueue_canvas(jobs, edges)
    if len(jobs) == 1:
        return operations.enqueue(jobs[0])
    return operations.enqueue_many(jobs, wake=True)


def here() -> Context:
    """Return what a canvas is sent from: the run that this code is in, if it is in one."""
    request = current.get()
    if request is None:
        return Context()
    parent = UUID(request.id)
    root = getattr(request, "root_id", None)
    return Context(parent, UUID(root) if root else parent)
