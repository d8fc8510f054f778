"""A single job on a page of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import click

from pgqueue.cli import formats
from pgqueue.describe import one_line
from pgqueue.outcomes import celery_state
from pgqueue.rows import FOREVER, Attempt, JobRow, LimitRow

NAME = 11  # columns of a field's name


def show_job(
    job: JobRow, attempts: Sequence[Attempt], now: datetime, limit: LimitRow | None = None
) -> None:
    """Print everything that is known of a job."""
    _field("id", job.id)
    _field("task", job.task)
    _field("state", f"{job.state} (Celery: {celery_state(job)})")
    _field("queue", f"{job.queue}, priority {job.priority}")
    if job.limit_key:
        _field("limit", f"{job.limit_key}: {_limits(job, limit)}")
    allowed = f" of {job.max_attempts}" if job.max_attempts and job.max_attempts < FOREVER else ""
    _field("attempt", f"{job.attempt}{allowed}" if job.attempt else f"none yet{allowed}")
    if job.crashes:
        _field("crashes", f"{job.crashes}: its process died, which is no attempt")
    if job.claim:
        _field("claim", f"{job.claim}, by worker {job.worker_id}")
    for name, moment in _moments(job):
        _field(name, f"{formats.clock(moment)}  ({formats.since(moment, now)})")
    if job.finished_at and job.started_at and job.state != "cancelled":
        _field("took", formats.age((job.finished_at - job.started_at).total_seconds()) or "")
    for name in ("args", "kwargs", "headers", "result"):
        if text := getattr(job, name):
            _block(name, formats.pretty(text))
    if job.error and job.state not in ("failed", "queued"):  # theirs is the last attempt's
        _field("error", job.error)
    for attempt in attempts:
        _show_attempt(attempt)


def _limits(job: JobRow, limit: LimitRow | None) -> str:
    """Say what a job's limits are, and what it waits for; None: no worker has seen them yet."""
    if limit is None:
        return "no worker has looked at it yet"
    allowed = "" if limit.max_concurrency is None else f" of {limit.max_concurrency}"
    said = [f"{limit.running:,}{allowed} run", f"{limit.waiting:,} wait"]
    why = limit.why if job.state == "queued" and limit.why not in said else ""
    rates = [limit.rate_limit, limit.queue_rate and f"{limit.queue_rate} for all of {limit.queue}"]
    said += [rate for rate in rates if rate and rate not in why]
    return ", ".join([*said, why] if why else said)


def _moments(job: JobRow) -> list[tuple[str, datetime]]:
    moments = {
        "created": job.created_at,
        "due": job.run_at,
        "started": job.started_at,
        "finished": job.finished_at,
        "expires": job.expires_at,
        "to cancel": job.cancel_requested_at,
    }
    return [(name, moment) for name, moment in moments.items() if moment is not None]


def _show_attempt(attempt: Attempt) -> None:
    who = f", worker {attempt.worker_id}" if attempt.worker_id is not None else ""
    took = ""
    if attempt.started_at:
        took = f" after {formats.age((attempt.failed_at - attempt.started_at).total_seconds())}"
    head = f"attempt {attempt.attempt} (claim {attempt.claim})"
    click.echo(
        f"\n{click.style(head, bold=True)} failed {formats.clock(attempt.failed_at)}{took}{who}"
    )
    lines = (attempt.traceback or attempt.error).splitlines()
    for line in lines:
        click.echo(f"  {one_line(line)}")


def _field(name: str, text: str) -> None:
    click.echo(f"{click.style(f'{name:<{NAME}}', bold=True)}{one_line(text)}")


def _block(name: str, lines: Iterable[str]) -> None:
    head, *rest = lines
    click.echo(f"{click.style(f'{name:<{NAME}}', bold=True)}{head}")
    for line in rest:
        click.echo(" " * NAME + line)
