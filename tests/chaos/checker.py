"""What became of every job, by three witnesses: producers, the attempts' own files, PostgreSQL."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path

import psycopg

#: How many jobs of the task `few` may run at once, over all workers.
FEW = 2
OVER = ("succeeded", "failed", "cancelled")
#: A file that held jobs wait for, beside those of the witnesses.
LET_GO = "let go"
#: When jobs with limits ran, all attempts of theirs that were not simply given back.
RUNS = """
select j.started_at, coalesce(j.finished_at, pgqueue.now()) from pgqueue.jobs j
where j.task = 'few' and j.started_at is not null
union all
select a.started_at, a.failed_at from pgqueue.jobs j, pgqueue.attempts(j.id) a
where j.task = 'few' and a.claim < j.claim
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run of a job, by its file; `stop` is None if it was killed, or still runs."""

    job: str
    claim: int
    pid: int
    worker: int
    start: float
    stop: float | None


@dataclass(frozen=True, slots=True)
class Account:
    """How many jobs there were, and what went wrong with how many.

    `lost` were acknowledged and have not succeeded, `stuck` have no outcome at all; `doubled` have
    more than one accepted effect, or two jobs for one call. `at_once` of `few` ran
    together at most. `again` were run more than once, although no run of theirs failed.
    """

    jobs: int
    lost: int
    stuck: int
    doubled: int
    again: int
    at_once: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.stuck or self.doubled or self.at_once > FEW)


def attempts(folder: Path) -> list[Attempt]:
    """Read the files of all attempts, in the order in which they began."""
    found = []
    for path in (folder / "attempts").iterdir():
        head, *rest = path.read_text().splitlines() or [""]
        if head:  # else it has only been made
            found.append(Attempt(**json.loads(head), stop=_stop(rest)))
    return sorted(found, key=lambda attempt: attempt.start)


def acknowledged(folder: Path) -> dict[str, str]:
    """Return the jobs whose enqueueing was acknowledged, with the number of their call."""
    lines = [
        line.split()
        for path in (folder / "acknowledged").iterdir()
        for line in path.read_text().splitlines(keepends=True)
        if line.endswith("\n")  # else it is just being written
    ]
    return {job: number for job, number, _ in lines}


def moments(path: Path) -> list[float]:
    """Return when a producer was told that its jobs are there."""
    lines = path.read_text().splitlines(keepends=True)
    return [float(line.split()[2]) for line in lines if line.endswith("\n")]


def account(connection: psycopg.Connection, told: dict[str, str], ran: list[Attempt]) -> Account:
    """Compare the witnesses.

    `told` are the acknowledged jobs by id, `ran` the attempts.
    """
    rows = connection.execute("select id::text, state::text, task, args ->> 0 from pgqueue.jobs")
    jobs = {job: (state, task, number) for job, state, task, number in rows.fetchall()}
    written = connection.execute("select job::text, number from effects").fetchall()
    by_job = Counter(job for job, _ in written)
    lost = {
        job
        for job in told
        if jobs.get(job, ("",))[0] != "succeeded" or (jobs[job][1] == "effect" and not by_job[job])
    }
    twice = {job for job, times in by_job.items() if times > 1}
    calls = Counter(number for _, _, number in jobs.values() if number)
    twice |= {number for number, times in calls.items() if times > 1}
    claims = defaultdict(set)
    for attempt in ran:
        claims[attempt.job].add(attempt.claim)
    return Account(
        jobs=len(jobs),
        lost=len(lost),
        stuck=sum(state not in OVER for state, _, _ in jobs.values()),
        doubled=len(twice),
        again=sum(
            len(each) > 1 for job, each in claims.items() if jobs.get(job, ("", ""))[1] == "plain"
        ),
        at_once=at_once(connection.execute(RUNS).fetchall()),
    )


def at_once(runs: Iterable[tuple[datetime, datetime]]) -> int:
    """Return how many of these ran at once at most, each from its beginning to its end.

    >>> at_once([(1, 3), (2, 4), (3, 5)])
    2
    """
    steps = sorted([(began, 1) for began, _ in runs] + [(ended, -1) for _, ended in runs])
    return max(accumulate((step for _, step in steps), initial=0))


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a worker's log that is not about a job."""

    at: float
    level: str
    message: str


def lines(log: str) -> list[Line]:
    """Read a worker's log, as JSON, without what it says of single jobs."""
    found = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    return [
        Line(line["ts"], line["level"], line["message"])
        for line in found
        if "job" not in line and not line["message"].startswith("so far")
    ]


def loudest(said: list[Line], since: float, until: float) -> int:
    """Return how often the most frequent message, by how it begins, was said in a span of time."""
    heads = Counter(line.message[:20] for line in said if since <= line.at < until)
    return max(heads.values(), default=0)


def _stop(rest: list[str]) -> float | None:
    return json.loads(rest[0])["stop"] if rest else None
