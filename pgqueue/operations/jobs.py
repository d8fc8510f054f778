"""Every transition of a job, in the order of its life, and groups of jobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pgqueue.allowance import NO_ALLOWANCE
from pgqueue.arrays import plain_array, text_array
from pgqueue.copying import job_blocks
from pgqueue.operations.limiting import allowances
from pgqueue.operations.values import claim_pairs, nothing, set_of_ids, single_value, timestamp
from pgqueue.query import Copy, Query, Row
from pgqueue.rows import (
    ClaimedJob,
    Edge,
    Finished,
    JobRow,
    Lane,
    Lost,
    NewJob,
    Placed,
    Released,
    Retried,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: What of a job decides which statement inserts it, and is no parameter of the plain one.
_CHOOSING = ("chosen", "open_parents", "linked", "unique", "allowance")


def enqueue(job: NewJob) -> Query[bool]:
    """Insert a job; False if its id is one that the caller chose, and is taken."""
    if job.allowance:
        return _whether(enqueue_limited([job], wake=True))
    if job.chosen:
        return enqueue_chosen(job)
    return Query("enqueue", _alone(job), bool, lambda: enqueue_chosen(job))


def enqueue_chosen(job: NewJob) -> Query[bool]:
    """Insert a job under an id that may have been used before; False if it was."""
    return Query("enqueue_chosen", _alone(job), bool)


def enqueue_many(jobs: Iterable[NewJob], *, wake: bool) -> Query[set[str]]:
    """Insert jobs; returns the queues whose sleepers are to be woken, and may do that itself."""
    jobs = sorted(jobs, key=lambda job: job.id)
    if any(job.allowance for job in jobs):
        return enqueue_limited(jobs, wake=wake)
    params = {**_columns(jobs), "wake": wake}
    query = Query("enqueue_many", params, set_of_ids)
    return dataclasses.replace(
        query, again=lambda: dataclasses.replace(query, params={**params, **_all_chosen(jobs)})
    )


def enqueue_limited(jobs: Sequence[NewJob], *, wake: bool) -> Query[set[str]]:
    """Insert jobs of which some have limits; otherwise as `enqueue_many`."""
    jobs = sorted(jobs, key=lambda job: job.id)
    params = {
        **_columns(jobs),
        "limited": plain_array(bool(job.allowance) for job in jobs),
        **allowances([job.allowance or NO_ALLOWANCE for job in jobs]),
        "wake": wake,
    }
    query = Query("enqueue_limited", params, _queues)
    return dataclasses.replace(
        query, again=lambda: dataclasses.replace(query, params={**params, **_all_chosen(jobs)})
    )


def enqueue_unique(jobs: Iterable[NewJob]) -> Query[list[Placed]]:
    """Insert jobs with unique keys, no two with the same; returns which job stands for each."""
    jobs = sorted(jobs, key=lambda job: job.id)
    unique = [job.unique for job in jobs if job.unique]
    params = {
        **_columns(jobs),
        "unique_keys": text_array(each.key for each in unique),
        "until_start": plain_array(each.until_start for each in unique),
        "seconds": plain_array(each.seconds for each in unique),
        "replaces": plain_array(each.on_duplicate == "replace" for each in unique),
    }
    query = Query("enqueue_unique", params, lambda rows: [Placed(*row) for row in rows])
    return dataclasses.replace(
        query, again=lambda: dataclasses.replace(query, params={**params, **_all_chosen(jobs)})
    )


def enqueue_canvas(jobs: Sequence[NewJob], edges: Sequence[Edge]) -> Query[set[str]]:
    """Insert jobs and the edges between them; returns the queues whose sleepers were woken.

    Sent again, it changes nothing.
    """
    jobs = sorted(jobs, key=lambda job: job.id)
    params = {
        **_columns(jobs),
        "open_parents": plain_array(job.open_parents for job in jobs),
        "linked": plain_array(job.linked for job in jobs),
        "parents": plain_array(edge.parent_id for edge in edges),
        "children": plain_array(edge.child_id for edge in edges),
        "kinds": plain_array(edge.kind for edge in edges),
        "places": plain_array(edge.place for edge in edges),
        "templates": text_array(edge.job for edge in edges),
    }
    query = Query("enqueue_canvas", params, set_of_ids)
    return dataclasses.replace(
        query, again=lambda: dataclasses.replace(query, params={**params, **_all_chosen(jobs)})
    )


def copy_jobs(jobs: Iterable[NewJob], now: datetime) -> Copy:
    """Insert jobs whose ids are new, as enqueued at `now`; their sleepers are not woken."""
    return Copy("copy_jobs", job_blocks(jobs, now))


def admit(queues: Iterable[str]) -> Query[None]:
    """Raise `QueueFull` if one of these queues holds more jobs than it may."""
    return Query("admit", {"queues": text_array(queues)}, nothing)


def moment() -> Query[datetime]:
    """Return the time by the database's clock, whatever the connection makes of times."""
    return Query("moment", {}, lambda rows: EPOCH + timedelta(microseconds=rows[0][0]))


def wake(queues: Iterable[str]) -> Query[None]:
    """Wake the workers that sleep for want of jobs in these queues."""
    return Query("wake", {"places": text_array(queues)}, nothing)


def claim(
    worker_id: int,
    lanes: Sequence[Lane],
    tasks: Sequence[str],
    limit: int,
    *,
    untouched: bool = False,
) -> Query[list[ClaimedJob]]:
    """Claim up to `limit` due jobs of these tasks from these lanes, best lane first.

    `untouched`: only those that no other transaction has locked since they were queued.
    """
    params = {
        "worker_id": worker_id,
        "queues": text_array(lane.queue for lane in lanes),
        "priorities": plain_array(lane.priority for lane in lanes),
        "run_ats": text_array(lane.run_at for lane in lanes),
        "ids": plain_array(lane.id for lane in lanes),
        "tasks": text_array(tasks),
        "limit": limit,
        "untouched": untouched,
    }
    return Query("claim", params, lambda rows: [ClaimedJob(*row) for row in rows])


def finish(jobs: Sequence[Finished]) -> Query[set[str]]:
    """Move jobs to the history; returns the ids of those that were still ours to finish."""
    jobs = sorted(jobs, key=lambda job: job.id)  # the order in which cancel() locks, too
    params = {
        "ids": plain_array(job.id for job in jobs),
        "claims": plain_array(job.claim for job in jobs),
        "states": plain_array(job.state for job in jobs),
        "results": text_array(job.result for job in jobs),
        "errors": text_array(job.error for job in jobs),
        "tracebacks": text_array(job.traceback for job in jobs),
    }
    return Query("finish", params, set_of_ids)


def retry(jobs: Sequence[Retried]) -> Query[set[str]]:
    """Queue failed attempts again; returns the ids of those that were still ours."""
    jobs = sorted(jobs, key=lambda job: job.id)
    changed = jobs if any(any(job[5:]) for job in jobs) else ()
    params = {
        "ids": plain_array(job.id for job in jobs),
        "claims": plain_array(job.claim for job in jobs),
        "countdowns": plain_array(job.countdown for job in jobs),
        "errors": text_array(job.error for job in jobs),
        "tracebacks": text_array(job.traceback for job in jobs),
        "args": text_array(job.args for job in changed),
        "kwargs": text_array(job.kwargs for job in changed),
        "queues": text_array(job.queue for job in changed),
        "priorities": text_array(job.priority for job in changed),
        "expires": text_array(job.expires for job in changed),
        "expires_in": text_array(job.expires_in for job in changed),
        "headers": text_array(job.headers for job in changed),
    }
    return Query("retry", params, set_of_ids)


def progress(job: str, claim: int, note: str) -> Query[bool]:
    """Note how far a running job is, as JSON of its state and meta; False if it is not ours."""
    return Query("progress", {"id": job, "claim": claim, "note": note}, bool)


def release(jobs: Sequence[Released]) -> Query[set[str]]:
    """Give claimed jobs back uncharged; returns the ids of those that were still ours."""
    return Query("release", claim_pairs(jobs), set_of_ids)


def crash(
    jobs: Sequence[Released] | Sequence[Lost],
    error: str,
    max_crashes: int,
    *,
    alone: bool = False,
) -> Query[dict[str, str]]:
    """Charge jobs with a crash; returns each id with the state that it has now.

    Of a lost worker's jobs only those that say so are charged; all go back to the queue. `alone`:
    from now on they run beside no other job in their process.
    """
    in_order = sorted(jobs, key=lambda job: (job.id, job.claim))
    charged = [not isinstance(job, Lost) or job.charged for job in in_order]
    params = {
        **claim_pairs(jobs),
        "charged": plain_array(charged),
        "error": error,
        "max_crashes": max_crashes,
        "alone": alone,
    }
    return Query("crash", params, lambda rows: dict((row[0], row[1]) for row in rows))  # noqa: C402


def suspect(jobs: Sequence[Released], error: str) -> Query[set[str]]:
    """Queue jobs again that a process died with, each to run alone; returns the ids of ours."""
    return Query("suspect", {**claim_pairs(jobs), "error": error}, set_of_ids)


def replace(id: object, claim: int, open_parents: int) -> Query[bool]:  # noqa: A002 (a column's name)
    """Have a running job wait to become what replaces it; False if it was not ours any more."""
    return Query("replace", {"id": id, "claim": claim, "open_parents": open_parents}, bool)


def follow(ids: Iterable[object]) -> Query[int]:
    """Follow the edges of ended jobs; returns how many jobs were released, ended or made by it."""
    return Query("follow", {"ids": plain_array(ids)}, single_value)


def cancel_requested(ids: Iterable[str]) -> Query[set[str]]:
    """Cancel those of these queued jobs whose cancellation was asked for while they ran."""
    return Query("cancel_requested", {"ids": plain_array(ids)}, set_of_ids)


def cancel(ids: Iterable[object]) -> Query[dict[str, str]]:
    """Cancel jobs; returns each known id with the state that it has now."""
    return Query("cancel", {"ids": plain_array(ids)}, lambda rows: dict(rows))  # noqa: PLW0108 (typing)


def terminate(ids: Iterable[object], signal: str) -> Query[dict[str, str]]:
    """Cancel jobs, and have those ended that run; returns each known id with its state."""
    params = {"ids": plain_array(ids), "signal": signal}
    return Query("terminate", params, lambda rows: dict(rows))  # noqa: PLW0108 (typing)


def requeue(ids: Iterable[object]) -> Query[set[str]]:
    """Run finished jobs again from their first attempt on; returns the ids of those that will."""
    return Query("requeue", {"ids": plain_array(ids)}, set_of_ids)


def purge(queue: str, limit: int) -> Query[int]:
    """Cancel one batch of a queue's queued jobs; returns how many."""
    return Query("purge", {"queue": queue, "limit": limit}, single_value)


def store(job: JobRow, seconds: float) -> Query[bool]:
    """Keep the end of a call that was made in place and took so long; False if its id is taken."""
    params = {
        "id": job.id,
        "state": job.state,
        "queue": job.queue,
        "task": job.task,
        "priority": job.priority,
        "attempt": job.attempt,
        "max_attempts": job.max_attempts,
        "claim": job.claim,
        "expires": timestamp(job.expires_at),
        "args": job.args,
        "kwargs": job.kwargs,
        "headers": job.headers,
        "result": job.result,
        "error": job.error,
        "traceback": job.traceback,
        "parent_id": job.parent_id,
        "root_id": job.root_id,
        "seconds": seconds,
    }
    return Query("store", params, bool)


def forget(job: object) -> Query[bool]:
    """Remove a finished job's row; False if there is none."""
    return Query("forget", {"id": job}, bool)


def save_group(group: object, members: Iterable[object]) -> Query[None]:
    """Note the members of a group, to be found again by its id."""
    return Query("save_group", {"id": group, "members": plain_array(members)}, nothing)


def restore_group(group: object) -> Query[list[str]]:
    """Return the ids of the members of a group, in their order; none if it was not saved."""
    return Query("restore_group", {"id": group}, lambda rows: [row[0] for row in rows])


def forget_group(group: object) -> Query[bool]:
    """Forget a group that was saved; False if it was not."""
    return Query("forget_group", {"id": group}, bool)


def _columns(jobs: Sequence[NewJob]) -> dict[str, Any]:
    return {
        "ids": plain_array(job.id for job in jobs),
        "queues": text_array(job.queue for job in jobs),
        "tasks": text_array(job.task for job in jobs),
        "priorities": plain_array(job.priority for job in jobs),
        "max_attempts": plain_array(job.max_attempts for job in jobs),
        "etas": text_array(timestamp(job.eta) for job in jobs),
        "countdowns": plain_array(job.countdown for job in jobs),
        "expires": text_array(timestamp(job.expires) for job in jobs),
        "expires_in": plain_array(job.expires_in for job in jobs),
        "args": text_array(job.args for job in jobs),
        "kwargs": text_array(job.kwargs for job in jobs),
        "headers": text_array(job.headers for job in jobs),
        "notify": plain_array(job.notify for job in jobs),
        "chosen": plain_array(job.chosen for job in jobs),
        "parent_ids": plain_array(job.parent_id for job in jobs),
        "root_ids": plain_array(job.root_id for job in jobs),
    }


def _whether(query: Query[Any]) -> Query[bool]:
    """Return a query that reads whether any row came back, and not what."""
    again = query.again
    later = again and (lambda: _whether(again()))
    return dataclasses.replace(query, read=bool, again=later)


def _queues(rows: Sequence[Row]) -> set[str]:
    return {row[0] for row in rows if row[0] is not None}


def _all_chosen(jobs: Sequence[NewJob]) -> dict[str, Any]:
    """Return the parameter that has the history asked, which may have them all."""
    return {"chosen": plain_array(True for _ in jobs)}


def _alone(job: NewJob) -> dict[str, Any]:
    params = job._asdict()
    for name in _CHOOSING:
        del params[name]
    return params
