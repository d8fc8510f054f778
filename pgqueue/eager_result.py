"""The handle of a call that was made in place: everything that `AsyncResult` says is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self, TypeVar, cast

from pgqueue.errors import TaskRevokedError
from pgqueue.result import AsyncResult
from pgqueue.rows import JobRow

R = TypeVar("R")


class EagerResult(AsyncResult[R]):
    """What `task.apply(...)` returns, and every call where `task_always_eager` is set.

    It has ended already. `get()` raises the very exception that the task raised, and `result` is
    it. There is no row in any database, unless `task_store_eager_result` is set.
    """

    def __init__(self, row: JobRow, error: BaseException | None = None) -> None:
        self.id = row.id
        self._row = row
        self._error = error

    def __repr__(self) -> str:
        return f"<EagerResult {self.id}>"

    def job(self) -> JobRow | None:
        """Return what the job's row would be."""
        return self._row

    async def ajob(self) -> JobRow | None:
        """Return what the job's row would be, from a coroutine."""
        return self._row

    @property
    def result(self) -> R | Exception | None:
        """The return value, or the exception that the task raised."""
        return cast(R | Exception | None, self._got(propagate=False, callback=None))

    async def aresult(self) -> R | Exception | None:
        """Return the result, from a coroutine."""
        return self.result

    @property
    def worker(self) -> str | None:
        """None: no worker has run it."""
        return None

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
        """Return the result, or raise what the task raised; nothing is waited for."""
        del timeout, interval, no_ack, follow_parents, on_message, on_interval
        del disable_sync_subtasks
        return cast(R, self._got(propagate=propagate, callback=callback))

    wait = get

    async def aget(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 (Celery's parameter)
        propagate: bool = True,
        callback: Callable[[str, R], object] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R:
        """Return the result like `get`, from a coroutine."""
        del timeout, disable_sync_subtasks
        return cast(R, self._got(propagate=propagate, callback=callback))

    def then(
        self,
        callback: Callable[[AsyncResult[R]], object],
        on_error: Callable[[Exception], object] | None = None,
        weak: bool = False,
    ) -> Self:
        """Call a function with this handle: the run is over."""
        del weak
        self._tell(callback, on_error)
        return self

    def maybe_throw(
        self,
        propagate: bool = True,
        callback: Callable[[str, R], object] | None = None,
    ) -> Any:
        """Raise what the task raised, or return the result."""
        return self._got(propagate=propagate, callback=callback)

    throw = maybe_reraise = maybe_throw

    def revoke(
        self,
        connection: Any = None,
        terminate: bool = False,
        signal: str | None = None,
        wait: bool = False,
        timeout: float | None = None,
    ) -> bool:
        """Have the handle say REVOKED, as in Celery; False, because the run is over."""
        del connection, terminate, signal, wait, timeout
        self._row = replace(
            self._row, state="cancelled", result=None, error="revoked", traceback=None
        )
        self._error = TaskRevokedError(f"job {self.id}: revoked")
        return False

    async def arevoke(self, connection: Any = None) -> bool:
        """Have the handle say REVOKED, from a coroutine."""
        return self.revoke(connection)

    def forget(self) -> bool:
        """Return False: there is no row to remove."""
        return False

    async def aforget(self) -> bool:
        """Return False: there is no row to remove."""
        return False

    def _got(self, *, propagate: bool, callback: Callable[[str, R], object] | None) -> Any:
        if self._error is None:
            return super().maybe_throw(propagate, callback)
        if propagate:
            raise self._error
        if callback is not None:
            callback(self.id, cast(R, self._error))
        return self._error
