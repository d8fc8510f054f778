"""A canvas that is called in place: its jobs one after the other, in this process.

Jobs and edges mean what they mean in the database (`sql/functions/follow.sql`), so that a canvas
comes to the same either way.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pgqueue.canvas.layout import Layout
from pgqueue.canvas.results import GroupResult, handle
from pgqueue.codec import decode, encode
from pgqueue.describe import describe_exception
from pgqueue.eager_result import EagerResult
from pgqueue.errors import ChordError, TaskRevokedError
from pgqueue.outcomes import value_of
from pgqueue.result import AsyncResult
from pgqueue.rows import Edge, JobRow, NewJob, Outcome

Results = dict[UUID, AsyncResult[Any]]
#: A canvas' course: it gives the jobs to be run one by one, takes their results, returns all.
Course = Generator[NewJob, AsyncResult[Any], Results]


def apply(app: Any, layout: Layout, throw: bool | None) -> Results:
    """Run the jobs of a canvas here and now; return their results."""
    steps, find = course(layout.jobs(), layout.edges), _finder(app, layout)
    try:
        job = next(steps)
        while True:
            job = steps.send(app.apply(find(job.task), job, throw=throw))
    except StopIteration as end:
        results: Results = end.value
        return results


async def aapply(app: Any, layout: Layout, throw: bool | None) -> Results:
    """Run the jobs of a canvas here and now, on the running event loop."""
    steps, find = course(layout.jobs(), layout.edges), _finder(app, layout)
    try:
        job = next(steps)
        while True:
            job = steps.send(await app.aapply(find(job.task), job, throw=throw))
    except StopIteration as end:
        results: Results = end.value
        return results


def _finder(app: Any, layout: Layout) -> Callable[[str], Any]:
    return lambda name: layout.tasks.get(name) or app.get_task(name)


def course(jobs: Sequence[NewJob], edges: Sequence[Edge]) -> Course:
    """Give the jobs of a canvas in an order in which they can run."""
    incoming: dict[UUID, list[Edge]] = defaultdict(list)
    errbacks: dict[UUID, list[Edge]] = defaultdict(list)
    for edge in edges:
        (errbacks[edge.parent_id] if edge.kind == "error" else incoming[edge.child_id]).append(edge)
    results: Results = {}
    for job in jobs:  # parents are laid out before their children
        given = sorted(incoming[job.id], key=lambda edge: -1 if edge.place is None else edge.place)
        lost = next((edge for edge in given if _row(results, edge).state != "succeeded"), None)
        if lost is not None:
            results[job.id] = _unreached(job, lost, results, among_others=len(given) > 1)
        elif given and given[0].kind == "become":
            results[job.id] = EagerResult(_ended(job, "succeeded", result=_text(given, results)))
        else:
            text = _text(given, results)
            args = job.args if text is None else _before(text, job.args)
            results[job.id] = yield job._replace(args=args)
        failed = results[job.id].job()
        if failed is None or failed.state != "failed":
            continue
        for edge in errbacks[job.id]:
            if edge.child_id not in results:
                results[edge.child_id] = yield _errback(edge, failed)
    return results


def result(shape: Any, results: Results) -> AsyncResult[Any] | GroupResult:
    """Return the handle of a canvas that was called in place."""
    return handle(shape, None, lambda id_: results[id_])


def _row(results: Results, edge: Edge) -> JobRow:
    row = results[edge.parent_id].job()
    assert row is not None
    return row


def _text(given: Sequence[Edge], results: Results) -> str | None:
    """Return what the parents leave, as JSON; None if it is nothing."""
    values = [_row(results, edge).result or "null" for edge in given if edge.place is not None]
    if not values:
        return None
    return values[0] if given[-1].place == -1 else f"[{','.join(values)}]"


def _before(value: str, args: str) -> str:
    return encode([decode(value), *decode(args)], at="args")


def _unreached(
    job: NewJob, lost: Edge, results: Results, *, among_others: bool
) -> EagerResult[Any]:
    parent = _row(results, lost)
    among_others = among_others or (lost.place is not None and lost.place >= 0)
    if parent.state == "cancelled":
        why = f"Dependency {parent.id}: {parent.error}" if among_others else parent.error
        error: BaseException = TaskRevokedError(f"job {job.id}: {why}")
        return EagerResult(_ended(job, "cancelled", error=why), error)
    if among_others:
        error = ChordError(f"Dependency {parent.id} raised {parent.error}")
        return EagerResult(_ended(job, "failed", error=f"ChordError: {error}"), error)
    outcome = Outcome(parent.id, "failed", None, parent.error, parent.traceback)
    raised = getattr(results[lost.parent_id], "_error", None)
    error = raised or value_of(outcome, propagate=False)
    summary = parent.error or describe_exception(error)[0]
    return EagerResult(_ended(job, "failed", error=summary), error)


def _errback(edge: Edge, failed: JobRow) -> NewJob:
    said: Mapping[str, Any] = json.loads(edge.job or "{}")
    args = json.dumps(said["args"])
    if not said.get("immutable"):
        told = {
            "id": failed.id,
            "task": failed.task,
            "args": decode(failed.args),
            "kwargs": decode(failed.kwargs),
            "retries": max(0, failed.attempt - 1),
            "error": failed.error,
            "traceback": failed.traceback,
        }
        args = _before(encode(told, at="args"), args)
    headers = json.dumps(said["headers"]) if said.get("headers") else None
    return NewJob(
        edge.child_id,
        said["task"],
        args,
        json.dumps(said["kwargs"]),
        said["queue"],
        headers=headers,
        max_attempts=said.get("max_attempts"),
    )


def _ended(
    job: NewJob, state: str, *, result: str | None = None, error: str | None = None
) -> JobRow:
    nothing: dict[str, Any] = dict.fromkeys(field.name for field in fields(JobRow))
    now = datetime.now(UTC)
    known: dict[str, Any] = {
        "id": str(job.id),
        "state": state,
        "queue": job.queue,
        "task": job.task,
        "args": job.args,
        "kwargs": job.kwargs,
        "priority": job.priority,
        "headers": job.headers,
        "result": result,
        "error": error,
        "created_at": now,
        "finished_at": now,
    }
    counted = dict.fromkeys(("attempt", "crashes", "claim", "failures"), 0)
    return JobRow(**{**nothing, **counted, **known})
