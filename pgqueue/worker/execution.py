"""One run of one job, inside a child: from its record to the record of how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

from pgqueue import attempt, hooks
from pgqueue.attempt import Ended
from pgqueue.codec import decode
from pgqueue.describe import describe_exception
from pgqueue.limits import NO_LIMITS, RESERVED, Limits, read_notes
from pgqueue.request import Request, moment_text
from pgqueue.retry import RetryPolicy
from pgqueue.rows import FOREVER
from pgqueue.signals import task_failure, task_revoked
from pgqueue.task import Task
from pgqueue.worker import frames
from pgqueue.worker.alarms import Alarm, until
from pgqueue.worker.frames import Record
from pgqueue.worker.logs import tell_of_failure

#: How an attempt ended, and the records of those that carry an error.
_FAILURES = {
    attempt.FAILED: frames.FAILED,
    attempt.EXPECTED: frames.EXPECTED,
    # What was raised as stale is put to the fence, which knows: nobody else may run this job.
    attempt.STALE: frames.STALE,
    attempt.REQUEUED: frames.REQUEUED,
}


class Run:
    """A job in a child's hands: what came over the pipe, and by when it must begin.

    `limits` are the worker's, for jobs and tasks that have none of their own.
    """

    __slots__ = ("_limits", "_record", "_request", "_times", "deadline", "revoked", "task")

    def __init__(
        self,
        record: Record,
        tasks: Mapping[str, Task[Any, Any]],
        received: float,
        limits: Limits = NO_LIMITS,
    ) -> None:
        self._record = record
        self._limits = limits
        #: Whether its coroutine is cancelled because that was asked for.
        self.revoked = False
        self._request: Request | None = None
        self.task = tasks.get(record[7])
        #: When it expires, and when it was to run, as its request says it.
        self._times: tuple[str | None, str | None] | None = None
        self.deadline: float | None = None
        if record[4]:
            expires_in, *times = json.loads(record[4])
            self._times = _text(times[0]), _text(times[1])
            if expires_in is not None:
                self.deadline = received + float(expires_in)

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

    def revoke(self, signum: str = "") -> None:
        """Note that its coroutine is about to be cancelled because that was asked for.

        `signum` is the number of the signal that is to end it if it goes on, if one is.
        """
        self.revoked = True
        if self._request is not None:
            self._request.revoked = True
            self._request.signum = int(signum) if signum else None

    def run(self) -> str:
        """Run a sync task in this thread; return the record of how it ended, whatever happens."""
        try:
            return self._run()
        except BaseException as error:  # noqa: BLE001 (around the task: nobody else would end it)
            return self._broken(error)

    async def arun(self) -> str:
        """Run an async task on this loop; return the record of how it ended, whatever happens."""
        try:
            return await self._arun()
        except BaseException as error:  # noqa: BLE001 (the same)
            return self._broken(error)

    def _run(self) -> str:
        try:
            if self._expired():
                hooks.act(self.told_revoked(expired=True))
                return self._ended(frames.CANCELLED, "expired")
            task, request = self._begin()
            call = attempt.called(task, request)
        except BaseException as error:  # noqa: BLE001 (what cannot be begun has failed)
            hooks.act(self._unbegun(error))
            return self._noted(Ended(attempt.FAILED, error=error))
        soft = request.soft_time_limit
        return self._noted(
            attempt.make(task, request, call if soft is None else _alarmed(call, soft))
        )

    async def _arun(self) -> str:
        try:
            if self._expired():
                await hooks.aact(self.told_revoked(expired=True))
                return self._ended(frames.CANCELLED, "expired")
            task, request = self._begin()
            self._request = request
            call = attempt.called(task, request)
        except BaseException as error:  # noqa: BLE001 (the same)
            await hooks.aact(self._unbegun(error))
            return self._noted(Ended(attempt.FAILED, error=error))
        soft = request.soft_time_limit
        call = call if soft is None else _alarmed_coroutine(call, soft)
        ended = await attempt.amake(task, request, call)
        return (
            self.cancelled()
            if self.revoked and ended.how == attempt.REVOKED
            else self._noted(ended)
        )

    def _expired(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline

    def told_revoked(self, *, signum: int | None = None, expired: bool = False) -> hooks.Calls:
        """Return what is due when it does not run, or was ended by a signal, with its process."""
        if not task_revoked.receivers or self.task is None:
            return hooks.NOTHING
        try:
            task, request = self._begin()
            ended = signum is not None
            return hooks.revoked(task, request, terminated=ended, signum=signum, expired=expired)
        except Exception as error:  # noqa: BLE001 (it cannot be read, and need not be)
            return hooks.unreadable(self.task, self._record[0], error)

    def told_killed(self, error: BaseException) -> hooks.Calls:
        """Return what is due when it has failed because its process was killed."""
        if not task_failure.receivers or self.task is None:
            return hooks.NOTHING
        try:
            return hooks.failed_for_others(*self._begin(), error)
        except Exception as worse:  # noqa: BLE001 (the same)
            return hooks.unreadable(self.task, self._record[0], worse)

    def _unbegun(self, error: BaseException) -> hooks.Calls:
        id_, name = self._record[0], self._record[7]
        if self.task is None:
            return hooks.unknown(name, id_, error)
        return hooks.unreadable(self.task, id_, error)

    def _begin(self) -> tuple[Task[Any, Any], Request]:
        id_, claim, number, max_attempts, _, queue, priority, name, args, kwargs, headers = (
            self._record[:11]
        )
        task = self.task
        if task is None:  # claims name only what every child has registered
            raise LookupError(f"no task is named {name!r} in this process")
        plan = task.plan
        request = Request(
            id=id_,
            task=name,
            queue=queue,
            args=decode(args),
            kwargs=decode(kwargs),
            attempt=int(number),
            max_retries=_max_retries(max_attempts, plan.policy),
            claim=int(claim),
            priority=int(priority),
            root_id=id_,
            ignore_result=plan.ignore_result,
        )
        if len(self._record) > 11:  # noqa: PLR2004 (the fields above)
            parent_id, root_id, linked = self._record[11:14]
            request.parent_id, request.linked = parent_id or None, bool(linked)
            request.root_id = root_id or id_
        if self._times is not None:
            request.expires, request.eta = self._times
        limits = task.limits  # which the worker may have been told anew
        if headers:
            request.headers = decode(headers)
            if isinstance(request.headers, dict):  # SQL by hand can write others
                request.notes = request.headers.pop(RESERVED, None)
                limits = read_notes(request.notes).limits.over(limits)
                if request.notes and "ignore_result" in request.notes:
                    request.ignore_result = request.notes["ignore_result"] is True
        if limits is not NO_LIMITS or self._limits is not NO_LIMITS:
            request.time_limit, request.soft_time_limit = limits.over(self._limits)
        return task, request

    def _noted(self, ended: Ended) -> str:
        """Return the record of how an attempt ended."""
        how = ended.how
        if how == attempt.SUCCEEDED:
            return self._ended(frames.SUCCEEDED, ended.result)
        if how == attempt.DONE:
            return self._ended(frames.DONE)
        if how in (attempt.IGNORED, attempt.REVOKED):
            return self._ended(frames.CANCELLED, how)
        summary, traceback = ended.described()
        if how == attempt.FAILED:
            self._tell(None if ended.told else ended.error, summary, traceback)
        described = frames.plain(summary), frames.plain(traceback)
        if how != attempt.RETRIED:
            return self._ended(_FAILURES[how], *described)
        assert ended.retry is not None
        changes = ended.retry.changes or ()
        return self._ended(frames.RETRIED, str(ended.retry.countdown), *described, *changes)

    def _broken(self, error: BaseException) -> str:
        """Return the record of a run that broke outside of its task, or of what is known of it."""
        summary, traceback = describe_exception(error)
        self._tell(error, summary, traceback)
        return self._ended(frames.FAILED, frames.plain(summary), frames.plain(traceback))

    def _tell(self, error: BaseException | None, summary: str, traceback: str) -> None:
        id_, _, number, _, _, queue, _, name = self._record[:8]
        about = {"job": id_, "task": name, "queue": queue, "attempt": int(number)}
        tell_of_failure(about, error, summary, traceback)

    def _ended(self, code: str, *fields: str) -> str:
        return frames.outcome_record(code, self._record[0], self._record[1], *fields)


def _alarmed(call: Callable[..., Any], seconds: float) -> Callable[..., Any]:
    def called(*args: Any, **kwargs: Any) -> Any:
        with Alarm(seconds):
            return call(*args, **kwargs)

    return called


def _alarmed_coroutine(
    call: Callable[..., Coroutine[Any, Any, Any]], seconds: float
) -> Callable[..., Coroutine[Any, Any, Any]]:
    return lambda *args, **kwargs: until(seconds, call(*args, **kwargs))


def _text(moment: str | None) -> str | None:
    try:
        return moment and moment_text(datetime.fromisoformat(moment))
    except (ValueError, OverflowError):  # such as infinity: SQL has times that Python has not
        return None


def _max_retries(max_attempts: str, policy: RetryPolicy) -> int | None:
    if not max_attempts:
        return policy.max_retries
    return None if int(max_attempts) == FOREVER else int(max_attempts) - 1
