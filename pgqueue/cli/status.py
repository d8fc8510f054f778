"""`pgq status`: everything at a glance."""

from __future__ import annotations

from collections.abc import Iterator

import click
import psycopg

from pgqueue import __version__, operations
from pgqueue.cli import formats, tables
from pgqueue.cli.database import Session, Target
from pgqueue.cli.options import database_options, examples, json_option
from pgqueue.describe import one_line
from pgqueue.options import MAX_NAME_BYTES
from pgqueue.rows import LimitRow, QueueRow, WorkerRow

#: Counting a long history exactly is not worth more seconds than this.
PATIENCE = 2.0
MOST_TASKS = 5


@click.command(
    epilog=examples(
        "pgq status",
        "pgq status --json | jq .jobs.failed",
        "watch -n 2 pgq status                # again every 2 seconds",
    )
)
@json_option
@database_options
def status(target: Target, as_json: bool) -> None:
    """Show jobs, queues and workers at a glance.

    Jobs whose task no live worker knows, or whose queue none serves, are named at the end: they
    wait until one does.
    """
    with target.session() as session:
        queues = session.run(operations.queues())
        finished, exact = _finished(session)
        workers = session.run(operations.workers())
        stuck = session.run(operations.unclaimable())
        server = session.connection.info.parameter_status("server_version") or "?"
        name = session.name
    jobs = {**_unfinished(queues), **finished}
    oldest = max((q.oldest_ready for q in queues if q.oldest_ready is not None), default=None)
    if as_json:
        fields = ("queue", "task", "jobs", "oldest")
        formats.emit(
            {
                "database": name,
                "schema": session.schema,
                "jobs": jobs,
                "finished_are_estimates": not exact,
                "oldest_ready": oldest,
                "queues": queues,
                "workers": workers,
                "unclaimable": [dict(zip(fields, row, strict=True)) for row in stuck],
            }
        )
        return
    click.echo(
        f"{click.style(one_line(name), bold=True)}, schema {session.schema}, "
        f"PostgreSQL {server.split()[0]}, pgqueue {__version__}\n"
    )
    _show_jobs(jobs, oldest, exact=exact)
    _show_queues(queues)
    _show_workers(workers)
    for queue, task, waiting, _ in stuck[:MOST_TASKS]:
        click.echo(
            click.style("warning", fg="yellow", bold=True)
            + f": no live worker can run task {_short(task)} from queue {_short(queue)} "
            f"({formats.plural(waiting, 'job')})"
        )
    if len(stuck) > MOST_TASKS:
        click.echo(f"… and {len(stuck) - MOST_TASKS} other tasks: see 'pgq doctor'")


def _short(name: str) -> str:
    return tables.cut(one_line(name), MAX_NAME_BYTES)


def _finished(session: Session) -> tuple[dict[str, int], bool]:
    states = ("succeeded", "failed", "cancelled")
    try:
        with session.connection.transaction():
            session.run(operations.patience(PATIENCE))
            counts = session.run(operations.counts())
    except psycopg.errors.QueryCanceled:
        return session.run(operations.estimates()), False
    return {state: counts.get(state, 0) for state in states}, True


def _unfinished(queues: list[QueueRow]) -> dict[str, int]:
    return {
        "waiting": sum(queue.waiting for queue in queues),
        "scheduled": sum(queue.scheduled for queue in queues),
        "ready": sum(queue.ready for queue in queues),
        "running": sum(queue.running for queue in queues),
    }


def _show_jobs(jobs: dict[str, int], oldest: float | None, *, exact: bool) -> None:
    about = "" if exact else "~"
    finished = ("succeeded", "failed", "cancelled")
    cells = [f"{about if state in finished else ''}{number:,}" for state, number in jobs.items()]
    titles = [state.upper() for state in jobs]
    tables.show([*titles, "OLDEST READY"], [[*cells, formats.age(oldest) or "-"]], right=_ALL)
    if not exact:
        click.echo(f"~ is an estimate: counting took longer than {PATIENCE:g} s")
    click.echo()


_ALL = (
    "WAITING",
    "SCHEDULED",
    "READY",
    "RUNNING",
    "SUCCEEDED",
    "FAILED",
    "CANCELLED",
    "OLDEST READY",
)


def _show_queues(queues: list[QueueRow]) -> None:
    if not queues:
        click.echo("no queue has jobs that wait or run\n")
        return
    show_queues(queues)
    click.echo()


def show_queues(queues: list[QueueRow]) -> None:
    """Print a table of queues."""
    rows = [
        (q.queue, q.waiting, q.scheduled, q.ready, q.running, formats.age(q.oldest_ready) or "-",
         " ".join(_said(q)))
        for q in queues
    ]  # fmt: skip
    titles = ("QUEUE", "WAITING", "SCHEDULED", "READY", "RUNNING", "OLDEST READY", "")
    tables.show(titles, rows, right=_ALL, whole=_ALL)


def _said(queue: QueueRow) -> Iterator[str]:
    """What has been said of a queue."""
    if queue.paused:
        yield "paused"
    if queue.max_depth is not None:
        yield f"{'full' if queue.full else 'limit'}: {queue.max_depth:,}"
    if queue.rate_limit is not None:
        burst = f" (burst {queue.rate_burst:,})" if (queue.rate_burst or 1) > 1 else ""
        yield f"rate: {queue.rate_limit}{burst}"
    if queue.keep is not None:
        yield f"kept: {formats.age(queue.keep)}"
    if queue.limited:
        yield f"limited: {queue.limited:,} of the ready"


def show_limits(limits: list[LimitRow]) -> None:
    """Print a table of the keys of limited jobs."""
    rows = [
        (row.limit_key, row.queue, row.max_concurrency or "-", row.rate_limit or "-", row.running,
         row.waiting, row.why)
        for row in limits
    ]  # fmt: skip
    titles = ("KEY", "QUEUE", "AT ONCE", "RATE", "RUNNING", "WAITING", "WHY")
    tables.show(titles, rows, right=("AT ONCE", "RUNNING", "WAITING"), whole=titles[2:])


def _show_workers(workers: list[WorkerRow]) -> None:
    if not workers:
        click.echo("no worker runs: start one with 'pgq worker -A …'\n")
        return
    rows = [
        (w.name, ",".join(w.queues), f"{len(w.active)}/{w.concurrency}",
         w.stats.get("succeeded", 0), w.stats.get("failed", 0), heartbeat(w))
        for w in workers
    ]  # fmt: skip
    titles = ("WORKER", "QUEUES", "BUSY", "SUCCEEDED", "FAILED", "HEARTBEAT")
    tables.show(titles, rows, right=("BUSY", "SUCCEEDED", "FAILED"), whole=("BUSY", "HEARTBEAT"))
    click.echo()


def heartbeat(worker: WorkerRow) -> str:
    """Say when a worker was last heard of."""
    heard = f"{formats.age(worker.silent_for)} ago"
    return heard if worker.alive else f"{heard}: lost"
