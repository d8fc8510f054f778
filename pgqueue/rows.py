"""What crosses the border to the database: jobs to write, and rows as they are read. Pure values.

What the hot path makes one of per job is a tuple; everything else is a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pgqueue.allowance import Allowance

#: The number of attempts of a job that is retried for ever.
FOREVER = 2**31 - 1


class Unique(NamedTuple):
    """What makes a job unique: its key, and what that means; see sql/functions/hold.sql.

    `until_start`: a job that has started does not hold the key. `seconds`: it is held for so long
    after the call, whatever becomes of the job. `on_duplicate`: 'keep', 'replace' or 'raise'.
    """

    key: str
    until_start: bool = False
    seconds: float | None = None
    on_duplicate: str = "keep"


class NewJob(NamedTuple):
    """A job to enqueue: payload and headers as JSON texts, spans of time in seconds."""

    id: UUID
    task: str
    args: str
    kwargs: str
    queue: str = "default"
    priority: int = 0
    max_attempts: int | None = None
    countdown: float = 0.0
    eta: datetime | None = None
    expires: datetime | None = None
    expires_in: float | None = None
    headers: str | None = None
    notify: bool = True
    #: Whether the id is the caller's own choice, and may have been used before.
    chosen: bool = False
    #: The job in which, or after which, it comes to be; and the first of its family.
    parent_id: UUID | None = None
    root_id: UUID | None = None
    #: How many jobs must succeed before it may run, and whether edges begin at it. For
    #: `enqueue_canvas` only, which brings the edges.
    open_parents: int | None = None
    linked: bool | None = None
    #: For `enqueue_unique` only.
    unique: Unique | None = None
    #: Its limits; None: none are known here.
    allowance: Allowance | None = None


class Placed(NamedTuple):
    """Which job stands for a call with a unique key, and whether it was there before."""

    id: str
    job: str
    existing: bool


class Edge(NamedTuple):
    """What the end of one job means to another; see sql/migrations/0005_canvas.sql.

    `kind`: 'call', 'become' or 'error'. `place`: where the parent's result goes: None: nowhere, -1:
    before the child's args, from 0 on: into the list that goes there. `job`: of an error edge, the
    JSON text of the job to make, whose id is `child_id`.
    """

    parent_id: UUID
    child_id: UUID
    kind: str
    place: int | None = None
    job: str | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a claim looks: a queue at a priority, from the place of the last claimed job on."""

    queue: str
    priority: int
    run_at: str = "-infinity"
    id: str = "00000000-0000-0000-0000-000000000000"


class ClaimedJob(NamedTuple):
    """A job that a worker has just claimed; its payload is still the stored JSON text.

    A tuple, like the three below, because the hot path makes one per job.
    """

    id: str
    claim: int
    attempt: int
    max_attempts: int | None
    #: JSON: in how many seconds it expires and when, and when it was to run; None: none of these.
    times: str | None
    queue: str
    priority: int
    run_at: str
    task: str
    args: str
    kwargs: str
    headers: str | None
    parent_id: str | None = None
    root_id: str | None = None
    #: Whether edges may begin at it; None: none do.
    linked: bool | None = None
    #: Under which its limits count; None: it has none.
    limit_key: str | None = None


class Finished(NamedTuple):
    """How a claimed job ended: the state that it ends in, and its result or error."""

    id: str
    claim: int
    state: str
    result: str | None = None
    error: str | None = None
    traceback: str | None = None


class Retried(NamedTuple):
    """A claimed job whose attempt failed, and that will be tried again in `countdown` seconds."""

    id: str
    claim: int
    countdown: float
    error: str
    traceback: str | None = None
    #: Of the attempts that follow, None for what stays; as in `changes.Changes`.
    args: str | None = None
    kwargs: str | None = None
    queue: str | None = None
    priority: str | None = None
    expires: str | None = None
    expires_in: str | None = None
    headers: str | None = None


class Released(NamedTuple):
    """A claimed job given back uncharged."""

    id: str
    claim: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A job that a worker was running when its lease ended."""

    id: str
    claim: int
    worker_id: int
    worker_name: str
    #: Whether it may have begun, so that it may be what its worker died of.
    charged: bool


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """What was found in a slice of the edges: how many, jobs whose end nobody followed, its end."""

    ended: list[str]
    edges: int
    parent_id: UUID
    child_id: UUID


class PrunedKeys(NamedTuple):
    """A slice of the unique keys: how many there were, its last one, how many were taken away."""

    keys: int
    last: str
    pruned: int


class PrunedQueues(NamedTuple):
    """A slice of the history: in which table it ends and at which page, how many jobs went."""

    leaf: str
    page: int
    pruned: int


class Rehearsal(NamedTuple):
    """What there is to copy of the hot table: rows, and their bytes."""

    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class Watch:
    """What a worker finds out about the others, and how many live, itself included."""

    #: Whether anybody's lease is over.
    overdue: bool
    #: The names of those that have just let go of their lifeline.
    fallen: list[str]
    living: int
    #: Whether the worker itself has been told something that it has not answered.
    told: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker learns with a heartbeat: whether it was told something, and a sum of settings.

    The sum changes whenever what was said of tasks does: see `TaskSettings`.
    """

    told: bool
    settings: str


@dataclass(frozen=True, slots=True)
class Command:
    """What a worker was told; `arguments` is JSON."""

    id: int
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class TaskSettings:
    """What was said of a task while everything runs; `limited`: also how long its runs may take."""

    task: str
    rate_limit: str | None
    limited: bool
    time_limit: float | None
    soft_time_limit: float | None


@dataclass(frozen=True, slots=True)
class HeldJob:
    """A job that a worker has, or could have once its time comes; the payload is JSON."""

    id: str
    worker_id: int | None
    claim: int
    task: str
    queue: str
    priority: int
    attempt: int
    run_at: datetime
    started_at: datetime | None
    args: str
    kwargs: str


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job as it stands in the database; `args`, `kwargs`, `headers`, `result` are JSON texts."""

    id: str
    state: str
    queue: str
    task: str
    priority: int
    attempt: int
    max_attempts: int | None
    crashes: int
    claim: int
    worker_id: int | None
    run_at: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    cancel_requested_at: datetime | None
    args: str
    kwargs: str
    headers: str | None
    result: str | None
    error: str | None
    traceback: str | None
    failures: int
    parent_id: str | None = None
    root_id: str | None = None
    #: Under which its limits count until it has ended; None: it has none.
    limit_key: str | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a job that failed."""

    attempt: int
    claim: int
    worker_id: int | None
    started_at: datetime | None
    failed_at: datetime
    error: str
    traceback: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a finished job ended, as a waiting caller needs it."""

    id: str
    state: str
    result: str | None
    error: str | None
    traceback: str | None


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue and what is in it; `oldest_ready` in seconds."""

    queue: str
    paused: bool
    waiting: int
    ready: int
    scheduled: int
    running: int
    oldest_ready: float | None
    #: How many jobs may wait in it; None: no end of them.
    max_depth: int | None = None
    #: For how many seconds its finished jobs are kept; None: as long as all others.
    keep: float | None = None
    #: How often its jobs start, and how many at once after a rest; None: as often as they like.
    rate_limit: str | None = None
    rate_burst: int | None = None
    #: How many of those that are ready are limited: they wait for their limits, or for a slot.
    limited: int = 0

    @property
    def full(self) -> bool:
        """Whether no more may be enqueued."""
        return self.max_depth is not None and self.ready + self.scheduled >= self.max_depth


class LimitsDue(NamedTuple):
    """In how many seconds there is a limited job to look after, and whether a queue has a rate."""

    seconds: float | None
    rated: bool


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A key under which limited jobs wait or run in a queue; `next_look` in seconds from now."""

    limit_key: str
    queue: str
    max_concurrency: int | None
    rate_limit: str | None
    rate_burst: int
    running: int
    waiting: int
    next_look: float
    #: The rate of the queue, if it has one, and in how many seconds the next may start there; None:
    #: now.
    queue_rate: str | None = None
    queue_opens: float | None = None

    @property
    def next_start(self) -> float:
        """In how many seconds the next may start, as far as rates go."""
        return self.next_look if self.queue_opens is None else max(self.next_look, self.queue_opens)

    @property
    def why(self) -> str:
        """Why what waits does not run, as people say it.

        >>> LimitRow("shop.pack:7", "default", 2, None, 1, 2, 90, 0.5).why
        '2 of 2 run'
        """
        if not self.waiting:
            return "nothing waits"
        if self.max_concurrency is not None and self.running >= self.max_concurrency:
            return f"{self.running} of {self.max_concurrency} run"
        if self.next_start <= 0:
            return "for a free slot"
        rate = f"{self.rate_limit}, " if self.rate_limit else ""
        if self.next_start > self.next_look:
            rate = f"{self.queue_rate} for all of {self.queue}, "
        return f"{rate}next in {self.next_start:.3g} s"


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker that has not stopped; `silent_for` in seconds."""

    id: int
    name: str
    hostname: str
    pid: int
    version: str
    queues: list[str]
    tasks: list[str]
    processes: int
    concurrency: int
    started_at: datetime
    heartbeat_at: datetime
    alive: bool
    silent_for: float
    stats: dict[str, Any]
    active: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server is and how it is set; `connections` without those kept for superusers."""

    version: str
    version_number: int
    database: str
    user: str
    standby: bool
    read_only: bool
    fsync: bool
    full_page_writes: bool
    synchronous_commit: str
    autovacuum: bool
    connections: int
    connected: int
    prepared_transactions: int
    sees_all: bool


@dataclass(frozen=True, slots=True)
class LiveTable:
    """The hot table as vacuum sees it; `vacuumed` in seconds ago, sizes in bytes.

    `rows_size` is what rows and indexes have, without large values; `owned`: by the role that asks.
    """

    autovacuum: bool
    live: int
    dead: int
    vacuumed: float | None
    size: int
    rows_size: int
    unlogged: list[str]
    owned: bool


@dataclass(frozen=True, slots=True)
class VacuumHolder:
    """What keeps vacuum from removing dead rows: for how long, and over how many transactions."""

    kind: str
    name: str
    seconds: float | None
    transactions: int | None
    detail: str


class Declaration(NamedTuple):
    """What is to be enqueued when: a row of `schedules` as people say it, values as JSON text.

    `expires_in` in seconds; `max_attempts` None: as the task declares. `catch_up`: how many jobs
    make up for times that nobody kept.
    """

    name: str
    task: str
    schedule: str
    timezone: str = "UTC"
    args: str = "[]"
    kwargs: str = "{}"
    queue: str = "default"
    priority: int = 0
    expires_in: float | None = None
    max_attempts: int | None = None
    headers: str | None = None
    catch_up: int = 1
    overlap: str = "allow"


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule that is locked because it is due, or its next time is not known, at `now`.

    `busy`: whether its last job has not ended.
    """

    name: str
    schedule: str
    timezone: str
    catch_up: int
    overlap: str
    anchor_at: datetime | None
    next_run_at: datetime | None
    waiting_tick: datetime | None
    last_job_id: str | None
    busy: bool
    now: datetime


class Tick(NamedTuple):
    """A time of a schedule, and whether it gets a job."""

    time: datetime
    enqueue: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done to a due schedule: which of its times are fired, and what comes next.

    `replaces`: the job that is to be cancelled first.
    """

    name: str
    ticks: tuple[Tick, ...]
    next_run_at: datetime
    anchor_at: datetime
    waiting_tick: datetime | None = None
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule for people to look at; payloads are JSON text.

    `source`: the application that declares it; `last_state`: that of its last job.
    """

    name: str
    task: str
    args: str
    kwargs: str
    queue: str
    priority: int
    expires_in: float | None
    max_attempts: int | None
    headers: str | None
    schedule: str
    timezone: str
    catch_up: int
    overlap: str
    source: str | None
    created_at: datetime | None
    edited_at: datetime | None
    paused_at: datetime | None
    error: str | None
    next_run_at: datetime | None
    anchor_at: datetime | None
    last_run_at: datetime | None
    last_job_id: str | None
    last_state: str | None
    waiting_tick: datetime | None


@dataclass(frozen=True, slots=True)
class Fire:
    """A time of a schedule that came, and its job; none if the one before had not ended."""

    schedule: str
    fire_time: datetime
    fired_at: datetime
    job_id: str | None
    state: str | None
