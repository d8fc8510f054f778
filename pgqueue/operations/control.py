"""What operators say of queues, tasks and workers."""

from __future__ import annotations

from collections.abc import Iterable

from pgqueue.arrays import plain_array
from pgqueue.operations.values import nothing
from pgqueue.query import Query
from pgqueue.rows import (
    TaskSettings,
)


def tell(
    broadcast: object, command: str, arguments: str, workers: Iterable[int], seconds: float
) -> Query[None]:
    """Tell workers something, with arguments in JSON; it is void after so many seconds."""
    params = {
        "broadcast": broadcast,
        "command": command,
        "arguments": arguments,
        "workers": plain_array(workers),
        "seconds": seconds,
    }
    return Query("tell", params, nothing)


def answers(broadcast: object) -> Query[dict[int, str | None]]:
    """Return what each worker has answered, in JSON; None: nothing yet."""
    return Query("answers", {"broadcast": broadcast}, lambda rows: dict(rows))  # noqa: PLW0108 (typing)


def task_settings() -> Query[list[TaskSettings]]:
    """Return what was said of tasks while everything runs."""
    return Query("task_settings", {}, lambda rows: [TaskSettings(*row) for row in rows])


def set_time_limit(task: str, hard: float | None, soft: float | None) -> Query[None]:
    """Say how long runs of a task may take, in seconds, in place of what it declares."""
    params = {"task": task, "time_limit": hard, "soft_time_limit": soft}
    return Query("set_time_limit", params, nothing)


def set_rate_limit(task: str, rate: str | None) -> Query[None]:
    """Say how often a task may run, in place of what it declares."""
    return Query("set_rate_limit", {"task": task, "rate_limit": rate}, nothing)


def pause(queue: str) -> Query[None]:
    """Stop claims from a queue."""
    return Query("pause", {"queue": queue}, nothing)


def resume(queue: str) -> Query[None]:
    """Let claims from a queue go on."""
    return Query("resume", {"queue": queue}, nothing)


def limit_queue(queue: str, max_depth: int | None) -> Query[None]:
    """Limit how many jobs may wait in a queue; None: no end of them."""
    return Query("limit_queue", {"queue": queue, "max_depth": max_depth}, nothing)


def rate_queue(queue: str, rate_limit: str | None, rate_burst: int = 1) -> Query[None]:
    """Limit how often jobs of a queue start; None: as often as they like."""
    params = {"queue": queue, "rate_limit": rate_limit, "rate_burst": rate_burst}
    return Query("rate_queue", params, nothing)


def keep_finished(queue: str, seconds: float | None) -> Query[None]:
    """Say for how long a queue's finished jobs are kept; None: as long as all others."""
    return Query("keep_finished", {"queue": queue, "seconds": seconds}, nothing)
