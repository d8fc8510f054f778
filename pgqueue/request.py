"""What a task can know about its own run, as `self.request`."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Request:
    """One run of a job.

    `claim` is the fencing token: it is higher at every claim of this job, so a store that keeps
    the highest one seen can refuse a run that has been superseded.
    """

    id: str
    task: str
    queue: str
    args: list[Any]
    kwargs: dict[str, Any]
    attempt: int
    max_retries: int | None
    claim: int
    priority: int = 0
    headers: dict[str, Any] = field(default_factory=dict)
    #: Seconds after which this run is killed, and asked to end; None: never.
    time_limit: float | None = None
    soft_time_limit: float | None = None
    #: JSON text to store as the result by `self.transaction()`; see `Task.set_result`.
    result: str | None = None
    #: Set once the job has been finished in a transaction of the task's own.
    finished: bool = False

    @property
    def retries(self) -> int:
        """How many attempts came before this one."""
        return self.attempt - 1


#: The run that this thread or coroutine is in; None outside of a worker.
current: ContextVar[Request | None] = ContextVar("pgqueue_request", default=None)
