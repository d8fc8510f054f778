"""What the worker says of its jobs: counts for its row, lines for its log."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from pgqueue.rows import ClaimedJob
from pgqueue.worker import frames
from pgqueue.worker.frames import Record
from pgqueue.worker.reports import Batch

log = logging.getLogger("pgqueue.worker")

ALWAYS_SHOWN = ("succeeded", "failed", "cancelled")
SUMMARY = (*ALWAYS_SHOWN, "retried", "crashed", "suspected", "released", "stale")


class Journal:
    """Counts and reports how jobs end."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        """Return how many jobs ended in which way since the worker began."""
        return {**dict.fromkeys(ALWAYS_SHOWN, 0), **self._counts}

    def summary(self) -> str:
        """Return the counts as a phrase; empty if nothing has happened."""
        return ", ".join(f"{self._counts[n]:,} {n}" for n in SUMMARY if self._counts[n])

    def ended(self, job: ClaimedJob, record: Record) -> None:
        """Say what a child reports of a job, if that is worth a line.

        Not that it has failed: the child has said so, with the traceback. Tracebacks of many jobs
        are the work of many processes, and none of the supervisor's.
        """
        code = record[0]
        if code == frames.EXPECTED:
            _say(logging.INFO, job, f"failed at attempt {job.attempt}, as expected: {record[3]}")
        elif code == frames.REQUEUED:
            _say(logging.INFO, job, f"rejected, and back in the queue: {record[3]}")
        elif code == frames.RETRIED:
            delay = float(record[3])
            text = f"failed at attempt {job.attempt}, next in {delay:.3g} s: {record[4]}"
            _say(logging.INFO, job, text)
        elif code == frames.CANCELLED:
            _say(logging.INFO, job, record[3])
        elif code == frames.STALE:
            _say(logging.WARNING, job, f"claim {job.claim} is stale, its rows were rolled back")
        elif code == frames.DONE:
            self._counts["succeeded"] += 1
        if log.isEnabledFor(logging.DEBUG) and code in (frames.SUCCEEDED, frames.DONE):
            _say(logging.DEBUG, job, "succeeded")

    def killed(self, job: ClaimedJob, verdict: Record) -> None:
        """Say how a job ends whose process was killed because of it."""
        if verdict[0] == frames.FAILED:
            _say(logging.ERROR, job, f"failed at attempt {job.attempt}: {verdict[3]}")
        self.ended(job, verdict)

    def written(self, batch: Batch, results: list[Any]) -> None:
        """Count what has been written down, and say what the fence refused."""
        stale = batch.stale(results)
        for finished in batch.finished:
            self._counts[finished.state] += (finished.id, finished.claim) not in stale
        for name, jobs in (("retried", batch.retried), ("released", batch.released)):
            self._counts[name] += sum((job.id, job.claim) not in stale for job in jobs)
        for name, by_cause in (("crashed", batch.crashed), ("suspected", batch.suspected)):
            self._counts[name] += sum(map(len, by_cause.values()))
        if stale and not batch.resent:
            self._counts["stale"] += len(stale)
            log.warning(
                "%d outcomes were refused, because their jobs had been taken over: %s",
                len(stale),
                ", ".join(id_ for id_, _ in sorted(stale)[:5]),
            )


def _say(level: int, job: ClaimedJob, what: str) -> None:
    about = {"job": job.id, "task": job.task, "queue": job.queue, "attempt": job.attempt}
    log.log(level, "%s[%s] %s", job.task, job.id, what, extra={"about": about})
