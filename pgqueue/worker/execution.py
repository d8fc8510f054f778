"""One run of one job, inside a child: from its record to the record of how it ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from pgqueue.codec import decode, encode
from pgqueue.describe import describe_exception
from pgqueue.errors import Retry, StaleClaim
from pgqueue.limits import NO_LIMITS, RESERVED, Limits, read_notes
from pgqueue.options import checked_seconds
from pgqueue.request import Request, current
from pgqueue.retry import automatic_delay, may_retry, retries_itself
from pgqueue.rows import FOREVER
from pgqueue.task import Task
from pgqueue.worker import frames
from pgqueue.worker.alarms import Alarm, until
from pgqueue.worker.frames import Record

log = logging.getLogger("pgqueue.task")


class Run:
    """A job in a child's hands: what came over the pipe, and by when it must begin.

    `limits` are the worker's, for jobs and tasks that have none of their own.
    """

    __slots__ = ("_limits", "_record", "_request", "deadline", "revoked", "task")

    def __init__(
        self,
        record: Record,
        tasks: Mapping[str, Task[Any, Any]],
        received: float,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._record = record
        self._limits = limits
        self._request: Request | None = None
        #: Whether its coroutine is cancelled because that was asked for.
        self.revoked = False
        self.task = tasks.get(record[7])
        expires_in = record[4]
        self.deadline = received + float(expires_in) if expires_in else None

    @property
    def key(self) -> tuple[str, str]:
        """The job's id and claim."""
        return self._record[0], self._record[1]

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop."""
        return self.task is not None and self.task.is_async

    def unstarted(self) -> str:
        """Return the record that gives the job back."""
        return self._ended(frames.UNSTARTED)

    def cancelled(self) -> str:
        """Return the record of a job that ends because its cancellation was asked for."""
        return self._ended(frames.CANCELLED, "cancelled")

    def run(self) -> str:
        """Run a sync task in this thread; return the record of how it ended."""
        try:
            if self._expired():
                return self._ended(frames.CANCELLED, "expired")
            task, request = self._begin()
            token = current.set(request)
            try:
                if request.soft_time_limit is None:
                    value = task(*request.args, **request.kwargs)
                else:
                    with Alarm(request.soft_time_limit):
                        value = task(*request.args, **request.kwargs)
                return self._succeeded(task, request, value)
            finally:
                current.reset(token)
        except BaseException as error:  # noqa: BLE001 (whatever a task raises is its outcome)
            return self._raised(error)

    async def arun(self) -> str:
        """Run an async task on this loop; return the record of how it ended."""
        try:
            if self._expired():
                return self._ended(frames.CANCELLED, "expired")
            task, request = self._begin()
            current.set(request)  # every job is a task of the loop, with a context of its own
            coroutine = task(*request.args, **request.kwargs)
            if request.soft_time_limit is not None:
                coroutine = until(request.soft_time_limit, coroutine)
            return self._succeeded(task, request, await coroutine)
        except BaseException as error:  # noqa: BLE001 (the same)
            return self._raised(error)

    def _expired(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def _begin(self) -> tuple[Task[Any, Any], Request]:
        id_, claim, attempt, max_attempts, _, queue, priority, name, args, kwargs, headers = (
            self._record
        )
        if self.task is None:  # claims name only what every child has registered
            raise LookupError(f"no task is named {name!r} in this process")
        request = Request(
            id=id_,
            task=name,
            queue=queue,
            args=decode(args),
            kwargs=decode(kwargs),
            attempt=int(attempt),
            max_retries=_max_retries(max_attempts, self.task),
            claim=int(claim),
            priority=int(priority),
        )
        limits = self.task.limits
        if headers:
            request.headers = decode(headers)
            if isinstance(request.headers, dict):  # SQL by hand can write others
                limits = read_notes(request.headers.pop(RESERVED, None)).limits.over(limits)
        if limits is not NO_LIMITS or self._limits is not NO_LIMITS:
            request.time_limit, request.soft_time_limit = limits.over(self._limits)
        self._request = request
        return self.task, request

    def _succeeded(self, task: Task[Any, Any], request: Request, value: Any) -> str:
        if request.finished:
            if value is not None and request.result is None:
                log.warning(
                    "%s[%s]: the returned value is not stored, because self.transaction() had "
                    "finished the job; call self.set_result(value) inside its block",
                    task.name,
                    request.id,
                )
            return self._ended(frames.DONE)
        if value is None:
            return self._ended(frames.SUCCEEDED, request.result or "")
        return self._ended(frames.SUCCEEDED, encode(value, at="result"))

    def _raised(self, error: BaseException) -> str:
        request = self._request
        if request is not None and request.finished and not _is(error, StaleClaim):
            log.error(
                "%s[%s] raised after self.transaction() had finished the job; it stays succeeded",
                request.task,
                request.id,
                exc_info=error,
            )
            return self._ended(frames.DONE)
        if self.revoked and _is(error, asyncio.CancelledError):
            return self.cancelled()
        delay, cause = None, error
        if request is not None and self.task is not None:
            try:
                delay, cause = _judged(self.task, request, error)
            except BaseException as worse:  # noqa: BLE001 (so it made a retry that cannot be)
                cause = worse
        described = map(frames.plain, describe_exception(cause))
        if delay is not None:
            return self._ended(frames.RETRIED, str(delay), *described)
        # What was raised as stale is put to the fence, which knows: nobody else may run this job.
        code = frames.STALE if _is(error, StaleClaim) else frames.FAILED
        return self._ended(code, *described)

    def _ended(self, code: str, *fields: str) -> str:
        return frames.outcome_record(code, self._record[0], self._record[1], *fields)


def _max_retries(max_attempts: str, task: Task[Any, Any]) -> int | None:
    if not max_attempts:
        return task.policy.max_retries
    return None if int(max_attempts) == FOREVER else int(max_attempts) - 1


def _judged(
    task: Task[Any, Any], request: Request, error: BaseException
) -> tuple[float | None, BaseException]:
    """Return the seconds until the next attempt, None if there is none, and what went wrong."""
    if _is(error, Retry):
        assert isinstance(error, Retry)
        delay = max(0.0, checked_seconds("countdown", error.countdown))
        return delay, error if error.exc is None else error.exc
    again = retries_itself(task.policy, error) and may_retry(request.max_retries, request.retries)
    return automatic_delay(task.policy, request.retries) if again else None, error


def _is(error: BaseException, kind: type[BaseException]) -> bool:
    return issubclass(type(error), kind)  # isinstance() would ask the error itself, which may lie
