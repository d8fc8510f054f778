"""What `pgq doctor` looks at: each check asks the database and judges the answer."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from psycopg import Error

from pgqueue import migrate, operations
from pgqueue.cli import formats
from pgqueue.cli.database import Session, connect
from pgqueue.database import SyncConnection, is_lent
from pgqueue.errors import SchemaMismatch
from pgqueue.query import Row
from pgqueue.rows import LiveTable, ScheduleRow, ServerFacts, VacuumHolder, WorkerRow
from pgqueue.transports.psycopg import execute
from pgqueue.worker.compaction import FEW_JOBS

OK: Literal["ok"] = "ok"
WARNING: Literal["warning"] = "warning"
PROBLEM: Literal["problem"] = "problem"

OLDEST_SERVER = 140000
SLOW_ROUND_TRIP = 0.005  # seconds
NOTIFY_PATIENCE = 1.0
#: How often two connections ask in turn who answers them: see `is_lent`.
TURNS = 3
FREE_CONNECTIONS = 10
MANY_DEAD = 100_000
#: Bytes that jobs_live and its indexes may have: this much however few jobs there are, …
MUCH_ROOM = 1 << 30
#: … and this much for each of them.
LARGE_JOB = 4 << 10
GROWN = (
    "the files grew while vacuum was held back, and this role may not make them small; once vacuum "
    f"has been there and fewer than {FEW_JOBS:,} jobs wait, as their owner:  "
    "cluster jobs_live using jobs_live_id"
)
GROWN_OWN = (
    "the files grew while vacuum was held back; a worker with this role makes them small once "
    f"vacuum has been there, fewer than {FEW_JOBS:,} jobs wait, and no more than some hundred a "
    "second are done"
)
#: A table with many dead rows that was vacuumed as recently as this, is in good hands.
VACUUMED_LATELY = 600.0
LONG_TRANSACTION = 300.0
OLD_SLOT = 1_000_000  # transactions
GATE_PATIENCE = 1.0
MOST_TASKS = MOST_SCHEDULES = 10
LATE_SCHEDULE = 30.0
OVERDUE = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; `advice` is what to do about it."""

    level: Literal["ok", "warning", "problem"]
    check: str
    text: str
    advice: str = ""


def examine(session: Session) -> Iterator[Finding]:
    """Look at everything; a check that the database refuses is a finding, too."""
    for check, name in CHECKS:
        try:
            yield from check(session)
        except Error as error:
            why = (str(error).strip() or type(error).__name__).splitlines()[0]
            yield Finding(WARNING, name, f"could not be looked at: {why}")
        except SchemaMismatch as error:
            yield Finding(PROBLEM, name, str(error))
            return  # what follows would only say the same


# ── the way there ────────────────────────────────────────────────────────────────────────────


def server(session: Session) -> Iterator[Finding]:
    """Judge the server: version, role, durability, connections."""
    yield from judge_server(session.run(operations.server()))


def judge_server(facts: ServerFacts) -> Iterator[Finding]:
    """Judge what the server says of itself."""
    version = facts.version.split()[0]
    if facts.version_number < OLDEST_SERVER:
        yield Finding(PROBLEM, "server", f"PostgreSQL {version}", "pgqueue needs 14 or newer")
    else:
        yield Finding(OK, "server", f"PostgreSQL {version}")
    if facts.standby:
        advice = "name the primary, or add target_session_attrs=read-write to the DSN"
        yield Finding(PROBLEM, "role", "a standby: nothing can be written here", advice)
    elif facts.read_only:
        advice = "set default_transaction_read_only = off for this role and database"
        yield Finding(PROBLEM, "role", "transactions are read-only", advice)
    else:
        yield Finding(OK, "role", "a primary that takes writes")
    yield _durability(facts)
    yield _connections(facts)


def _durability(facts: ServerFacts) -> Finding:
    off = [name for name in ("fsync", "full_page_writes") if not getattr(facts, name)]
    if off:
        text = f"{' and '.join(off)} off: a crash of the machine may destroy the database"
        return Finding(WARNING, "durability", text, f"set {off[0]} = on")
    if facts.synchronous_commit == "off":
        text = "synchronous_commit is off: a crash may lose the jobs of its last moments"
        return Finding(WARNING, "durability", text, "set synchronous_commit = on")
    text = f"fsync on, full_page_writes on, synchronous_commit {facts.synchronous_commit}"
    return Finding(OK, "durability", text)


def _connections(facts: ServerFacts) -> Finding:
    text = f"{facts.connected} of {facts.connections} in use"
    if facts.connections - facts.connected >= FREE_CONNECTIONS:
        return Finding(OK, "connections", text)
    advice = (
        "a worker needs 2, and its tasks what they open: raise max_connections, or use a pooler"
    )
    return Finding(WARNING, "connections", text, advice)


def latency(session: Session) -> Iterator[Finding]:
    """Measure a round trip."""
    seconds = statistics.median(_timed(session) for _ in range(9))
    text = f"{seconds * 1000:.1f} ms a round trip"
    if seconds <= SLOW_ROUND_TRIP:
        yield Finding(OK, "latency", text)
    else:
        yield Finding(WARNING, "latency", text, "run workers close to the database")


def _timed(session: Session) -> float:
    began = time.perf_counter()
    session.run(operations.backend())
    return time.perf_counter() - began


def pooler(session: Session) -> Iterator[Finding]:
    """Find out whether sessions are real, and whether notifications arrive."""
    pid = session.run(operations.backend())
    pooled = pid != session.connection.info.backend_pid
    with connect(session.listen_dsn or session.dsn) as listener:
        heard = not _lends(session, listener) and _hears(session, listener)
    yield judge_pooler(pooled=pooled, heard=heard, apart=session.listen_dsn is not None)


def _lends(session: Session, listener: SyncConnection) -> bool:
    """Tell whether a LISTEN would be left behind in a session that is somebody else's next."""
    who = operations.backend()
    mine, theirs = [], []
    for _ in range(TURNS):
        theirs.append(session.run(who))
        mine += [execute(listener, who, session.schema) for _ in range(2)]
    return mine[0] != listener.info.backend_pid and is_lent(mine, theirs)


def _hears(session: Session, listener: SyncConnection) -> bool:
    execute(listener, operations.listen_control(), session.schema)
    session.run(operations.ping())
    return any(True for _ in listener.notifies(timeout=NOTIFY_PATIENCE, stop_after=1))


def judge_pooler(*, pooled: bool, heard: bool, apart: bool = False) -> Finding:
    """Judge the two signs of a pooler; `apart`: notifications have a connection of their own."""
    advice = (
        "give workers a direct connection for them: PGQUEUE_LISTEN_DSN, or PgQueue(listen_dsn=…)"
    )
    if not heard:
        what = "a transaction pooler" if pooled else "something"
        text = f"{what} swallows notifications: idle workers look for jobs every 2 s instead"
        if apart:
            text, advice = f"{text}, for listen_dsn is no direct connection", "make it one"
        return Finding(WARNING, "pooler", text, advice)
    if pooled and apart:
        return Finding(OK, "pooler", "a pooler; notifications arrive over listen_dsn")
    if pooled:
        return Finding(OK, "pooler", "a pooler in session mode; notifications arrive")
    return Finding(OK, "pooler", "none; notifications arrive")


# ── the schema ───────────────────────────────────────────────────────────────────────────────


def schema(session: Session) -> Iterator[Finding]:
    """Compare the schema with this release's."""
    if newer := _newer(session):
        text = f"{session.schema} has {newer[-1]} of a newer release; this one can work with it"
        yield Finding(WARNING, "schema", text, "upgrade the package")
        return
    steps = migrate.plan(session.connection, session.schema)
    if not steps:
        yield Finding(OK, "schema", f"{session.schema} is this release's")
    elif len(steps) == len(migrate.all_steps(session.schema)):
        raise SchemaMismatch(f"{session.schema} is not there: run 'pgq migrate'")
    elif any(step.path.startswith("migrations/") for step in steps):
        raise SchemaMismatch(f"{session.schema} lacks {steps[0].path}: run 'pgq migrate'")
    else:
        text = f"{session.schema} has another release's {steps[0].path}"
        yield Finding(
            WARNING, "schema", text, "run 'pgq migrate', if this release is the newer one"
        )


def _newer(session: Session) -> list[str]:
    with contextlib.suppress(SchemaMismatch):  # told with its reason by whoever plans
        return migrate.check(session.run(operations.schema_files()), session.schema)
    return []


def history(session: Session) -> Iterator[Finding]:
    """Look for the history's partitions, and for rows that have none."""
    yield from judge_history(session.run(operations.partitions()), session.run(operations.strays()))


def judge_history(partitions: list[Row], strays: list[Row]) -> Iterator[Finding]:
    """Judge (outcome, day, is it there) and (outcome, jobs in the default partition)."""
    missing = [f"{outcome} {day}" for outcome, day, there in partitions if not there]
    if missing:
        text = f"no partition for {', '.join(missing)}"
        advice = "workers make them within the hour; 'pgq migrate' does so now"
        yield Finding(WARNING, "partitions", text, advice)
    else:
        yield Finding(OK, "partitions", "there for today and tomorrow")
    if strays:
        text = "in default partitions: " + ", ".join(f"{n:,} {outcome}" for outcome, n in strays)
        advice = (
            "harmless: they are deleted row by row when their time comes, not dropped by the day"
        )
        yield Finding(WARNING, "partitions", text, advice)


# ── vacuum ───────────────────────────────────────────────────────────────────────────────────


def hot_table(session: Session) -> Iterator[Finding]:
    """Judge the hot table."""
    facts = session.run(operations.server())
    yield from judge_table(session.run(operations.live_table()), autovacuum=facts.autovacuum)


def judge_table(table: LiveTable, *, autovacuum: bool) -> Iterator[Finding]:
    """Judge what vacuum has to do with jobs_live, and which tables a crash would empty."""
    if not autovacuum:
        advice = "set autovacuum = on and track_counts = on"
        yield Finding(PROBLEM, "autovacuum", "off for the whole server", advice)
    elif not table.autovacuum:
        advice = "alter table … jobs_live reset (autovacuum_enabled)"
        yield Finding(PROBLEM, "autovacuum", "disabled for jobs_live", advice)
    else:
        yield Finding(OK, "autovacuum", "on")
    last = "never" if table.vacuumed is None else f"{formats.age(table.vacuumed)} ago"
    rows = f"{table.live:,} live rows, {table.dead:,} dead"
    text = f"{rows}, {formats.size(table.size)}, last vacuum {last}"
    if table.dead > MANY_DEAD and (table.vacuumed is None or table.vacuumed > VACUUMED_LATELY):
        advice = (
            "vacuum does not keep up or is held back (see below): run  vacuum jobs_live  and look"
        )
        yield Finding(WARNING, "jobs_live", text, advice)
    else:
        yield Finding(OK, "jobs_live", text)
    if table.rows_size > MUCH_ROOM + (table.live + table.dead) * LARGE_JOB:
        jobs = formats.plural(table.live, "job")
        text = f"rows and indexes have {formats.size(table.rows_size)} for {jobs}"
        yield Finding(WARNING, "files", text, GROWN_OWN if table.owned else GROWN)
    if table.unlogged:
        text = f"a crash of the server would empty {', '.join(table.unlogged)}"
        yield Finding(WARNING, "unlogged", text, f"alter table {table.unlogged[0]} set logged")


def holders(session: Session) -> Iterator[Finding]:
    """Look for what holds vacuum back."""
    facts = session.run(operations.server())
    found = session.run(operations.vacuum_holders())
    yield from judge_holders(found, sees_all=facts.sees_all)


def judge_holders(found: list[VacuumHolder], *, sees_all: bool) -> Iterator[Finding]:
    """Judge open transactions, prepared ones and replication slots."""
    worst = [holder for holder in found if _is_long(holder)]
    for holder in worst:
        span = formats.age(holder.seconds) or f"{holder.transactions or 0:,} transactions"
        advice = {
            "transaction": f"end it: select pg_terminate_backend({holder.name})",
            "prepared transaction": f"end it: rollback prepared '{holder.name}', or commit it",
        }.get(
            holder.kind,
            f"let its reader go on, or: select pg_drop_replication_slot('{holder.name}')",
        )
        detail = " ".join(holder.detail.split())
        text = f"held back for {span} by {holder.kind} {holder.name} ({detail})"
        yield Finding(WARNING, "vacuum", text, advice)
    if not worst:
        oldest = max((h.seconds for h in found if h.seconds is not None), default=None)
        text = f"the oldest transaction is {formats.age(oldest)} old" if oldest else "nothing"
        yield Finding(
            OK, "vacuum", f"{text}, so it is not held back" if oldest else "not held back"
        )
    if not sees_all:
        text = "this role sees its own transactions only"
        yield Finding(
            WARNING, "vacuum", text, "grant pg_read_all_stats to it, to see who holds vacuum back"
        )


def _is_long(holder: VacuumHolder) -> bool:
    if holder.seconds is None:
        return (holder.transactions or 0) > OLD_SLOT
    return holder.seconds > LONG_TRANSACTION


# ── work ─────────────────────────────────────────────────────────────────────────────────────


def workers(session: Session) -> Iterator[Finding]:
    """Judge the workers' leases."""
    yield from judge_workers(session.run(operations.workers()))


def judge_workers(rows: list[WorkerRow]) -> Iterator[Finding]:
    """Judge who is alive."""
    lost = [row for row in rows if not row.alive]
    for row in lost:
        who = f"{row.name} (pid {row.pid} on {row.hostname})"
        text = f"{who} has been silent for {formats.age(row.silent_for)}"
        advice = "its lease is over; its jobs run elsewhere as soon as another worker lives"
        yield Finding(WARNING, "workers", text, advice)
    live = len(rows) - len(lost)
    if live:
        yield Finding(OK, "workers", f"{formats.plural(live, 'worker')} alive")
    else:
        yield Finding(WARNING, "workers", "none is alive", "start one: pgq worker -A …")


def tasks(session: Session) -> Iterator[Finding]:
    """Look for jobs that no live worker can claim, and for paused and full queues."""
    stuck = session.run(operations.unclaimable())
    for queue, task, number, _ in stuck[:MOST_TASKS]:
        what = f"{formats.plural(number, 'job')} of {task} in queue {queue}"
        text = f"{what}: no live worker can run {'it' if number == 1 else 'them'}"
        advice = "start a worker whose application knows the task, with that queue among its -Q"
        yield Finding(WARNING, "tasks", text, advice)
    if len(stuck) > MOST_TASKS:
        yield Finding(WARNING, "tasks", f"and {len(stuck) - MOST_TASKS} more tasks like these")
    if not stuck:
        yield Finding(OK, "tasks", "no job waits that no live worker could run")
    for row in session.run(operations.queues()):
        if row.paused and row.ready:
            text = f"{row.queue} is paused, and {formats.plural(row.ready, 'job')} wait in it"
            yield Finding(WARNING, "queues", text, f"pgq queues resume {row.queue}")
        if row.full:
            waiting = formats.plural(row.ready + row.scheduled, "job")
            text = f"{row.queue} is full: {waiting} may wait and do, so that enqueues fail"
            advice = (
                f"have more workers serve it, or raise its limit: pgq queues limit {row.queue} …"
            )
            yield Finding(WARNING, "queues", text, advice)


def schedules(session: Session) -> Iterator[Finding]:
    """Look for schedules that are refused, and for some that nobody keeps."""
    yield from judge_schedules(session.run(operations.schedules()), session.run(operations.now()))


def judge_schedules(rows: list[ScheduleRow], now: datetime) -> Iterator[Finding]:
    """Judge whether every schedule is kept."""
    kept = [row for row in rows if not (row.paused_at or row.error)]
    refused = [row for row in rows if row.error]
    for row in refused[:MOST_SCHEDULES]:
        text = f"{row.name} is not kept: {row.error}"
        yield Finding(PROBLEM, "schedules", text, f"pgq schedules edit {row.name} …")
    if len(refused) > MOST_SCHEDULES:
        more = len(refused) - MOST_SCHEDULES
        yield Finding(PROBLEM, "schedules", f"and {more} more that are not kept")
    late = [now - row.next_run_at for row in kept if row.next_run_at and row.next_run_at < now]
    if late and max(late).total_seconds() > LATE_SCHEDULE:
        text = f"{formats.plural(len(late), 'schedule')} late by up to "
        text += f"{formats.age(max(late).total_seconds())}: no scheduler runs"
        advice = "start a worker without --without-scheduler, or pgq beat -A …"
        yield Finding(PROBLEM, "schedules", text, advice)
    elif not refused:
        yield Finding(OK, "schedules", f"{formats.plural(len(kept), 'schedule')} kept")


def limits(session: Session) -> Iterator[Finding]:
    """Say what limited jobs wait for; a key that is due and not looked at has nobody to do it."""
    late = [
        row for row in session.run(operations.limits()) if row.waiting and row.next_start < -OVERDUE
    ]
    for row in late[:MOST_TASKS]:
        text = (
            f"{formats.plural(row.waiting, 'job')} of {row.limit_key} in queue {row.queue} could "
            f"start for {-row.next_start:.0f} s"
        )
        yield Finding(WARNING, "limits", text, "have workers with free slots serve that queue")


def gates(session: Session) -> Iterator[Finding]:
    """Look for sleepers' locks that outlive their workers; a worker just stopping is no case."""
    left = session.run(operations.orphaned_gates())
    if left:
        time.sleep(GATE_PATIENCE)
        still = set(session.run(operations.orphaned_gates()))
        left = [row for row in left if row in still]
    for queue, pid, application in left:
        who = f"server process {pid} ({application or 'no name'})"
        text = f"{who} says that a worker of queue {queue} sleeps, but there is none"
        advice = f"it makes enqueueing slower; end it: select pg_terminate_backend({pid})"
        yield Finding(WARNING, "gates", text, advice)
    if not left:
        yield Finding(OK, "gates", "no lock was left behind")


CHECKS: tuple[tuple[Callable[[Session], Iterator[Finding]], str], ...] = (
    (server, "server"),
    (latency, "latency"),
    (schema, "schema"),
    (pooler, "pooler"),
    (history, "partitions"),
    (hot_table, "jobs_live"),
    (holders, "vacuum"),
    (workers, "workers"),
    (tasks, "tasks"),
    (schedules, "schedules"),
    (limits, "limits"),
    (gates, "gates"),
)
