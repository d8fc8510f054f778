"""Questions about jobs, queues, workers and the server; none changes anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pgqueue.arrays import plain_array, text_array
from pgqueue.operations.values import nothing, single_value
from pgqueue.query import Query, Row
from pgqueue.rows import (
    Attempt,
    HeldJob,
    JobRow,
    LiveTable,
    Outcome,
    QueueRow,
    ServerFacts,
    VacuumHolder,
    WorkerRow,
)


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
    return Query("ping", {}, single_value)


def now() -> Query[datetime]:
    """Return the time by the database's clock."""
    return Query("now", {}, single_value)


def schema_files() -> Query[list[Row]]:
    """Return (path, sha256) of the files that the schema was made with."""
    return Query("schema_files", {}, list)


def note_schema_file(path: str, sha256: str) -> Query[None]:
    """Note that a file of `sql/` has been applied."""
    return Query("note_schema_file", {"path": path, "sha256": sha256}, nothing)


def unclaimable(limit: int = 100) -> Query[list[Row]]:
    """Return (queue, task, jobs, oldest) for tasks that no live worker can claim."""
    return Query("unclaimable", {"limit": limit}, list)


def count(
    *, state: str | None = None, queue: str | None = None, task: str | None = None
) -> Query[int]:
    """Return how many jobs match."""
    return Query("count", {"state": state, "queue": queue, "task": task}, single_value)


def estimates() -> Query[dict[str, int]]:
    """Return about how many finished jobs are kept, by state."""
    return Query("estimates", {}, lambda rows: dict((row[0], row[1]) for row in rows))  # noqa: C402


def retention() -> Query[dict[str, float]]:
    """Return for how many seconds finished jobs are kept, by state."""
    return Query("retention", {}, lambda rows: dict((row[0], row[1]) for row in rows))  # noqa: C402


def patience(seconds: float) -> Query[str]:
    """Limit how long each of the statements may take that follow in this transaction."""
    return Query("patience", {"seconds": seconds}, single_value)


def plan(settings: Mapping[str, str], *, in_transaction: bool) -> Query[None]:
    """Set what the planner goes by, for the session or for this transaction only."""
    params = {
        "names": text_array(settings),
        "settings": text_array(settings.values()),
        "in_transaction": in_transaction,
    }
    return Query("plan", params, nothing)


def backend() -> Query[int]:
    """Return the id of the server process that answers."""
    return Query("backend", {}, single_value)


def room() -> Query[int]:
    """Return how many more connections the server takes."""
    return Query("room", {}, single_value)


def listen_control() -> Query[None]:
    """Listen to the calls for heartbeats."""
    return Query("listen_control", {}, nothing)


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


def _held(rows: Sequence[Row]) -> list[HeldJob]:
    return [HeldJob(*row) for row in rows]
