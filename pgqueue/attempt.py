"""One attempt of a job: the call of its task, and what its end means.

It is the same wherever it is made, by a worker's child or in place (`eager`): they differ in how
they get the request, and in what they do with the end.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast

from pgqueue import hooks
from pgqueue.canvas.receiving import received
from pgqueue.codec import encode
from pgqueue.describe import describe_exception, exc_info_of, one_line, shortened
from pgqueue.errors import Ignore, Reject, Retry, StaleClaim, TaskFailed, task_failed
from pgqueue.options import checked_seconds
from pgqueue.request import Request, current
from pgqueue.retry import automatic_delay, may_retry, most_retries, retries_itself
from pgqueue.task import Task

log = logging.getLogger("pgqueue.task")

#: How an attempt ends.
SUCCEEDED = "succeeded"
FAILED = "failed"
#: It failed with an error that the task says is to be expected.
EXPECTED = "expected"
#: It failed, and another one follows.
RETRIED = "retried"
#: It does not count: the job goes back to the queue.
REQUEUED = "requeued"
#: It leaves neither a result nor an error.
IGNORED = "ignored"
#: It was revoked, or says so.
REVOKED = "revoked"
#: The task has ended the job itself, in a transaction of its own.
DONE = "done"
#: The task was told that another worker owns the job.
STALE = "stale"


def called(task: Task[Any, Any], request: Request) -> Callable[..., Any]:
    """Return what a run calls: the task, unless the job has notes that say more."""
    return received(task, request, request.notes) if request.notes else task


class Ended(NamedTuple):
    """How an attempt ended; `result` is JSON text, `retry` tells of the next attempt."""

    how: str
    result: str = ""
    error: BaseException | None = None
    retry: Retry | None = None
    #: Whether the error was made from what the task said of itself, and was never raised.
    told: bool = False

    def described(self) -> tuple[str, str]:
        """Return the error in a line, and its traceback; without control characters."""
        assert self.error is not None
        if self.told:
            return one_line(str(self.error)), ""
        return describe_exception(self.error)


#: What most attempts end in, made once.
_NOTHING, _DONE = Ended(SUCCEEDED), Ended(DONE)


def make(task: Task[Any, Any], request: Request, call: Callable[..., Any]) -> Ended:
    """Call a sync task, with what its application has do around it; return how that ended."""
    token, began = current.set(request), time.monotonic()
    try:
        if calls := hooks.begun(task, request):
            hooks.act(calls, request)
        value = call(*request.args, **request.kwargs)
        ended = returned(task, request, value)
        calls = _told_of_value(task, request, ended, value, began)
    except BaseException as error:  # noqa: BLE001 (whatever a task raises is its outcome)
        ended = raised(task, request, error)
        calls = _told_of_error(task, request, ended, error)
    finally:
        current.reset(token)
    if calls:
        hooks.act(calls, request)
    return ended


async def amake(
    task: Task[Any, Any], request: Request, call: Callable[..., Awaitable[Any]]
) -> Ended:
    """Call an async task on this loop; return how that ended."""
    token, began = current.set(request), time.monotonic()
    try:
        if calls := hooks.begun(task, request):
            await hooks.aact(calls, request)
        value = await call(*request.args, **request.kwargs)
        ended = returned(task, request, value)
        calls = _told_of_value(task, request, ended, value, began)
    except BaseException as error:  # noqa: BLE001 (the same)
        ended = raised(task, request, error)
        calls = _told_of_error(task, request, ended, error)
    finally:
        current.reset(token)
    if calls:
        await hooks.aact(calls, request)
    return ended


def _told_of_value(
    task: Task[Any, Any], request: Request, ended: Ended, value: Any, began: float
) -> hooks.Calls:
    if ended.retry is not None:
        return hooks.retried(task, request, ended.retry, ended.retry.countdown)
    return hooks.succeeded(task, request, value, began)


def _told_of_error(
    task: Task[Any, Any], request: Request, ended: Ended, error: BaseException
) -> hooks.Calls:
    if ended.retry is not None:
        return hooks.retried(task, request, ended.retry, ended.retry.countdown)
    if ended.how == DONE:
        return hooks.set_aside(task, request, "SUCCESS", error)
    if is_(error, Reject):
        given_up = hooks.NOTHING
        if ended.how == FAILED:
            given_up = hooks.failed_for_others(task, request, error)
        return hooks.set_aside(task, request, "REJECTED", error) + given_up
    if is_(error, Ignore):
        return hooks.set_aside(task, request, "IGNORED", error)
    if ended.how == REVOKED:
        told = hooks.revoked(task, request, terminated=True, signum=request.signum)
        return told + hooks.set_aside(task, request, "REVOKED", error)
    return hooks.failed(task, request, error if ended.error is None else ended.error)


def returned(task: Task[Any, Any], request: Request, value: Any) -> Ended:
    """Return what it means that a task has returned; raises `InvalidPayload`."""
    if request.finished:
        if value is not None and request.result is None:
            log.warning(
                "%s[%s]: the returned value is not stored, because self.transaction() had "
                "finished the job; call self.set_result(value) inside its block",
                task.name,
                request.id,
            )
        return _DONE
    if request.asked is not None:
        return _again(request.asked, request.asked)
    if value is None:
        return Ended(SUCCEEDED, request.result) if request.result else _NOTHING
    if request.ignore_result and not request.linked:
        return _NOTHING
    return Ended(SUCCEEDED, encode(value, at="result"))


def raised(task: Task[Any, Any], request: Request, error: BaseException) -> Ended:
    """Return what it means that a task has raised; never raises."""
    if request.finished and not is_(error, StaleClaim):
        if not is_(error, Ignore):
            log.error(
                "%s[%s] raised after self.transaction() had finished the job; it stays succeeded",
                request.task,
                request.id,
                exc_info=exc_info_of(error),
            )
        return Ended(DONE)
    try:
        return _judged(task, request, error)
    except BaseException as worse:  # noqa: BLE001 (so it made a retry that cannot be)
        return Ended(FAILED, error=worse)


def _judged(  # noqa: PLR0911 (a list of what a task can say)
    task: Task[Any, Any], request: Request, error: BaseException
) -> Ended:
    if request.revoked and is_(error, asyncio.CancelledError):
        return Ended(REVOKED)
    if is_(error, Retry):
        return _again(cast(Retry, error), error)
    if request.asked is not None:
        return _again(request.asked, error)
    if is_(error, Ignore):
        return _ignored(request)
    if is_(error, Reject):
        return Ended(REQUEUED if cast(Reject, error).requeue else FAILED, error=error)
    if is_(error, StaleClaim):
        return Ended(STALE, error=error)
    limit = most_retries(task.policy, request.max_retries)
    if retries_itself(task.policy, error) and may_retry(limit, request.retries):
        delay = automatic_delay(task.policy, request.retries)
        return Ended(RETRIED, error=error, retry=Retry("retry", exc=error, countdown=delay))
    expected = issubclass(type(error), tuple(task.throws))
    return Ended(EXPECTED if expected else FAILED, error=error)


def _again(retry: Retry, error: BaseException) -> Ended:
    retry.countdown = max(0.0, checked_seconds("countdown", retry.countdown))
    cause = retry.exc if isinstance(retry.exc, BaseException) else error
    return Ended(RETRIED, error=cause, retry=retry)


def _ignored(request: Request) -> Ended:
    state, meta = request.said or ("", None)
    if state == "SUCCESS":
        return Ended(SUCCEEDED, encode(meta, at="meta"))
    if state == "FAILURE":
        return Ended(FAILED, error=_failure(meta), told=True)
    return Ended(REVOKED if state == "REVOKED" else IGNORED)


def _failure(meta: Any) -> TaskFailed:
    """Return the failure that a task says it is, in the form that Celery has for that."""
    if isinstance(meta, dict) and isinstance(meta.get("exc_type"), str):
        said = meta.get("exc_message")
        message = ", ".join(map(str, said)) if isinstance(said, (list, tuple)) else said
        return task_failed(meta["exc_type"], "" if message is None else str(message))
    return TaskFailed("Failure", "" if meta is None else shortened(meta))


def is_(error: BaseException, kind: type[BaseException]) -> bool:
    """Return whether an error is of a class, whatever it says itself."""
    return issubclass(type(error), kind)  # isinstance() would ask the error, which may lie
