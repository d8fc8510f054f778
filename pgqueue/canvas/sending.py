"""A canvas on its way to the database: all of it, in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pgqueue import operations
from pgqueue.canvas.layout import Context, Layout
from pgqueue.canvas.results import GroupResult, handle
from pgqueue.query import Query
from pgqueue.request import current
from pgqueue.result import AsyncResult, ResultSource
from pgqueue.rows import Edge, NewJob


def send(app: ResultSource, layout: Layout, connection: Any) -> AsyncResult[Any] | GroupResult:
    """Send a canvas on a sync connection, or on the application's own."""
    query = statement(layout.jobs(), layout.edges)
    if query is not None:
        app.run(query, app.bound(connection))
    return handle(layout.shape, app)


async def asend(
    app: ResultSource, layout: Layout, connection: Any
) -> AsyncResult[Any] | GroupResult:
    """Send a canvas on an async connection, or on the application's own."""
    query = statement(layout.jobs(), layout.edges)
    if query is not None:
        await app.arun(query, app.bound(connection))
    return handle(layout.shape, app)


def statement(jobs: Sequence[NewJob], edges: Sequence[Edge]) -> Query[Any] | None:
    """Return the one statement that inserts a canvas; None if there is nothing."""
    if edges:
        return operations.enqueue_canvas(jobs, edges)
    if len(jobs) == 1:
        return operations.enqueue(jobs[0])
    return operations.enqueue_many(jobs, wake=True) if jobs else None


def here() -> Context:
    """Return what a canvas is sent from: the run that this code is in, if it is in one."""
    request = current.get()
    if request is None:
        return Context()
    parent = UUID(request.id)
    root = getattr(request, "root_id", None)
    return Context(parent, UUID(root) if root else parent)
