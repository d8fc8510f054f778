"""What the row of a job means to who has its handle: Celery's state, and the result. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pgqueue.codec import decode
from pgqueue.describe import name_of
from pgqueue.errors import (
    ChordError,
    InvalidPayload,
    Retry,
    TaskFailed,
    TaskRevokedError,
    TimeLimitExceeded,
    task_failed,
)
from pgqueue.rows import JobRow, Outcome
from pgqueue.states import FAILURE, IGNORED, PENDING, RETRY, REVOKED, STARTED, SUCCESS

_FINISHED = {"succeeded": SUCCESS, "failed": FAILURE, "cancelled": REVOKED}
#: The error of a job whose task raised `Ignore`: it is stored as cancelled.
_IGNORED = IGNORED.lower()
#: The error of an attempt that asked for a retry, and gave no reason.
_ASKED = name_of(Retry)


def celery_state(job: JobRow | None) -> str:
    """Return Celery's name for the state of a job; PENDING for one that nobody knows."""
    if job is None:
        return PENDING
    if job.state == "queued":
        return RETRY if job.failures else PENDING
    if job.state == "running":
        said = progress_of(job)
        return STARTED if said is None else said[0]
    if job.state == "cancelled" and job.error == _IGNORED:
        return IGNORED
    return _FINISHED.get(job.state, PENDING)


def is_finished(job: JobRow | None) -> bool:
    """Return whether a job has ended, one way or another."""
    return job is not None and job.state in _FINISHED


def progress_of(job: JobRow) -> tuple[str, Any] | None:
    """Return the state and the meta that a running job gave itself, None if it said nothing."""
    if job.state != "running" or job.result is None:
        return None
    note = _decoded(job.id, job.result)
    # What an earlier run said is still there after a crash, under an earlier claim.
    if not isinstance(note, dict) or note.get("claim") != job.claim:
        return None
    return str(note.get("state")), note.get("meta")


def result_of(job: JobRow | None) -> Any:
    """Return what a job's handle says is its result.

    Of one that has ended, what it returned or its error; of one that is to run again, the error
    that it is retried for; of one that runs, what it says itself.
    """
    if job is None:
        return None
    if is_finished(job):
        return value_of(outcome_of(job), propagate=False)
    if job.state == "queued" and job.error:
        kind, message = _parts(job.error)
        return None if kind == _ASKED else task_failed(kind, message, job.traceback)
    said = progress_of(job)
    return said[1] if said else None


def outcome_of(job: JobRow) -> Outcome:
    """Return how a job ended that has."""
    return Outcome(job.id, job.state, job.result, job.error, job.traceback)


def value_of(
    outcome: Outcome,
    *,
    propagate: bool = True,
    callback: Callable[[str, Any], object] | None = None,
) -> Any:
    """Return a job's result; raise what became of it, or return that if not `propagate`.

    `callback` is called with the job's id and what is returned.
    """
    try:
        value = _value(outcome)
    except (TaskFailed, TaskRevokedError) as error:
        if propagate:
            raise
        value = error
    if callback is not None:
        callback(outcome.id, value)
    return value


def _value(outcome: Outcome) -> Any:
    if outcome.state == "succeeded":
        return None if outcome.result is None else _decoded(outcome.id, outcome.result)
    if outcome.state == "cancelled":
        if outcome.error == _IGNORED:
            return None
        raise TaskRevokedError(f"job {outcome.id}: {outcome.error or 'cancelled'}")
    kind, message = _parts(outcome.error)
    if kind == ChordError.__name__:
        raise ChordError(message)
    if kind == TimeLimitExceeded.__name__:
        raise TimeLimitExceeded(message)
    raise task_failed(kind, message, outcome.traceback)


def _parts(error: str | None) -> tuple[str, str]:
    kind, _, message = (error or "").partition(": ")
    return kind, message


def _decoded(id_: str, result: str) -> Any:
    try:
        return decode(result)
    except InvalidPayload as error:  # not a worker's: somebody wrote it with SQL
        raise InvalidPayload(f"the result of job {id_}: {error}") from None
