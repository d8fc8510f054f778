"""One run of one job, inside a child: from its record to the record of how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from pgqueue import hooks
from pgqueue.codec import decode, encode
from pgqueue.describe import describe_exception
from pgqueue.errors import Retry, StaleClaim
from pgqueue.limits import NO_LIMITS, RESERVED, Limits, read_notes
from pgqueue.options import checked_seconds
from pgqueue.request import Request, current
from pgqueue.retry import automatic_delay, may_retry, retries_itself
from pgqueue.rows import FOREVER
from pgqueue.signals import task_revoked
from pgqueue.task import Task
from pgqueue.worker import frames
from pgqueue.worker.alarms import Alarm, until
from pgqueue.worker.frames import Record

log = logging.getLogger("pgqueue.task")


class Run:
    """A job in a child's hands: what came over the pipe, and by when it must begin.

    `limits` are the worker's, for jobs and tasks that have none of their own.
    """

    __slots__ = ("_limits", "_record", "_request", "deadline", "task")

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
        self.task = tasks.get(record[7])
        expires_in = record[4]
        self.deadline = received + float(expires_in) if expires_in else None

    @property
    def is_async(self) -> bool:
        """Whether it runs on the event loop."""
        return self.task is not None and self.task.is_async

    def unstarted(self) -> str:
        """Return the record that gives the job back."""
        return self._ended(frames.UNSTARTED)

    def run(self) -> str:
        """Run a sync task in this thread; return the record of how it ended."""
        try:
            if self._expired():
                hooks.act(self._revoked(), self._request)
                return self._ended(frames.CANCELLED, "expired")
            task, request = self._begin()
            token, began = current.set(request), time.monotonic()
            try:
                if calls := hooks.begun(task, request):
                    hooks.act(calls, request)
                if request.soft_time_limit is None:
                    value = task(*request.args, **request.kwargs)
                else:
                    with Alarm(request.soft_time_limit):
                        value = task(*request.args, **request.kwargs)
            finally:
                current.reset(token)
            record = self._succeeded(task, request, value)
            calls = hooks.succeeded(task, request, value, began)
        except BaseException as error:  # noqa: BLE001 (whatever a task raises is its outcome)
            record, calls = self._raised(error)
        if calls:
            hooks.act(calls, self._request)
        return record

    async def arun(self) -> str:
        """Run an async task on this loop; return the record of how it ended."""
        try:
            if self._expired():
                await hooks.aact(self._revoked(), self._request)
                return self._ended(frames.CANCELLED, "expired")
            task, request = self._begin()
            began = time.monotonic()
            current.set(request)  # every job is a task of the loop, with a context of its own
            if calls := hooks.begun(task, request):
                await hooks.aact(calls, request)
            coroutine = task(*request.args, **request.kwargs)
            if request.soft_time_limit is not None:
                coroutine = until(request.soft_time_limit, coroutine)
            value = await coroutine
            record = self._succeeded(task, request, value)
            calls = hooks.succeeded(task, request, value, began)
        except BaseException as error:  # noqa: BLE001 (the same)
            record, calls = self._raised(error)
        if calls:
            await hooks.aact(calls, self._request)
        return record

    def _expired(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def _revoked(self) -> hooks.Calls:
        if not task_revoked.receivers or self.task is None:
            return hooks.NOTHING
        try:
            return hooks.revoked(*self._begin(), expired=True)
        except Exception as error:  # noqa: BLE001 (it cannot be read, and need not be)
            return hooks.unreadable(self.task, self._record[0], error)

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

    def _raised(self, error: BaseException) -> tuple[str, hooks.Calls]:
        request, task = self._request, self.task
        if task is None or request is None:
            described = map(frames.plain, describe_exception(error))
            return self._ended(frames.FAILED, *described), self._unbegun(error)
        if request.finished and not _is(error, StaleClaim):
            log.error(
                "%s[%s] raised after self.transaction() had finished the job; it stays succeeded",
                request.task,
                request.id,
                exc_info=error,
            )
            return self._ended(frames.DONE), hooks.set_aside(task, request, "SUCCESS", error)
        delay, cause = None, error
        try:
            delay, cause = _judged(task, request, error)
        except BaseException as worse:  # noqa: BLE001 (so it made a retry that cannot be)
            cause = worse
        described = map(frames.plain, describe_exception(cause))
        if delay is not None:
            calls = hooks.retried(task, request, error, delay)
            return self._ended(frames.RETRIED, str(delay), *described), calls
        # What was raised as stale is put to the fence, which knows: nobody else may run this job.
        code = frames.STALE if _is(error, StaleClaim) else frames.FAILED
        return self._ended(code, *described), hooks.failed(task, request, cause)

    def _unbegun(self, error: BaseException) -> hooks.Calls:
        id_, name = self._record[0], self._record[7]
        if self.task is None:
            return hooks.unknown(name, id_, error)
        return hooks.unreadable(self.task, id_, error)

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
