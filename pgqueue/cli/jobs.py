"""`pgq jobs`: find, show, retry and cancel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import click

from pgqueue import operations
from pgqueue.cli import formats, tables
from pgqueue.cli.database import Session, Target
from pgqueue.cli.job import show_job
from pgqueue.cli.options import (
    STATES,
    Failure,
    confirm,
    database_options,
    examples,
    job_ids,
    json_option,
    yes_option,
)
from pgqueue.cli.result import FINISHED, unknown
from pgqueue.describe import one_line
from pgqueue.query import Query
from pgqueue.rows import FOREVER, JobRow

BATCH = 1000

queue_option = click.option("-Q", "--queue", metavar="NAME", help="Only of this queue.")
task_option = click.option("--task", metavar="NAME", help="Only of this task.")
ids_argument = click.argument("ids", nargs=-1, metavar="[ID]…", callback=job_ids)


@dataclass(frozen=True, slots=True)
class Criteria:
    """Which jobs are meant."""

    state: str | None
    queue: str | None
    task: str | None

    def describe(self) -> str:
        """Return the criteria as a person says them, after a number."""
        parts = [
            f" of task {self.task}" if self.task else "",
            f" in queue {self.queue}" if self.queue else "",
        ]
        return one_line("".join(parts))


@click.group(
    epilog=examples(
        "pgq jobs list --state failed --task mail.send",
        "pgq jobs show 0198c0de-0000-7000-8000-000000000001",
        "pgq jobs retry --state failed --task mail.send",
    )
)
def jobs() -> None:
    """Find, show, retry and cancel jobs."""


@jobs.command(
    "list",
    epilog=examples(
        "pgq jobs list",
        "pgq jobs list --state failed --limit 10",
        "pgq jobs list --json | jq -r '.[] | select(.attempt > 2) | .id'",
    ),
)
@click.option("--state", type=click.Choice(STATES), help="Only in this state.")
@queue_option
@task_option
@click.option(
    "--limit", type=click.IntRange(1, 10000), default=50, show_default=True, metavar="N",
    help="How many at most.",
)  # fmt: skip
@click.option("--before", callback=job_ids, metavar="ID", help="Only older ones than this job.")
@json_option
@database_options
def list_jobs(
    target: Target,
    state: str | None,
    queue: str | None,
    task: str | None,
    limit: int,
    before: str | None,
    as_json: bool,
) -> None:
    """List jobs, the newest first."""
    search = operations.search(state=state, queue=queue, task=task, before=before, limit=limit)
    with target.session() as session:
        found = session.run(search)
        now = session.run(operations.now())
    if as_json:
        formats.emit([formats.job_document(job) for job in found])
    elif not found:
        click.echo("no job matches")
    else:
        _show(found, now)
        if len(found) == limit:
            click.echo(f"older ones: --before {found[-1].id}")


def _show(found: Sequence[JobRow], now: datetime) -> None:
    rows = [
        (job.id, job.state, job.task, job.queue, _tries(job),
         formats.age((now - job.created_at).total_seconds()), _note(job, now))
        for job in found
    ]  # fmt: skip
    titles = ("ID", "STATE", "TASK", "QUEUE", "TRY", "AGE", "")
    tables.show(titles, rows, right=("TRY", "AGE"), whole=("ID", "STATE", "TRY", "AGE"))


def _tries(job: JobRow) -> str:
    bounded = job.max_attempts is not None and job.max_attempts < FOREVER
    return f"{job.attempt}/{job.max_attempts}" if bounded else str(job.attempt)


def _note(job: JobRow, now: datetime) -> str | None:
    if job.error and job.error != job.state:
        return job.error
    if job.state == "queued" and job.run_at > now:
        return f"due {formats.since(job.run_at, now)}"
    return "to be cancelled" if job.cancel_requested_at and job.state == "running" else None


@jobs.command(
    epilog=examples(
        "pgq jobs show 0198c0de-0000-7000-8000-000000000001",
        "pgq jobs show --json 0198c0de-0000-7000-8000-000000000001 | jq .args",
    )
)
@click.argument("job", metavar="ID", callback=job_ids)
@json_option
@database_options
def show(target: Target, job: str, as_json: bool) -> None:
    """Show all about a job: its fields, its arguments, and the error of every attempt."""
    with target.session() as session:
        found = session.run(operations.get(job))
        if found is None:
            raise Failure(unknown(job))
        attempts = session.run(operations.attempts(job))
        limit = session.run(operations.limits(1, job=job)) if found.limit_key else []
        now = session.run(operations.now())
    if as_json:
        details = {"limit": limit[0]} if limit else {}
        formats.emit(
            formats.job_document(found, attempts=[asdict(each) for each in attempts], **details)
        )
    else:
        show_job(found, attempts, now.astimezone(UTC), limit[0] if limit else None)


@jobs.command(
    epilog=examples(
        "pgq jobs retry 0198c0de-0000-7000-8000-000000000001",
        "pgq jobs retry --state failed --task mail.send",
    )
)
@ids_argument
@click.option("--state", type=click.Choice(FINISHED), help="Every job in this state.")
@queue_option
@task_option
@yes_option
@database_options
def retry(
    target: Target,
    ids: tuple[str, ...],
    state: str | None,
    queue: str | None,
    task: str | None,
    yes: bool,
) -> None:
    """Run finished jobs again, under their ids and from their first attempt on.

    Exit codes: 0 all of them will run; 1 some will not, and why is said.
    """
    criteria = _criteria(ids, state, queue, task)
    with target.session() as session:
        if criteria:
            _in_batches(session, criteria, ("retry", "retried"), operations.requeue, yes=yes)
            return
        done = session.run(operations.requeue(ids))
        left = {job: _state(session, job) for job in ids if job not in done}
    for job in ids:
        if job in left:
            refusal = f"{left[job]}: only finished jobs can be retried" if left[job] else None
        _tell(job, "will run again" if job in done else None, None if job in done else refusal)
    _exit(failed=bool(left))


@jobs.command(
    epilog=examples(
        "pgq jobs cancel 0198c0de-0000-7000-8000-000000000001",
        "pgq jobs cancel --state queued --queue mail",
    )
)
@ids_argument
@click.option(
    "--state", type=click.Choice(("waiting", "queued", "running")), help="Every job in this state."
)
@queue_option
@task_option
@yes_option
@database_options
def cancel(
    target: Target,
    ids: tuple[str, ...],
    state: str | None,
    queue: str | None,
    task: str | None,
    yes: bool,
) -> None:
    """Cancel jobs that have not finished.

    A job that runs is left to end its attempt, and is not tried again after it. Exit codes: 0 none
    of them will run (again); 1 some had finished or are unknown.
    """
    criteria = _criteria(ids, state, queue, task)
    with target.session() as session:
        if criteria:
            _in_batches(session, criteria, ("cancel", "cancelled"), operations.cancel, yes=yes)
            return
        states = session.run(operations.cancel(ids))
    for job in ids:
        done = {"cancelled": "cancelled", "running": "runs; it will not be tried again"}
        _tell(job, done.get(states.get(job, "")), states.get(job) and f"already {states[job]}")
    _exit(failed=any(states.get(job) not in ("cancelled", "running") for job in ids))


def _criteria(
    ids: Sequence[str], state: str | None, queue: str | None, task: str | None
) -> Criteria | None:
    if ids and (state or queue or task):
        raise click.UsageError("give ids, or --state with --queue and --task, not both")
    if not ids and not state:
        raise click.UsageError("which jobs? Give their ids, or --state")
    return None if ids else Criteria(state, queue, task)


def _in_batches(
    session: Session,
    criteria: Criteria,
    verb: tuple[str, str],
    act: Callable[[Sequence[str]], Query[Mapping[str, str]] | Query[set[str]]],
    *,
    yes: bool,
) -> None:
    total = session.run(operations.count(**asdict(criteria)))
    if not total:
        click.echo("no job matches")
        return
    what = f"{formats.plural(total, f'{criteria.state} job')}{criteria.describe()}"
    confirm(f"{verb[0].capitalize()} {what}?", yes=yes)
    done = 0
    with click.progressbar(length=total, label=verb[0], hidden=total < BATCH) as bar:
        for page in _pages(session, criteria):
            done += len(session.run(act(page)))
            bar.update(len(page))
    click.echo(f"{verb[1]} {formats.plural(done, 'job')}")


def _pages(session: Session, criteria: Criteria) -> Iterator[list[str]]:
    before = None
    while page := session.run(operations.search(**asdict(criteria), before=before, limit=BATCH)):
        yield [job.id for job in page]
        before = page[-1].id


def _state(session: Session, job: str) -> str | None:
    found = session.run(operations.get(job))
    return found.state if found else None


def _tell(job: str, done: str | None, refusal: str | None) -> None:
    if done:
        click.echo(f"{job} {done}")
    else:
        click.echo(f"pgq: {f'{job} is {refusal}' if refusal else unknown(job)}", err=True)


def _exit(*, failed: bool) -> None:
    click.get_current_context().exit(1 if failed else 0)
