"""Calls that are made in place: `task.apply(...)`, and every call with `task_always_eager`.

The way is the real one as far as it goes without a database: the call is checked and its arguments
become JSON and are read again, the attempts are those that a worker's child makes (`attempt`), and
the result becomes JSON. What is left out is time: nothing waits for a countdown, nothing is killed.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

from pgqueue import attempt, operations
from pgqueue.attempt import Ended
from pgqueue.changes import Changes
from pgqueue.codec import decode
from pgqueue.eager_result import EagerResult
from pgqueue.errors import TaskRevokedError
from pgqueue.limits import RESERVED, read_notes
from pgqueue.query import Query
from pgqueue.request import Request, current, moment_text
from pgqueue.rows import FOREVER, JobRow, NewJob
from pgqueue.signals import run_to_its_end
from pgqueue.task import Task

#: A job's course: it gives the requests of its attempts one by one, and takes how each ended.
Course = Generator[Request, Ended, EagerResult[Any]]

_STATES = {
    attempt.SUCCEEDED: "succeeded",
    attempt.DONE: "succeeded",
    attempt.IGNORED: "cancelled",
    attempt.REVOKED: "cancelled",
}


def apply(task: Task[Any, Any], job: NewJob, retries: int = 0) -> EagerResult[Any]:
    """Make the attempts of a job here and now; return how it ended.

    Those of an async task run in an event loop of their own, in a thread of its own if this one's
    loop goes round.
    """
    course = _course(task, job, retries)
    request = next(course)
    while True:
        try:
            if task.is_async:
                ended = run_to_its_end(attempt.amake(task, request, attempt.called(task, request)))
            else:
                ended = attempt.make(task, request, attempt.called(task, request))
            request = course.send(ended)
        except StopIteration as end:
            result: EagerResult[Any] = end.value
            return result


async def aapply(task: Task[Any, Any], job: NewJob, retries: int = 0) -> EagerResult[Any]:
    """Make the attempts of a job here and now, on the running event loop."""
    course = _course(task, job, retries)
    request = next(course)
    while True:
        try:
            if task.is_async:
                ended = await attempt.amake(task, request, attempt.called(task, request))
            else:
                ended = attempt.make(task, request, attempt.called(task, request))
            request = course.send(ended)
        except StopIteration as end:
            result: EagerResult[Any] = end.value
            return result


def _course(task: Task[Any, Any], job: NewJob, retries: int) -> Course:
    began = datetime.now(UTC)
    failures = 0
    request = _request(task, job, retries + 1)
    while True:
        ended = yield request
        if ended.error is not None and not isinstance(ended.error, Exception):
            raise ended.error  # KeyboardInterrupt, and what ends the process or the coroutine
        if ended.how != attempt.RETRIED:
            return _result(job, request, ended, began, failures)
        job = _next(request, job, ended)
        request = _request(task, job, request.attempt + 1)
        failures += 1


def _request(task: Task[Any, Any], job: NewJob, number: int) -> Request:
    headers = decode(job.headers) if job.headers else {}
    notes = headers.pop(RESERVED, None)
    limits = read_notes(notes).limits.over(task.limits)
    around = current.get()
    id_ = str(job.id)
    ignored = (notes or {}).get("ignore_result", task.plan.ignore_result)
    return Request(
        id=id_,
        task=job.task,
        queue=job.queue,
        args=decode(job.args),
        kwargs=decode(job.kwargs),
        attempt=number,
        max_retries=_max_retries(task, job),
        claim=number,
        priority=job.priority,
        headers=headers,
        time_limit=limits.time_limit,
        soft_time_limit=limits.soft_time_limit,
        parent_id=around.id if around else None,
        root_id=(around.root_id or around.id) if around else id_,
        expires=moment_text(job.expires),
        eta=moment_text(job.eta),
        ignore_result=bool(ignored),
        linked=bool(job.linked),
        is_eager=True,
        notes=notes,
    )


def _next(request: Request, job: NewJob, ended: Ended) -> NewJob:
    """Return the job of the next attempt: from texts, as the last may have changed its values."""
    assert ended.retry is not None
    changes = Changes(*ended.retry.changes or ())
    return job._replace(
        args=changes.args or job.args,
        kwargs=changes.kwargs or job.kwargs,
        queue=changes.queue or request.queue,
        priority=int(changes.priority or request.priority),
        expires=_expires(job, changes),
        headers=changes.headers or job.headers,
    )


def _expires(job: NewJob, changes: Changes) -> datetime | None:
    if changes.expires_in:
        return datetime.now(UTC) + timedelta(seconds=float(changes.expires_in))
    if changes.expires:
        return None if changes.expires == "infinity" else datetime.fromisoformat(changes.expires)
    return job.expires


def _result(
    job: NewJob, request: Request, ended: Ended, began: datetime, failures: int
) -> EagerResult[Any]:
    state = _STATES.get(ended.how, "failed")
    error, traceback, raised = None, None, ended.error
    if ended.how == attempt.REVOKED:
        raised = TaskRevokedError(f"job {job.id}: revoked")
        error = ended.how
    elif ended.how == attempt.IGNORED:
        error = ended.how
    elif raised is not None:
        error, traceback = ended.described()
    known: dict[str, Any] = {
        "id": str(job.id),
        "state": state,
        "queue": request.queue,
        "task": job.task,
        "priority": request.priority,
        "attempt": request.attempt,
        "max_attempts": job.max_attempts,
        "crashes": 0,
        "claim": request.claim,
        "run_at": began,
        "created_at": began,
        "started_at": began,
        "finished_at": datetime.now(UTC),
        "expires_at": job.expires,
        "args": job.args,
        "kwargs": job.kwargs,
        "headers": job.headers,
        "result": (request.result if ended.how == attempt.DONE else ended.result) or None,
        "error": error,
        "traceback": traceback,
        "failures": failures,
        "parent_id": request.parent_id,
        "root_id": None if request.root_id == request.id else request.root_id,
    }
    nothing: dict[str, Any] = dict.fromkeys(field.name for field in fields(JobRow))
    return EagerResult(JobRow(**{**nothing, **known}), raised)


def stored(result: EagerResult[Any]) -> Query[bool]:
    """Return what keeps the end of a call in the database."""
    row = result.job()
    assert row
    assert row.started_at
    assert row.finished_at
    return operations.store(row, (row.finished_at - row.started_at).total_seconds())


def _max_retries(task: Task[Any, Any], job: NewJob) -> int | None:
    if job.max_attempts is None:
        return task.policy.max_retries
    return None if job.max_attempts == FOREVER else job.max_attempts - 1
