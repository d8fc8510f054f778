"""What a task can say of the run that it is in."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeGuard, Unpack
from uuid import UUID

from pgqueue import operations
from pgqueue.canvas.replacing import replacement
from pgqueue.canvas.signature import Signature
from pgqueue.changes import RetryOptions, changes_of, following
from pgqueue.codec import encode
from pgqueue.errors import Ignore, MaxRetriesExceededError, Retry, StaleClaim, UsageError
from pgqueue.options import checked_moment, checked_seconds, zone_of
from pgqueue.query import Query
from pgqueue.request import Request, current
from pgqueue.result import AsyncResult as Handle, ResultSource
from pgqueue.retry import RetryPolicy, may_retry
from pgqueue.rows import Finished

#: What `update_state` may say that is no progress.
ENDS = ("SUCCESS", "FAILURE", "REVOKED")


class Running:
    """The half of a task that is of use while a worker runs it, as `self` of `bind=True`."""

    name: str
    policy: RetryPolicy
    database: ResultSource
    _signature: inspect.Signature

    @property
    def request(self) -> Request:
        """The run of this task that this code is in; else a request that was `called_directly`.

        So it is for a task that another one calls like a function: it has no job of its own.
        """
        return self._own_run() or Request(task=self.name, called_directly=True)

    def _own_run(self) -> Request | None:
        """Return the run that this code is in, if it is one of this task."""
        request = current.get()
        return request if request is not None and request.task == self.name else None

    def AsyncResult(self, task_id: UUID | str) -> Handle[Any]:  # noqa: N802 (Celery's name)
        """Return the handle of a job by its id."""
        return Handle(task_id, self.database)

    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | str | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Unpack[RetryOptions],
    ) -> Retry:
        """End this attempt and have the job run again; use as `raise self.retry(exc=error)`.

        The wait is `countdown` seconds, or until `eta`, or the task's `default_retry_delay`. When
        no retries are left, `exc` is raised, or `MaxRetriesExceededError` without one. `args`,
        `kwargs` and options, where they are given, are those of the attempts that follow: see
        `RetryOptions`. With `throw=False` the retry is returned instead of raised, and the task may
        tidy up: the job runs again, whatever the task then returns or raises.
        """
        request = self._own_run()
        if request is None:  # called as a plain function: there is nothing to run again
            raise Retry("the task asked to be retried") if exc is None else exc
        zone = zone_of(self.database, {"eta": eta})
        limit = request.max_retries if max_retries is None else max_retries
        args, kwargs = following(self._signature, request, args, kwargs)
        if not may_retry(limit, request.retries):
            if is_raisable(exc):
                raise exc
            raise MaxRetriesExceededError(
                f"{self.name}[{request.id}] was tried {request.attempt} times",
                task_args=request.args if args is None else args,
                task_kwargs=request.kwargs if kwargs is None else dict(kwargs),
            )
        if eta is not None:
            moment = checked_moment("eta", eta, zone)
            countdown = (moment - datetime.now(UTC)).total_seconds()
        delay = self.policy.default_retry_delay
        if countdown is not None:
            delay = checked_seconds("countdown", countdown)
        changes = changes_of(request, args, kwargs, options, zone)
        retry = Retry(exc=exc, countdown=max(0.0, delay), changes=changes if any(changes) else None)
        if not throw:
            request.asked = retry
            return retry
        if is_raisable(exc):
            raise retry from exc
        raise retry

    def update_state(
        self, task_id: str | None = None, state: str | None = None, meta: Any = None
    ) -> None:
        """Say how far this run is: `self.update_state(state="PROGRESS", meta={"done": 3})`.

        Whoever has the job's `AsyncResult` reads it there as `state` and `info`, until the run
        ends. It is committed at once, whatever transaction the task is in. Raises `InvalidPayload`
        for a `meta` that JSON cannot hold, and `StaleClaim` if another worker owns the job now.
        SUCCESS, FAILURE and REVOKED are no progress: they are what `raise Ignore` then ends in.
        """
        query = self._progress(task_id, state, meta)
        if query is not None:
            self._accept_progress(self.database.run(query))

    async def aupdate_state(
        self, task_id: str | None = None, state: str | None = None, meta: Any = None
    ) -> None:
        """Say how far this run is, from a coroutine."""
        query = self._progress(task_id, state, meta)
        if query is not None:
            self._accept_progress(await self.database.arun(query))

    def _progress(self, task_id: str | None, state: str | None, meta: Any) -> Query[bool] | None:
        """Return what writes a state down, if there is a job to write it to."""
        request = self._own_run()
        if task_id is not None and (request is None or str(task_id) != request.id):
            raise UsageError(
                f"{self.name}: task_id={str(task_id)!r} is not the job that runs here; only its "
                "own run can say how far a job is"
            )
        if not isinstance(state, str) or not state.isprintable() or not state:
            raise UsageError(f'{self.name}: state={state!r}: give a text, such as "PROGRESS"')
        note = encode({"state": state, "meta": meta}, at="progress")
        if request is None:
            return None
        request.said = state, meta
        if request.is_eager or request.finished or state in ENDS:
            return None
        return operations.progress(request.id, request.claim, note)

    def _accept_progress(self, written: bool) -> None:
        request = self.request
        if not written:
            raise StaleClaim(
                f"{self.name}[{request.id}]: claim {request.claim} is not the newest any more: "
                "another worker runs this job"
            )

    def replace(self, signature: Signature[Any]) -> NoReturn:
        """End this run and have a task, chain, group or chord take its place.

        The job waits, and then becomes what they come to: its result is theirs, a group's the list
        of its results. What follows the job follows after them, callbacks and the chord that it is
        in, too; if they fail, it fails. Use as `raise self.replace(…)` or `return self.replace(…)`.
        Raises `StaleClaim` if another worker has taken the job over meanwhile. A task that is
        called in place calls them in place, too.
        """
        request = self._replaceable()
        self.on_replace(signature)
        if request.is_eager:
            self._become(request, signature.apply().get(), signature)
        jobs, edges, parents = replacement(request, signature, self.database)
        with self.database.transaction() as connection:
            waits = operations.replace(request.id, request.claim, parents)
            self._replaced(request, self.database.run(waits, connection))
            self.database.run(operations.enqueue_canvas(jobs, edges), connection)
        self._end(request, signature)

    async def areplace(self, signature: Signature[Any]) -> NoReturn:
        """End this run like `replace`, from a coroutine."""
        request = self._replaceable()
        told = self.on_replace(signature)
        if inspect.isawaitable(told):
            await told
        if request.is_eager:
            self._become(request, (await signature.aapply()).get(), signature)
        jobs, edges, parents = replacement(request, signature, self.database)
        async with self.database.atransaction() as connection:
            waits = operations.replace(request.id, request.claim, parents)
            self._replaced(request, await self.database.arun(waits, connection))
            await self.database.arun(operations.enqueue_canvas(jobs, edges), connection)
        self._end(request, signature)

    def on_replace(self, sig: Signature[Any]) -> Any:
        """Before it is replaced, for classes to override; what this raises ends the run instead."""

    def _become(self, request: Request, value: Any, signature: Signature[Any]) -> NoReturn:
        request.result = encode(value, at="result")
        self._end(request, signature)

    def _end(self, request: Request, signature: Signature[Any]) -> NoReturn:
        request.finished = True
        raise Ignore(f"{self.name}[{request.id}] is replaced by {signature!r}")

    def _replaceable(self) -> Request:
        request = self.request
        if request.called_directly:
            raise UsageError(f"{self.name}: self.replace() is for a job; this is a plain call")
        if request.finished:
            raise UsageError(
                f"{self.name}[{request.id}]: self.transaction() has finished the job, so that "
                "nothing can replace it"
            )
        return request

    def _replaced(self, request: Request, is_ours: bool) -> None:
        self._accept(request, {request.id} if is_ours else set())

    def set_result(self, value: Any) -> None:
        """Set the result that `self.transaction()` stores when it finishes the job."""
        self.request.result = encode(value, at="result")

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        """Lend a connection whose commit, at the end of the block, also finishes the job.

        The rows written on it and the job's success are one transaction: both happen, once, or
        neither. If another worker has taken the job over meanwhile, everything is rolled back and
        `StaleClaim` raised. An exception rolls back too, and fails or retries the job as usual.
        What the task returns afterwards is not stored; use `set_result` inside the block. Jobs
        that are enqueued in the block are part of it.
        """
        request = self._own_run()
        with self.database.transaction() as connection:
            yield connection
            if request is not None and self._ends_here(request):
                self._accept(request, self.database.run(self._finish(request), connection))
        if request is not None:
            request.finished = True

    @asynccontextmanager
    async def atransaction(self) -> AsyncIterator[Any]:
        """Lend an async connection, like `transaction`."""
        request = self._own_run()
        async with self.database.atransaction() as connection:
            yield connection
            if request is not None and self._ends_here(request):
                self._accept(request, await self.database.arun(self._finish(request), connection))
        if request is not None:
            request.finished = True

    def _ends_here(self, request: Request) -> bool:
        """Return whether there is a row to finish: none of a job that runs in place."""
        if request.finished:
            raise UsageError(
                f"{self.name}[{request.id}]: self.transaction() finishes the job, so there is one "
                "per run; use self.app.transaction() for others"
            )
        return not request.is_eager

    def _finish(self, request: Request) -> Query[set[str]]:
        return operations.finish([Finished(request.id, request.claim, "succeeded", request.result)])

    def _accept(self, request: Request, finished: set[str]) -> None:
        if request.id not in finished:
            raise StaleClaim(
                f"{self.name}[{request.id}]: claim {request.claim} is not the newest any more: "
                "another worker runs this job; nothing was written"
            )

    @property
    def app(self) -> Any:
        """The application that the task is registered with."""
        return self.database


def is_raisable(exc: object) -> TypeGuard[BaseException]:
    """Return whether an error can be raised: it is one, or the class of one."""
    return isinstance(exc, BaseException) or (
        isinstance(exc, type) and issubclass(exc, BaseException)
    )
