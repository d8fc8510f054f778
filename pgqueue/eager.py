"""Calls that are made in place: `task.apply(...)`, and every call with `task_always_eager`.

The way is the real one as far as it goes without a database: the call is checked and its arguments
become JSON and are read again, the attempts are those that a worker's child makes (`attempt`), and
the result becomes JSON. What is left out is time: nothing waits for a countdown, nothing is killed.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from pgqueue import attempt
from pgqueue.attempt import Ended
from pgqueue.codec import decode
from pgqueue.eager_result import EagerResult
from pgqueue.errors import TaskRevokedError
from pgqueue.limits import RESERVED, read_notes
from pgqueue.request import Request, current
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
        request = _next(task, request, job, ended)
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
        expires=job.expires,
        ignore_result=bool(ignored),
        linked=bool(job.linked),
        is_eager=True,
        notes=notes,
    )


def _next(task: Task[Any, Any], request: Request, job: NewJob, ended: Ended) -> Request:
    assert ended.retry is not None
    args, kwargs, queue, priority = ended.retry.changes or ("", "", "", "")
    # From the text again: the last attempt may have changed what it was given.
    following = job._replace(
        args=args or job.args,
        kwargs=kwargs or job.kwargs,
        queue=queue or request.queue,
        priority=int(priority or request.priority),
    )
    return _request(task, following, request.attempt + 1)


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
    }
    nothing: dict[str, Any] = dict.fromkeys(field.name for field in fields(JobRow))
    return EagerResult(JobRow(**{**nothing, **known}), raised)


def _max_retries(task: Task[Any, Any], job: NewJob) -> int | None:
    if job.max_attempts is None:
        return task.policy.max_retries
    return None if job.max_attempts == FOREVER else job.max_attempts - 1
