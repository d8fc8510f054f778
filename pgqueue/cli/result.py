"""`pgq result`: how a job ended."""

from __future__ import annotations

import time

import click

from pgqueue import operations
from pgqueue.backoff import Doubling
from pgqueue.cli import formats
from pgqueue.cli.database import Session, Target
from pgqueue.cli.options import database_options, examples, job_ids
from pgqueue.describe import one_line
from pgqueue.rows import JobRow

SUCCEEDED, FAILED, UNFINISHED = 0, 1, 2
FINISHED = ("succeeded", "failed", "cancelled")


@click.command(
    epilog=examples(
        "pgq result 0198c0de-0000-7000-8000-000000000001",
        "pgq result --timeout 60 0198c0de-0000-7000-8000-000000000001 | jq .total",
    )
)
@click.argument("job", metavar="ID", callback=job_ids)
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=0.0,
    metavar="SECONDS",
    help="How long to wait for the job to finish.  [default: not at all]",
)
@click.option("--traceback", is_flag=True, help="Print the traceback of a failed job, too.")
@database_options
def result(target: Target, job: str, timeout: float, traceback: bool) -> None:
    """Print the result of a job, as JSON.

    An error is printed to standard error. Exit codes: 0 it succeeded; 1 it failed or was cancelled;
    2 it has not finished, or nobody knows it.
    """
    with target.session() as session:
        found = wait_for(session, job, timeout)
    click.get_current_context().exit(tell(job, found, traceback=traceback))


def wait_for(session: Session, job: str, timeout: float | None) -> JobRow | None:
    """Return the job once it has finished, or as it is when the time is over."""
    deadline = None if timeout is None else time.monotonic() + timeout
    pauses = Doubling(0.01, 0.5)
    while True:
        found = session.run(operations.get(job))
        remaining = 1.0 if deadline is None else deadline - time.monotonic()
        if found is None or found.state in FINISHED or remaining <= 0:
            return found
        time.sleep(min(pauses.next(), remaining))


def tell(job: str, found: JobRow | None, *, traceback: bool) -> int:
    """Print how a job ended; returns the exit code that says it."""
    if found is None:
        click.echo(f"pgq: {unknown(job)}", err=True)
        return UNFINISHED
    if found.state == "succeeded":
        click.echo("\n".join(formats.pretty(found.result or "null")))
        return SUCCEEDED
    if found.state not in FINISHED:
        tried = f" at attempt {found.attempt}" if found.state == "running" else ""
        click.echo(f"pgq: job {job} is {found.state}{tried}: it has no result yet", err=True)
        return UNFINISHED
    if traceback and found.traceback:
        for line in found.traceback.splitlines():
            click.echo(one_line(line), err=True)
    else:
        click.echo(f"{found.state}: {one_line(found.error or 'no reason was given')}", err=True)
    return FAILED


def unknown(job: str) -> str:
    """Say that nobody knows a job."""
    return f"no job has the id {job}: it never existed, or its day of history is over"
