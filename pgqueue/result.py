"""The handle of a job: its state and result, now or when they are there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, Generic, Protocol, TypeVar, cast
from uuid import UUID

from pgqueue import operations
from pgqueue.codec import decode
from pgqueue.errors import (
    ChordError,
    InvalidPayload,
    ResultTimeout,
    TaskFailed,
    TaskRevokedError,
    TimeLimitExceeded,
)
from pgqueue.identifiers import job_id
from pgqueue.lineage import Lineage
from pgqueue.query import Database
from pgqueue.rows import JobRow, Outcome

R = TypeVar("R")

PENDING, STARTED, RETRY = "PENDING", "STARTED", "RETRY"
SUCCESS, FAILURE, REVOKED = "SUCCESS", "FAILURE", "REVOKED"

_FINISHED = {"succeeded": SUCCESS, "failed": FAILURE, "cancelled": REVOKED}


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


def celery_state(job: JobRow | None) -> str:
    """Return Celery's name for the state of a job; PENDING for one that nobody knows."""
    if job is None:
        return PENDING
    if job.state == "queued":
        return RETRY if job.failures else PENDING
    return _FINISHED.get(job.state, STARTED if job.state == "running" else PENDING)


class AsyncResult(Lineage, Generic[R]):
    """A job's handle; make one from an id with `app.AsyncResult(id)`.

    Every question is asked of the database anew. The async twins take the prefix `a`.
    """

    def __init__(self, id: UUID | str, database: ResultSource) -> None:  # noqa: A002 (Celery's name)
        self.id = str(job_id(id))
        self._database: ResultSource = database

    def __repr__(self) -> str:
        return f"<AsyncResult {self.id}>"

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
        """PENDING, STARTED, RETRY, SUCCESS, FAILURE or REVOKED; PENDING also for an unknown id."""
        return celery_state(self.job())

    async def astate(self) -> str:
        """Return the state, from a coroutine."""
        return celery_state(await self.ajob())

    def ready(self) -> bool:
        """Return whether the job has finished, one way or another."""
        return self.state in _FINISHED.values()

    async def aready(self) -> bool:
        """Return whether the job has finished, from a coroutine."""
        return await self.astate() in _FINISHED.values()

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
        """The return value, or the error as an exception; None while there is neither."""
        return cast(R | Exception | None, _result(self.job()))

    async def aresult(self) -> R | Exception | None:
        """Return the result, from a coroutine."""
        return cast(R | Exception | None, _result(await self.ajob()))

    @property
    def traceback(self) -> str | None:
        """The traceback of the last attempt as text, if the job failed."""
        job = self.job()
        return job.traceback if job else None

    async def atraceback(self) -> str | None:
        """Return the traceback, from a coroutine."""
        job = await self.ajob()
        return job.traceback if job else None

    # ── when it is there ─────────────────────────────────────────────────────────────────────

    def get(self, timeout: float | None = None) -> R:
        """Wait for the job to finish and return its result.

        `timeout` is in seconds, None waits for ever. Raises `TaskFailed` or `TaskRevokedError`
        for what became of the job, `InvalidPayload` for a result that was written with SQL and that
        Python cannot read, and `ResultTimeout` if it has not finished in time. Waits on a
        notification; a job whose row is gone, or never was, is waited for like any other.
        """
        future = self._database.outcome(self.id)
        try:
            return cast(R, _value(future.result(timeout)))
        except FutureTimeout:
            future.cancel()
            raise _late(self.id, timeout, self.job()) from None

    async def aget(self, timeout: float | None = None) -> R:  # noqa: ASYNC109 (Celery's parameter)
        """Wait like `get`, from a coroutine."""
        future = asyncio.wrap_future(self._database.outcome(self.id))
        try:
            return cast(R, _value(await asyncio.wait_for(future, timeout)))
        except TimeoutError:
            raise _late(self.id, timeout, await self.ajob()) from None

    # ── acts ─────────────────────────────────────────────────────────────────────────────────

    def revoke(self) -> bool:
        """Cancel the job; True if it will not run (again).

        A waiting job is cancelled at once. A running one is left to end its attempt, and is not
        tried again after it.
        """
        return _revoked(self._database.run(operations.cancel([self.id])))

    async def arevoke(self) -> bool:
        """Cancel the job, from a coroutine."""
        return _revoked(await self._database.arun(operations.cancel([self.id])))

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


def _result(job: JobRow | None) -> Any:
    if job is None or job.state not in _FINISHED:
        return None
    try:
        return _value(Outcome(job.id, job.state, job.result, job.error, job.traceback))
    except (TaskFailed, TaskRevokedError) as error:
        return error


def _decoded(id_: str, result: str) -> Any:
    try:
        return decode(result)
    except InvalidPayload as error:  # not a worker's: somebody wrote it with SQL
        raise InvalidPayload(f"the result of job {id_}: {error}") from None


def value_of(outcome: Outcome, *, propagate: bool = True) -> Any:
    """Return a job's result; raise what became of it, or return that if not `propagate`."""
    try:
        return _value(outcome)
    except (TaskFailed, TaskRevokedError) as error:
        if propagate:
            raise
        return error


def _value(outcome: Outcome) -> Any:
    if outcome.state == "succeeded":
        return None if outcome.result is None else _decoded(outcome.id, outcome.result)
    if outcome.state == "cancelled":
        raise TaskRevokedError(f"job {outcome.id}: {outcome.error or 'cancelled'}")
    kind, _, message = (outcome.error or "").partition(": ")
    if kind == ChordError.__name__:
        raise ChordError(message)
    if kind == TimeLimitExceeded.__name__:
        raise TimeLimitExceeded(message)
    raise TaskFailed(kind, message, outcome.traceback)
