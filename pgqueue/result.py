"""The handle of a job: its state and result, now or when they are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, TimeoutError as FutureTimeout
from datetime import datetime
from threading import Thread
from typing import Any, Generic, Protocol, Self, TypeVar, cast
from uuid import UUID

from pgqueue import operations
from pgqueue.apps import APPS
from pgqueue.codec import decode
from pgqueue.errors import ResultTimeout, UsageError
from pgqueue.identifiers import job_id
from pgqueue.joining import refuse_to_wait
from pgqueue.lineage import Lineage
from pgqueue.outcomes import celery_state, is_finished, outcome_of, result_of, value_of
from pgqueue.query import Database
from pgqueue.rows import JobRow, NewJob, Outcome
from pgqueue.states import FAILURE, SUCCESS

R = TypeVar("R")


class ResultSource(Database, Protocol):
    """A database that can also tell when a job has finished, and where the next one belongs."""

    def bound(self, connection: Any = None) -> Any:
        """Return the connection to enqueue on; None for the database's own."""
        ...

    def outcome(self, job: str) -> Future[Outcome]:
        """Return a future of how a job ends."""
        ...

    def outcomes(self, jobs: Sequence[str]) -> list[Future[Outcome]]:
        """Return a future of how each of these jobs ends."""
        ...

    @property
    def always_eager(self) -> bool:
        """Whether calls are made in place instead of being enqueued."""
        ...

    def apply(
        self, task: Any, job: NewJob, *, retries: int = 0, throw: bool | None = None
    ) -> AsyncResult[Any]:
        """Make a call in place; `throw` None: as the application is set."""
        ...

    async def aapply(
        self, task: Any, job: NewJob, *, retries: int = 0, throw: bool | None = None
    ) -> AsyncResult[Any]:
        """Make a call in place, on the running event loop."""
        ...


class AsyncResult(Lineage, Generic[R]):
    """A job's handle; make one from an id with `app.AsyncResult(id)`, or `AsyncResult(id)`.

    Without an `app`, the current one's database is asked. Every question is asked anew. The async
    twins take the prefix `a`.
    """

    #: Whether the call that returned it made no job, because this one holds its unique key.
    existing: bool = False

    def __init__(
        self: AsyncResult[Any],
        id: UUID | str,  # noqa: A002 (Celery's name)
        app: ResultSource | None = None,
    ) -> None:
        self.id = str(job_id(id))
        self._database: ResultSource = APPS.find() if app is None else app

    @property
    def task_id(self) -> str:
        """The job's id, by Celery's other name."""
        return self.id

    def __repr__(self) -> str:
        return f"<AsyncResult {self.id}>"

    def __str__(self) -> str:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AsyncResult) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    # ── now ──────────────────────────────────────────────────────────────────────────────────

    def job(self) -> JobRow | None:
        """Return the job's row as it stands, or None if nobody knows its id."""
        return self._database.run(operations.get(self.id))

    async def ajob(self) -> JobRow | None:
        """Return the job's row, from a coroutine."""
        return await self._database.arun(operations.get(self.id))

    @property
    def state(self) -> str:
        """PENDING, STARTED, RETRY, SUCCESS, FAILURE, REVOKED, IGNORED, or what the task says.

        PENDING also for an unknown id, see `exists`.
        """
        return celery_state(self.job())

    @property
    def status(self) -> str:
        """The state, by Celery's other name."""
        return self.state

    async def astate(self) -> str:
        """Return the state, from a coroutine."""
        return celery_state(await self.ajob())

    def ready(self) -> bool:
        """Return whether the job has finished, one way or another."""
        return is_finished(self.job())

    async def aready(self) -> bool:
        """Return whether the job has finished, from a coroutine."""
        return is_finished(await self.ajob())

    def successful(self) -> bool:
        """Return whether the job succeeded."""
        return self.state == SUCCESS

    async def asuccessful(self) -> bool:
        """Return whether the job succeeded, from a coroutine."""
        return await self.astate() == SUCCESS

    def failed(self) -> bool:
        """Return whether the job failed."""
        return self.state == FAILURE

    async def afailed(self) -> bool:
        """Return whether the job failed, from a coroutine."""
        return await self.astate() == FAILURE

    @property
    def result(self) -> R | Exception | None:
        """The return value, or the error as an exception; None while there is neither.

        While the task says itself how far it is (`self.update_state`), what it says; while it waits
        for its next attempt, the error that it is retried for.
        """
        return cast(R | Exception | None, result_of(self.job()))

    @property
    def info(self) -> Any:
        """The result, by the name that Celery has for it while it is the task's progress."""
        return self.result

    async def aresult(self) -> R | Exception | None:
        """Return the result, from a coroutine."""
        return cast(R | Exception | None, result_of(await self.ajob()))

    async def ainfo(self) -> Any:
        """Return the result or the task's progress, from a coroutine."""
        return await self.aresult()

    @property
    def traceback(self) -> str | None:
        """The traceback of the last attempt as text, if the job failed or is to be retried."""
        job = self.job()
        return job.traceback if job else None

    async def atraceback(self) -> str | None:
        """Return the traceback, from a coroutine."""
        job = await self.ajob()
        return job.traceback if job else None

    def exists(self) -> bool:
        """Return whether the database has a row of the job: it was enqueued, and is still kept."""
        return self.job() is not None

    async def aexists(self) -> bool:
        """Return whether the database has a row of the job, from a coroutine."""
        return await self.ajob() is not None

    # ── about it; None for an unknown id ─────────────────────────────────────────────────────

    @property
    def name(self) -> str | None:
        """The name of the task."""
        job = self.job()
        return job.task if job else None

    @property
    def args(self) -> list[Any] | None:
        """The arguments that the job was enqueued with."""
        job = self.job()
        return decode(job.args) if job else None

    @property
    def kwargs(self) -> dict[str, Any] | None:
        """The arguments by name."""
        job = self.job()
        return decode(job.kwargs) if job else None

    @property
    def queue(self) -> str | None:
        """The queue that it waits in, or waited."""
        job = self.job()
        return job.queue if job else None

    @property
    def retries(self) -> int | None:
        """How many attempts came before the newest one."""
        job = self.job()
        return max(0, job.attempt - 1) if job else None

    @property
    def date_done(self) -> datetime | None:
        """When it finished."""
        job = self.job()
        return job.finished_at if job else None

    @property
    def worker(self) -> str | None:
        """The worker of the newest attempt: its name while it lives, its number afterwards."""
        job = self.job()
        if job is None or job.worker_id is None:
            return None
        living = {worker.id: worker.name for worker in self._database.run(operations.workers())}
        return living.get(job.worker_id, str(job.worker_id))

    # ── when it is there ─────────────────────────────────────────────────────────────────────

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float | None = None,
        no_ack: bool = True,
        follow_parents: bool = True,
        callback: Callable[[str, R], object] | None = None,
        on_message: Any = None,
        on_interval: Any = None,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """Wait for the job to finish and return its result.

        `timeout` is in seconds, None waits for ever. Raises `TaskFailed` (which is also what the
        task raised, where that is built into Python) or `TaskRevokedError` for what became of the
        job, `InvalidPayload` for a result that was written with SQL and that Python cannot read,
        and `ResultTimeout` if it has not finished in time. With `propagate=False` the error is
        returned instead. `callback` is called with the id and the value. A task that has raised
        `Ignore` has no result: None.

        Waits on a notification, so that `interval`, `no_ack`, `on_message` and `on_interval` are
        taken and not needed; a failed parent fails its children, so neither is `follow_parents`. A
        job whose row is gone, or never was, is waited for like any other. In a task, raises
        `InvalidWait` unless `disable_sync_subtasks=False` or in `allow_join_result()`.
        """
        del interval, no_ack, follow_parents, on_message, on_interval
        if disable_sync_subtasks:
            refuse_to_wait(self.id)
        future = self._database.outcome(self.id)
        try:
            outcome = future.result(timeout)
        except FutureTimeout:
            future.cancel()
            raise _late(self.id, timeout, self.job()) from None
        return cast(R, value_of(outcome, propagate=propagate, callback=callback))

    #: `get` by Celery's other name.
    wait = get

    async def aget(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 (Celery's parameter)
        propagate: bool = True,
        callback: Callable[[str, R], object] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """Wait like `get`, from a coroutine."""
        if disable_sync_subtasks:
            refuse_to_wait(self.id)
        future = asyncio.wrap_future(self._database.outcome(self.id))
        try:
            outcome = await asyncio.wait_for(future, timeout)
        except TimeoutError:
            raise _late(self.id, timeout, await self.ajob()) from None
        return cast(R, value_of(outcome, propagate=propagate, callback=callback))

    def then(
        self,
        callback: Callable[[AsyncResult[R]], object],
        on_error: Callable[[Exception], object] | None = None,
        weak: bool = False,
    ) -> Self:
        """Have a function called with this handle once the job has ended, one way or another.

        It is called in a thread of its own, in this process: to have something done whatever
        becomes of this process, use `link` and `link_error`. `on_error` is called with what the
        function raises. Returns the handle; `weak` is taken and not needed.
        """
        del weak
        call = Thread(target=self._tell, args=(callback, on_error), daemon=True)
        self._database.outcome(self.id).add_done_callback(
            lambda future: None if future.cancelled() else call.start()
        )
        return self

    def _tell(
        self,
        callback: Callable[[AsyncResult[R]], object],
        on_error: Callable[[Exception], object] | None,
    ) -> None:
        try:
            callback(self)
        except Exception as error:
            if on_error is None:
                raise
            on_error(error)

    def maybe_throw(
        self,
        propagate: bool = True,
        callback: Callable[[str, R], object] | None = None,
    ) -> Any:
        """Raise the job's error if it has one, without waiting; return the result so far."""
        job = self.job()
        if job is None or not is_finished(job):
            return result_of(job)
        return value_of(outcome_of(job), propagate=propagate, callback=callback)

    #: `maybe_throw` by Celery's other names.
    throw = maybe_reraise = maybe_throw

    # ── acts ─────────────────────────────────────────────────────────────────────────────────

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: str | None = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> bool:
        """Cancel the job; True if it will not run (again).

        A waiting job is cancelled at once. A running one is left to end its attempt, and is not
        tried again after it; with `terminate` its process is ended by the worker, see
        `app.control.revoke`. `wait` waits up to `timeout` seconds until the job has ended.
        `connection`: as in `Task.using`.
        """
        if terminate:
            _control(self._database).revoke(self.id, terminate=True, signal=signal or "SIGTERM")
            revoked = True
        else:
            revoked = _revoked(self._database.run(operations.cancel([self.id]), connection))
        if wait and revoked:
            try:
                self._database.outcome(self.id).result(timeout)
            except FutureTimeout:
                raise _late(self.id, timeout, self.job()) from None
        return revoked

    async def arevoke(self, connection: Any = None) -> bool:
        """Cancel the job, from a coroutine."""
        return _revoked(await self._database.arun(operations.cancel([self.id]), connection))

    def forget(self) -> bool:
        """Remove the finished job's row, result included; False if there is none."""
        return self._database.run(operations.forget(self.id))

    async def aforget(self) -> bool:
        """Remove the finished job's row, from a coroutine."""
        return await self._database.arun(operations.forget(self.id))


def _revoked(states: dict[str, str]) -> bool:
    return any(state in ("cancelled", "running") for state in states.values())


def _late(id_: str, timeout: float | None, job: JobRow | None) -> ResultTimeout:
    late = f"job {id_} had not finished after {timeout:g} s"
    if job is None:
        return ResultTimeout(
            f"{late}: there is no such job; its transaction has not been committed, or was rolled "
            "back, or its row has been dropped since"
        )
    return ResultTimeout(f"{late}; it may still: see 'pgq jobs show {id_}'")


def _control(database: object) -> Any:
    control = getattr(database, "control", None)
    if control is None:
        raise UsageError("terminate=True needs the control of an application: app.AsyncResult(id)")
    return control
