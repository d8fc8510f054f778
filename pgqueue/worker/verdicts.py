"""What becomes of the jobs of a process that died: pure."""

from __future__ import annotations

from collections.abc import Sequence

from pgqueue.rows import ClaimedJob, Released
from pgqueue.worker import frames
from pgqueue.worker.frames import Record
from pgqueue.worker.reports import Batch

#: How many jobs a line of the log names.
NAMED = 10


def overdue(job: ClaimedJob, seconds: float) -> Record:
    """Return the record of a job whose process is killed because its time is over."""
    error = f"TimeLimitExceeded: it ran for {seconds:g} s, its time limit; its process was killed"
    return [frames.FAILED, job.id, str(job.claim), error, ""]


def cancelled(job: ClaimedJob) -> Record:
    """Return the record of a job that is not begun, because its cancellation was asked for."""
    return [frames.CANCELLED, job.id, str(job.claim), "cancelled"]


def terminated(job: ClaimedJob, signal: str) -> Record:
    """Return the record of a job whose process is killed because that was asked for."""
    return [frames.CANCELLED, job.id, str(job.claim), f"terminated ({signal})"]


def told(begun: Sequence[ClaimedJob], fate: Batch) -> str:
    """Return what becomes of the jobs that a dead process had begun, to end a line with."""
    names = ", ".join(f"{job.task}[{job.id}]" for job in begun[:NAMED])
    if fate.crashed:
        return f"; a crash of {names}"
    if fate.suspected:
        return f"; its {len(begun)} jobs run again, each alone and uncharged: {names}"
    return ""


def post_mortem(
    begun: Sequence[ClaimedJob],
    waiting: Sequence[ClaimedJob],
    cause: str,
    *,
    killed: bool = False,
    verdict: Record | None = None,
) -> Batch:
    """Return what becomes of the jobs that a dead process had begun, and had not.

    Who ran alone is charged with the crash. Of several, nobody knows which it was: each runs again,
    alone and uncharged. Where we killed it (`killed`), the job that it was for ends as the verdict
    says, and nobody is charged.
    """
    batch = Batch(released=[Released(job.id, job.claim) for job in waiting])
    if killed:
        ended = (verdict[1], int(verdict[2])) if verdict else None
        for job in begun:
            if verdict and (job.id, job.claim) == ended:
                batch.add(verdict)
            else:
                batch.released.append(Released(job.id, job.claim))
    elif len(begun) == 1:
        error = f"WorkerLost: the process that ran it was {cause}"
        batch.crashed[error] = [Released(job.id, job.claim) for job in begun]
    elif begun:
        error = (
            f"WorkerLost: the process that ran it and {len(begun) - 1} others was {cause}; not "
            "charged, it runs again alone"
        )
        batch.suspected[error] = [Released(job.id, job.claim) for job in begun]
    return batch
