"""What a task can say of the run that it is in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn

from pgqueue import operations
from pgqueue.canvas.replacing import replacement
from pgqueue.canvas.signature import Signature
from pgqueue.codec import encode
from pgqueue.errors import Ignore, MaxRetriesExceededError, Retry, StaleClaim, UsageError
from pgqueue.options import checked_moment, checked_seconds
from pgqueue.query import Query
from pgqueue.request import Request, current
from pgqueue.result import ResultSource
from pgqueue.retry import RetryPolicy, may_retry
from pgqueue.rows import Finished


class Running:
    """The half of a task that is of use while a worker runs it, as `self` of `bind=True`."""

    name: str
    policy: RetryPolicy
    database: ResultSource

    @property
    def request(self) -> Request:
        """The run that this code is in."""
        request = current.get()
        if request is None:
            raise UsageError(f"{self.name}: self.request exists only while a worker runs the task")
        return request

    def retry(
        self,
        *,
        exc: BaseException | None = None,
        countdown: float | None = None,
        eta: datetime | None = None,
        max_retries: int | None = None,
    ) -> NoReturn:
        """End this attempt and have the job run again; use as `raise self.retry(exc=error)`.

        The wait is `countdown` seconds, or until `eta`, or the task's `default_retry_delay`. When
        no retries are left, `exc` is raised, or `MaxRetriesExceededError` without one.
        """
        request = current.get()
        if request is None:  # called as a plain function: there is nothing to run again
            raise exc or Retry("the task asked to be retried")
        limit = request.max_retries if max_retries is None else max_retries
        if not may_retry(limit, request.retries):
            raise exc or MaxRetriesExceededError(
                f"{self.name}[{request.id}] was tried {request.attempt} times"
            )
        if eta is not None:
            countdown = (checked_moment("eta", eta) - datetime.now(UTC)).total_seconds()
        delay = self.policy.default_retry_delay
        if countdown is not None:
            delay = checked_seconds("countdown", countdown)
        raise Retry(exc=exc, countdown=max(0.0, delay)) from exc

    def replace(self, signature: Signature[Any]) -> NoReturn:
        """End this run and have a task, chain, group or chord take its place.

        The job waits, and then becomes what they come to: its result is theirs, a group's the list
        of its results. What follows the job follows after them, callbacks and the chord that it is
        in, too; if they fail, it fails. Use as `raise self.replace(…)` or `return self.replace(…)`.
        Raises `StaleClaim` if another worker has taken the job over meanwhile.
        """
        request = self.request
        jobs, edges, parents = replacement(request, signature, self.database)
        with self.database.transaction() as connection:
            waits = operations.replace(request.id, request.claim, parents)
            self._replaced(request, self.database.run(waits, connection))
            self.database.run(operations.enqueue_canvas(jobs, edges), connection)
        request.finished = True
        raise Ignore(f"{self.name}[{request.id}] is replaced by {signature!r}")

    async def areplace(self, signature: Signature[Any]) -> NoReturn:
        """End this run like `replace`, from a coroutine."""
        request = self.request
        jobs, edges, parents = replacement(request, signature, self.database)
        async with self.database.atransaction() as connection:
            waits = operations.replace(request.id, request.claim, parents)
            self._replaced(request, await self.database.arun(waits, connection))
            await self.database.arun(operations.enqueue_canvas(jobs, edges), connection)
        request.finished = True
        raise Ignore(f"{self.name}[{request.id}] is replaced by {signature!r}")

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
        request = current.get()
        with self.database.transaction() as connection:
            yield connection
            if request is not None:
                self._accept(request, self.database.run(self._finish(request), connection))
        if request is not None:
            request.finished = True

    @asynccontextmanager
    async def atransaction(self) -> AsyncIterator[Any]:
        """Lend an async connection, like `transaction`."""
        request = current.get()
        async with self.database.atransaction() as connection:
            yield connection
            if request is not None:
                self._accept(request, await self.database.arun(self._finish(request), connection))
        if request is not None:
            request.finished = True

    def _finish(self, request: Request) -> Query[set[str]]:
        if request.finished:
            raise UsageError(
                f"{self.name}[{request.id}]: self.transaction() finishes the job, so there is one "
                "per run; use self.app.transaction() for others"
            )
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
