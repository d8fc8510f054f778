"""What a task can know about its own run, as `self.request`."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

from pgqueue.errors import Retry


@dataclass(slots=True)
class Request:
    """One run of a job, with Celery's names where Celery has one.

    `claim` is the fencing token: it is higher at every claim of this job, so a store that keeps
    the highest one seen can refuse a run that has been superseded.

    Outside of a run there is one, too: `called_directly` is true, and `id` is None.
    """

    #: The worker's name, in its child processes.
    hostname: ClassVar[str | None] = None

    id: str = None  # type: ignore[assignment] # (a text in every run, which is where it is asked)
    task: str = ""
    queue: str = "default"
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    max_retries: int | None = None
    claim: int = 0
    priority: int = 0
    headers: dict[str, Any] = field(default_factory=dict)
    #: Seconds after which this run is killed, and asked to end; None: never.
    time_limit: float | None = None
    soft_time_limit: float | None = None
    #: JSON text to store as the result by `self.transaction()`; see `Task.set_result`.
    result: str | None = None
    #: Set once the job has been finished in a transaction of the task's own.
    finished: bool = False
    #: Whether the run is cancelled because the job was revoked.
    revoked: bool = False
    #: The number of the signal by which it would have been ended, had it not ended when asked.
    signum: int | None = None
    #: The job in whose run this one was enqueued, and the first of them all: itself, if it is that.
    parent_id: str | None = None
    root_id: str | None = None
    #: After this time it would not have been begun; the time that it was to run at, where that is
    #: not when it was enqueued. Both as Celery has them: ISO 8601, in UTC.
    expires: str | None = None
    eta: str | None = None
    #: Whether the return value is left out of the job's row.
    ignore_result: bool = False
    #: Whether other jobs may wait for this one, and need its result.
    linked: bool = False
    is_eager: bool = False
    called_directly: bool = False
    #: What pgqueue keeps in the job's headers for its own use.
    notes: Mapping[str, Any] | None = None
    #: What `self.retry(throw=False)` has asked for: it holds, however the run ends.
    asked: Retry | None = None
    #: The last state and meta of `self.update_state`.
    said: tuple[str, Any] | None = None

    @property
    def retries(self) -> int:
        """How many attempts came before this one."""
        return self.attempt - 1

    @property
    def correlation_id(self) -> str:
        """The job's id."""
        return self.id

    @property
    def timelimit(self) -> tuple[float | None, float | None]:
        """The hard and the soft limit, as Celery gives them."""
        return self.time_limit, self.soft_time_limit

    @property
    def delivery_info(self) -> dict[str, Any]:
        """Where the job came from; `redelivered` if it was claimed more often than it was tried."""
        return {
            "exchange": "",
            "routing_key": self.queue,
            "priority": self.priority,
            "redelivered": self.claim > self.attempt,
            "is_eager": self.is_eager,
        }

    @property
    def group(self) -> Any:
        """The id of the group that the job belongs to."""
        return self._note("group")

    @property
    def group_index(self) -> Any:
        """The job's place in its group, from 0 on."""
        return self._note("group_index")

    @property
    def chord(self) -> Any:
        """The id of the job that waits for this one and the others of its group."""
        return self._note("chord")

    @property
    def shadow(self) -> Any:
        """The name that the call gave for people to read."""
        return self._note("shadow")

    def _note(self, name: str) -> Any:
        return self.notes.get(name) if self.notes else None

    @property
    def utc(self) -> bool:
        """True: all times are kept in UTC."""
        return True


def moment_text(moment: datetime | None) -> str | None:
    """Return a time as requests have it.

    >>> moment_text(datetime.fromisoformat("2026-11-22T13:00:00+01:00"))
    '2026-11-22T12:00:00+00:00'
    """
    return None if moment is None else moment.astimezone(UTC).isoformat()


#: The run that this thread or coroutine is in; None outside of a worker.
current: ContextVar[Request | None] = ContextVar("pgqueue_request", default=None)
