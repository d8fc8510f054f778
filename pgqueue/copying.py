"""New jobs as the text that `copy … from stdin` reads: a line a job, its columns between tabs.

Says in Python what sql/enqueue.sql says in SQL, because a copy can say nothing.
"""

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
    jobs, moment = iter(jobs), now.isoformat()
    while block := list(islice(jobs, BLOCK)):
        yield "".join([_line(job, now, moment) for job in block])


def run_at(job: NewJob, now: datetime) -> datetime:
    """Return when a job is due that is enqueued now.

    >>> from uuid import UUID
    >>> run_at(NewJob(UUID(int=1), "add", "[]", "{}", countdown=60), datetime(2026, 11, 22))
    datetime.datetime(2026, 11, 22, 0, 1)
    """
    if job.eta is None and job.countdown <= 0:
        return now
    return max(now, job.eta or now + _span(job.countdown))


def _line(job: NewJob, now: datetime, moment: str) -> str:
    due = run_at(job, now)
    expires_at = job.expires
    if job.expires_in is not None:
        expires_at = now + _span(job.expires_in)
    return (
        f"{job.id.hex}\t{_escaped(job.queue)}\t{_escaped(job.task)}\t{job.priority}\t"
        f"{NULL if job.max_attempts is None else job.max_attempts}\t"
        f"{moment if due is now else due.isoformat()}\t{moment}\t"
        f"{NULL if expires_at is None else expires_at.isoformat()}\t"
        f"{_escaped(job.args)}\t{_escaped(job.kwargs)}\t"
        f"{NULL if job.headers is None else _escaped(job.headers)}\t"
        f"{NULL if job.parent_id is None else job.parent_id.hex}\t"
        f"{NULL if job.root_id is None else job.root_id.hex}\n"
    )


def _span(seconds: float) -> timedelta:
    # Rounded as PostgreSQL's make_interval() does it; timedelta(seconds=…) may differ by 1 µs.
    return timedelta(microseconds=round(seconds * 1e6))


def _escaped(text: str) -> str:
    # Neither names nor JSON as we write it hold tabs or line breaks.
    return text.replace("\\", "\\\\") if "\\" in text else text
