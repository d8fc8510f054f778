"""A running job that is replaced by a canvas: it waits, and becomes what that returns. Pure."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pgqueue.canvas.records import become
from pgqueue.canvas.sending import here
from pgqueue.canvas.signature import Signature, of_any
from pgqueue.errors import UsageError
from pgqueue.request import Request
from pgqueue.rows import Edge, NewJob


def replacement(
    request: Request, signature: Signature[Any], app: Any
) -> tuple[list[NewJob], list[Edge], int]:
    """Return the jobs and edges that replace a running job, and for how many of them it waits."""
    signature = of_any(signature, f"{request.task}[{request.id}]: replace")
    if signature._own_app() is None:
        signature._app = app
    layout = signature._layout((), None, {}, here())
    ends = layout.feed.ids
    if not ends:
        raise UsageError(
            f"{request.task}[{request.id}]: {signature!r} has no result that the job could become: "
            "return instead, or give a signature that is not empty"
        )
    layout.edges += become(ends, UUID(request.id), many=layout.feed.many)
    return layout.jobs(), layout.edges, len(ends)
