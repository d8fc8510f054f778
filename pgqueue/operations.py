"""Every transition of a job and every question about jobs, in the order of a job's life.

One function per file of `sql/`; each returns a `Query`, and none touches a connection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from pgqueue.arrays import plain_array, text_array
from pgqueue.copying import job_blocks
from pgqueue.query import Copy, Query, Row
from pgqueue.rows import (
    Attempt,
    Beat,
    ClaimedJob,
    Command,
    Edge,
    Finished,
    HeldJob,
    JobRow,
    Lane,
    LiveTable,
    Lost,
    NewJob,
    Outcome,
    QueueRow,
    Released,
    Retried,
    ServerFacts,
    TaskSettings,
    Unfollowed,
    VacuumHolder,
    Watch,
    WorkerRow,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# ── a job's life ─────────────────────────────────────────────────────────────────────────────


def enqueue(job: NewJob) -> Query[bool]:
    """Insert a job; False if its id is one that the caller chose, and is taken."""
    if job.chosen:
        return enqueue_chosen(job)
    return Query("enqueue", _alone(job), bool, lambda: enqueue_chosen(job))


def enqueue_chosen(job: NewJob) -> Query[bool]:
    """Insert a job under an id that may have been used before; False if it was."""
    return Query("enqueue_chosen", _alone(job), bool)


def enqueue_many(jobs: Iterable[NewJob], *, wake: bool) -> Query[set[str]]:
    """Insert jobs; returns the queues whose sleepers are to be woken, and may do that itself."""
    jobs = sorted(jobs, key=lambda job: job.id)
    params = {**_columns(jobs), "wake": wake}
    query = Query("enqueue_many", params, _ids)
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
    query = Query("enqueue_canvas", params, _ids)
    return dataclasses.replace(
        query, again=lambda: dataclasses.replace(query, params={**params, **_all_chosen(jobs)})
    )


def copy_jobs(jobs: Iterable[NewJob], now: datetime) -> Copy:
    """Insert jobs whose ids are new, as enqueued at `now`; their sleepers are not woken."""
    return Copy("copy_jobs", job_blocks(jobs, now))


def moment() -> Query[datetime]:
    """Return the time by the database's clock, whatever the connection makes of times."""
    return Query("moment", {}, lambda rows: EPOCH + timedelta(microseconds=rows[0][0]))


def wake(queues: Iterable[str]) -> Query[None]:
    """Wake the workers that sleep for want of jobs in these queues."""
    return Query("wake", {"places": text_array(queues)}, _nothing)


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
    return Query("finish", params, _ids)


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
    }
    return Query("retry", params, _ids)


def progress(job: str, claim: int, note: str) -> Query[bool]:
    """Note how far a running job is, as JSON of its state and meta; False if it is not ours."""
    return Query("progress", {"id": job, "claim": claim, "note": note}, bool)


def release(jobs: Sequence[Released]) -> Query[set[str]]:
    """Give claimed jobs back uncharged; returns the ids of those that were still ours."""
    return Query("release", _claims(jobs), _ids)


def crash(
    jobs: Sequence[Released] | Sequence[Lost],
    error: str,
    max_crashes: int,
    *,
    alone: bool = False,
) -> Query[dict[str, str]]:
    """Charge jobs with a crash; returns each id with the state that it has now.

    `alone`: from now on they run beside no other job in their process.
    """
    params = {**_claims(jobs), "error": error, "max_crashes": max_crashes, "alone": alone}
    return Query("crash", params, lambda rows: dict((row[0], row[1]) for row in rows))  # noqa: C402


def suspect(jobs: Sequence[Released], error: str) -> Query[set[str]]:
    """Queue jobs again that a process died with, each to run alone; returns the ids of ours."""
    return Query("suspect", {**_claims(jobs), "error": error}, _ids)


def replace(id: object, claim: int, open_parents: int) -> Query[bool]:  # noqa: A002 (a column's name)
    """Have a running job wait to become what replaces it; False if it was not ours any more."""
    return Query("replace", {"id": id, "claim": claim, "open_parents": open_parents}, bool)


def follow(ids: Iterable[object]) -> Query[int]:
    """Follow the edges of ended jobs; returns how many jobs were released, ended or made by it."""
    return Query("follow", {"ids": plain_array(ids)}, _value)


def cancel_requested(ids: Iterable[str]) -> Query[set[str]]:
    """Cancel those of these queued jobs whose cancellation was asked for while they ran."""
    return Query("cancel_requested", {"ids": plain_array(ids)}, _ids)


def cancel(ids: Iterable[object]) -> Query[dict[str, str]]:
    """Cancel jobs; returns each known id with the state that it has now."""
    return Query("cancel", {"ids": plain_array(ids)}, lambda rows: dict(rows))  # noqa: PLW0108 (typing)


def terminate(ids: Iterable[object], signal: str) -> Query[dict[str, str]]:
    """Cancel jobs, and have those ended that run; returns each known id with its state."""
    params = {"ids": plain_array(ids), "signal": signal}
    return Query("terminate", params, lambda rows: dict(rows))  # noqa: PLW0108 (typing)


def requeue(ids: Iterable[object]) -> Query[set[str]]:
    """Run finished jobs again from their first attempt on; returns the ids of those that will."""
    return Query("requeue", {"ids": plain_array(ids)}, _ids)


def purge(queue: str, limit: int) -> Query[int]:
    """Cancel one batch of a queue's queued jobs; returns how many."""
    return Query("purge", {"queue": queue, "limit": limit}, _value)


def forget(job: object) -> Query[bool]:
    """Remove a finished job's row; False if there is none."""
    return Query("forget", {"id": job}, bool)


# ── groups ───────────────────────────────────────────────────────────────────────────────────


def save_group(group: object, members: Iterable[object]) -> Query[None]:
    """Note the members of a group, to be found again by its id."""
    return Query("save_group", {"id": group, "members": plain_array(members)}, _nothing)


def restore_group(group: object) -> Query[list[str]]:
    """Return the ids of the members of a group, in their order; none if it was not saved."""
    return Query("restore_group", {"id": group}, lambda rows: [row[0] for row in rows])


def forget_group(group: object) -> Query[bool]:
    """Forget a group that was saved; False if it was not."""
    return Query("forget_group", {"id": group}, bool)


# ── workers ──────────────────────────────────────────────────────────────────────────────────


def register(worker: Mapping[str, Any], lease: float) -> Query[int]:
    """Insert a worker's row; returns its id."""
    arrays = {name: text_array(worker[name]) for name in ("queues", "tasks")}
    return Query("register", {**worker, **arrays, "lease": lease}, _value)


def heartbeat(
    worker_id: int, lease: float, stats: str, active: str, *, lifeline: str | None = None
) -> Query[Beat | None]:
    """Renew a worker's lease; None if it has been declared stopped."""
    params = {
        "worker_id": worker_id,
        "lease": lease,
        "stats": stats,
        "active": active,
        "lifeline": lifeline,
    }
    return Query("heartbeat", params, lambda rows: Beat(*rows[0]) if rows else None)


def hold_lifeline(worker_id: int) -> Query[str | None]:
    """Take a worker's lifeline for this session; returns in which life of the server, or None."""
    return Query("hold_lifeline", {"worker_id": worker_id}, _value)


def watch(watcher: int, grace: float) -> Query[Watch]:
    """Leave workers that let go of their lifeline `grace` seconds; returns what there is to do."""
    return Query("watch", {"watcher": watcher, "grace": grace}, lambda rows: Watch(*rows[0]))


def reconcile(worker_id: int, known: Iterable[tuple[str, int]]) -> Query[set[str]]:
    """Release the jobs that a worker is said to run under claims that it does not know."""
    pairs = sorted(known)
    params = {
        "worker_id": worker_id,
        "ids": plain_array(id_ for id_, _ in pairs),
        "claims": plain_array(claim for _, claim in pairs),
    }
    return Query("reconcile", params, _ids)


def lost(watcher: int = 0) -> Query[list[Lost]]:
    """Declare other workers stopped whose lease is over; returns the jobs that they still ran."""
    return Query("lost", {"watcher": watcher}, lambda rows: [Lost(*row) for row in rows])


def stop(worker_id: int) -> Query[None]:
    """Note that a worker has stopped by itself."""
    return Query("stop", {"worker_id": worker_id}, _nothing)


def commands(workers: Iterable[int]) -> Query[list[Command]]:
    """Return what a worker has been told under its ids and has not answered, oldest first."""
    params = {"workers": plain_array(workers)}
    return Query("commands", params, lambda rows: [Command(*row) for row in rows])


def answer(replies: Mapping[int, str]) -> Query[None]:
    """Answer what a worker was told: by the command's id, in JSON."""
    params = {"ids": plain_array(replies), "replies": text_array(replies.values())}
    return Query("answer", params, _nothing)


def adapt(worker_id: int, queues: Sequence[str], processes: int, concurrency: int) -> Query[None]:
    """Note which queues a worker serves now, and how many jobs it runs at once."""
    params = {
        "worker_id": worker_id,
        "queues": text_array(queues),
        "processes": processes,
        "concurrency": concurrency,
    }
    return Query("adapt", params, _nothing)


def next_due(lanes: Sequence[Lane], tasks: Sequence[str]) -> Query[float | None]:
    """Return the seconds until the next scheduled job of these lanes."""
    params = {
        "queues": text_array(lane.queue for lane in lanes),
        "priorities": plain_array(lane.priority for lane in lanes),
        "tasks": text_array(tasks),
    }
    return Query("next_due", params, _value)


def lie_down(places: Iterable[str]) -> Query[set[str]]:
    """Ask to be woken; returns the places where the lock was to be had."""
    return Query("lie_down", {"places": text_array(places)}, _ids)


def get_up(places: Iterable[str]) -> Query[None]:
    """Ask no longer to be woken."""
    return Query("get_up", {"places": text_array(places)}, _nothing)


# ── control ──────────────────────────────────────────────────────────────────────────────────


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
    return Query("tell", params, _nothing)


def answers(broadcast: object) -> Query[dict[int, str | None]]:
    """Return what each worker has answered, in JSON; None: nothing yet."""
    return Query("answers", {"broadcast": broadcast}, lambda rows: dict(rows))  # noqa: PLW0108 (typing)


def task_settings() -> Query[list[TaskSettings]]:
    """Return what was said of tasks while everything runs."""
    return Query("task_settings", {}, lambda rows: [TaskSettings(*row) for row in rows])


def set_time_limit(task: str, hard: float | None, soft: float | None) -> Query[None]:
    """Say how long runs of a task may take, in seconds, in place of what it declares."""
    params = {"task": task, "time_limit": hard, "soft_time_limit": soft}
    return Query("set_time_limit", params, _nothing)


def set_rate_limit(task: str, rate: str | None) -> Query[None]:
    """Say how often a task may run, in place of what it declares."""
    return Query("set_rate_limit", {"task": task, "rate_limit": rate}, _nothing)


# ── queues ───────────────────────────────────────────────────────────────────────────────────


def pause(queue: str) -> Query[None]:
    """Stop claims from a queue."""
    return Query("pause", {"queue": queue}, _nothing)


def resume(queue: str) -> Query[None]:
    """Let claims from a queue go on."""
    return Query("resume", {"queue": queue}, _nothing)


# ── questions ────────────────────────────────────────────────────────────────────────────────


def get(job: object) -> Query[JobRow | None]:
    """Return a job by its id."""
    return Query("get", {"id": job}, lambda rows: JobRow(*rows[0]) if rows else None)


def attempts(job: object) -> Query[list[Attempt]]:
    """Return the failed attempts of a job, oldest first."""
    return Query("attempts", {"id": job}, lambda rows: [Attempt(*row) for row in rows])


def outcomes(ids: Iterable[object], since: datetime | str) -> Query[list[Outcome]]:
    """Return those of these jobs that have finished since a time."""
    params = {"ids": plain_array(ids), "since": since}
    return Query("outcomes", params, lambda rows: [Outcome(*row) for row in rows])


def search(
    *,
    state: str | None = None,
    queue: str | None = None,
    task: str | None = None,
    before: object = None,
    limit: int = 50,
) -> Query[list[JobRow]]:
    """Return one page of the jobs that match, newest first."""
    params = {"state": state, "queue": queue, "task": task, "before": before, "limit": limit}
    return Query("search", params, lambda rows: [JobRow(*row) for row in rows])


def children(job: object) -> Query[list[JobRow]]:
    """Return the jobs whose parent this one is, oldest first."""
    return Query("children", {"id": job}, lambda rows: [JobRow(*row) for row in rows])


def descendants(root: object) -> Query[list[JobRow]]:
    """Return the jobs of the family that began with this one, oldest first."""
    return Query("descendants", {"root_id": root}, lambda rows: [JobRow(*row) for row in rows])


def counts() -> Query[dict[str, int]]:
    """Return how many jobs are in each state."""
    return Query("counts", {}, lambda rows: dict((row[0], row[1]) for row in rows))  # noqa: C402


def queues() -> Query[list[QueueRow]]:
    """Return every queue with what is in it."""
    return Query("queues", {}, lambda rows: [QueueRow(*row) for row in rows])


def workers() -> Query[list[WorkerRow]]:
    """Return the workers that have not stopped."""
    return Query("workers", {}, lambda rows: [WorkerRow(*row) for row in rows])


def running(ids: Iterable[object]) -> Query[list[HeldJob]]:
    """Return those of these jobs that are running."""
    return Query("running", {"ids": plain_array(ids)}, _held)


def running_of(workers: Iterable[int]) -> Query[list[HeldJob]]:
    """Return the jobs that these workers are running."""
    return Query("running_of", {"workers": plain_array(workers)}, _held)


def scheduled(queues: Iterable[str], limit: int) -> Query[list[HeldJob]]:
    """Return the jobs of these queues whose time has not come, soonest first."""
    return Query("scheduled", {"queues": text_array(queues), "limit": limit}, _held)


def revoked(running: Iterable[object], limit: int) -> Query[list[str]]:
    """Return the jobs whose cancellation was asked for: those over, and of these that run."""
    params = {"ids": plain_array(running), "limit": limit}
    return Query("revoked", params, lambda rows: [row[0] for row in rows])


def ping() -> Query[datetime]:
    """Ask every worker for a heartbeat; returns the time of asking."""
    return Query("ping", {}, _value)


def now() -> Query[datetime]:
    """Return the time by the database's clock."""
    return Query("now", {}, _value)


def schema_files() -> Query[list[Row]]:
    """Return (path, sha256) of the files that the schema was made with."""
    return Query("schema_files", {}, list)


def note_schema_file(path: str, sha256: str) -> Query[None]:
    """Note that a file of `sql/` has been applied."""
    return Query("note_schema_file", {"path": path, "sha256": sha256}, _nothing)


def unclaimable(limit: int = 100) -> Query[list[Row]]:
    """Return (queue, task, jobs, oldest) for tasks that no live worker can claim."""
    return Query("unclaimable", {"limit": limit}, list)


def count(
    *, state: str | None = None, queue: str | None = None, task: str | None = None
) -> Query[int]:
    """Return how many jobs match."""
    return Query("count", {"state": state, "queue": queue, "task": task}, _value)


def estimates() -> Query[dict[str, int]]:
    """Return about how many finished jobs are kept, by state."""
    return Query("estimates", {}, lambda rows: dict((row[0], row[1]) for row in rows))  # noqa: C402


def retention() -> Query[dict[str, float]]:
    """Return for how many seconds finished jobs are kept, by state."""
    return Query("retention", {}, lambda rows: dict((row[0], row[1]) for row in rows))  # noqa: C402


def patience(seconds: float) -> Query[str]:
    """Limit how long each of the statements may take that follow in this transaction."""
    return Query("patience", {"seconds": seconds}, _value)


def plan(settings: Mapping[str, str], *, in_transaction: bool) -> Query[None]:
    """Set what the planner goes by, for the session or for this transaction only."""
    params = {
        "names": text_array(settings),
        "settings": text_array(settings.values()),
        "in_transaction": in_transaction,
    }
    return Query("plan", params, _nothing)


def backend() -> Query[int]:
    """Return the id of the server process that answers."""
    return Query("backend", {}, _value)


def room() -> Query[int]:
    """Return how many more connections the server takes."""
    return Query("room", {}, _value)


def listen_control() -> Query[None]:
    """Listen to the calls for heartbeats."""
    return Query("listen_control", {}, _nothing)


def server() -> Query[ServerFacts]:
    """Return what the server is and how it is set."""
    return Query("server", {}, lambda rows: ServerFacts(*rows[0]))


def live_table() -> Query[LiveTable]:
    """Return the state of the hot table."""
    return Query("live_table", {}, lambda rows: LiveTable(*rows[0]))


def vacuum_holders() -> Query[list[VacuumHolder]]:
    """Return what keeps vacuum from removing dead rows, the worst first."""
    return Query("vacuum_holders", {}, lambda rows: [VacuumHolder(*row) for row in rows])


def partitions() -> Query[list[Row]]:
    """Return (outcome, day, is it there) of the history's partitions for today and tomorrow."""
    return Query("partitions", {}, list)


def strays() -> Query[list[Row]]:
    """Return (outcome, jobs) of the default partitions that are not empty."""
    return Query("strays", {}, list)


def orphaned_gates() -> Query[list[Row]]:
    """Return (queue, pid, application) of sleepers' locks that belong to no live worker."""
    return Query("orphaned_gates", {}, list)


# ── upkeep ───────────────────────────────────────────────────────────────────────────────────


def lead(duty: str) -> Query[bool]:
    """Take the lock of a duty for this transaction; False if another worker has it."""
    return Query("lead", {"duty": duty}, _value)


def create_partitions(days_ahead: int) -> Query[int]:
    """Make the history's partitions; returns how many were missing."""
    return Query("create_partitions", {"days_ahead": days_ahead}, _value)


def drop_partitions() -> Query[set[str]]:
    """Drop the days of history whose time has come; returns their names."""
    return Query("drop_partitions", {}, _ids)


def prune_workers() -> Query[int]:
    """Forget workers that stopped long ago; returns how many."""
    return Query("prune_workers", {}, len)


def unfollowed(parent_id: UUID, child_id: UUID, limit: int) -> Query[Unfollowed]:
    """Look at up to `limit` edges after this one for jobs that ended and were not followed."""
    params = {"parent_id": parent_id, "child_id": child_id, "limit": limit}
    return Query("unfollowed", params, lambda rows: Unfollowed(*rows[0]))


def prune_groups() -> Query[int]:
    """Forget groups that were saved long ago; returns how many."""
    return Query("prune_groups", {}, len)


def _columns(jobs: Sequence[NewJob]) -> dict[str, Any]:
    return {
        "ids": plain_array(job.id for job in jobs),
        "queues": text_array(job.queue for job in jobs),
        "tasks": text_array(job.task for job in jobs),
        "priorities": plain_array(job.priority for job in jobs),
        "max_attempts": plain_array(job.max_attempts for job in jobs),
        "etas": text_array(_moment(job.eta) for job in jobs),
        "countdowns": plain_array(job.countdown for job in jobs),
        "expires": text_array(_moment(job.expires) for job in jobs),
        "expires_in": plain_array(job.expires_in for job in jobs),
        "args": text_array(job.args for job in jobs),
        "kwargs": text_array(job.kwargs for job in jobs),
        "headers": text_array(job.headers for job in jobs),
        "notify": plain_array(job.notify for job in jobs),
        "chosen": plain_array(job.chosen for job in jobs),
        "parent_ids": plain_array(job.parent_id for job in jobs),
        "root_ids": plain_array(job.root_id for job in jobs),
    }


def _all_chosen(jobs: Sequence[NewJob]) -> dict[str, Any]:
    """Return the parameter that has the history asked, which may have them all."""
    return {"chosen": plain_array(True for _ in jobs)}


def _alone(job: NewJob) -> dict[str, Any]:
    params = job._asdict()
    for name in ("chosen", "open_parents", "linked"):  # the first chooses the statement
        del params[name]
    return params


def _held(rows: Sequence[Row]) -> list[HeldJob]:
    return [HeldJob(*row) for row in rows]


def _claims(jobs: Sequence[Released] | Sequence[Lost]) -> dict[str, Any]:
    pairs = sorted((job.id, job.claim) for job in jobs)
    return {"ids": plain_array(i for i, _ in pairs), "claims": plain_array(c for _, c in pairs)}


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _ids(rows: Sequence[Row]) -> set[str]:
    return {row[0] for row in rows}


def _value(rows: Sequence[Row]) -> Any:
    return rows[0][0]


def _nothing(rows: Sequence[Row]) -> None:
    del rows
