"""Rows as the text that `copy … from stdin` reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from pgqueue.rows import NewJob

#: Rows whose text is sent together.
BLOCK = 100
NULL = r"\N"


def job_blocks(jobs: Iterable[NewJob], now: datetime) -> Iterator[str]:
    """Yield the text of the jobs' rows, a hundred together; `now` is the database's time."""
    jobs = iter(jobs)
    while block := list(islice(jobs, BLOCK)):
        yield "".join(_job_line(job, now) for job in block)


def _job_line(job: NewJob, now: datetime) -> str:
    run_at = created_at = now.isoformat()
    if job.countdown > 0 or job.eta is not None:
        run_at = max(now, job.eta or now + timedelta(seconds=job.countdown)).isoformat()
    expires_at = job.expires
    if job.expires_in is not None:
        expires_at = now + timedelta(seconds=job.expires_in)
    return (
        f"{job.id}\t{_escaped(job.queue)}\t{_escaped(job.task)}\t{job.priority}\t"
        f"{_or_null(job.max_attempts)}\t{run_at}\t{created_at}\t{_or_null(expires_at)}\t"
        f"{_escaped(job.args)}\t{_escaped(job.kwargs)}\t"
        f"{NULL if job.headers is None else _escaped(job.headers)}\n"
    )


def _or_null(value: object) -> object:
    return NULL if value is None else value


def _escaped(text: str) -> str:
    # Neither names nor JSON as we write it hold tabs or line breaks.
    return text.replace("\\", "\\\\") if "\\" in text else text
