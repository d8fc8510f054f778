"""`pgq call`: enqueue a job."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click

from pgqueue import operations
from pgqueue.app import PgQueue
from pgqueue.cli.database import Session, Target
from pgqueue.cli.options import database_options, examples
from pgqueue.cli.result import tell, wait_for
from pgqueue.codec import decode
from pgqueue.describe import one_line
from pgqueue.enqueueing import duplicate
from pgqueue.errors import InvalidPayload, UnknownTask
from pgqueue.misspelt import did_you_mean
from pgqueue.options import new_job
from pgqueue.rows import NewJob
from pgqueue.unique import RAISE, REPLACE

#: How much of a faulty text is shown around the fault, to both sides.
AROUND = 30


def json_value(kind: type, name: str, example: str) -> Callable[..., Any]:
    """Return a callback that reads a JSON value of one kind; a fault is shown where it is."""

    def read(ctx: click.Context, param: click.Parameter, text: str) -> Any:
        del ctx, param
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise click.BadParameter(f"not JSON: {_at(error)}") from None
        except (ValueError, RecursionError) as error:
            raise click.BadParameter(f"not readable: {error}") from None
        if not isinstance(found, kind):
            raise click.BadParameter(f"give a JSON {name}, such as {example}")
        try:
            return decode(text)  # which also knows the tagged values, such as dates
        except InvalidPayload as error:
            raise click.BadParameter(str(error)) from None

    return read


@click.command(
    epilog=examples(
        "pgq call -A shop shop.add --args '[1, 2]' --wait",
        "pgq call mail.send --kwargs '{\"user_id\": 42}' --queue mail --countdown 60",
        'pgq call report.make --args \'[{"$date": "2026-11-22"}]\'    # as pgqueue stores a date',
    )
)
@click.argument("task")
@click.option(
    "-a", "--args", callback=json_value(list, "array", "'[1, 2]'"), default="[]", metavar="JSON",
    help="The positional arguments, as a JSON array.",
)  # fmt: skip
@click.option(
    "-k", "--kwargs", callback=json_value(dict, "object", "'{\"width\": 2}'"), default="{}",
    metavar="JSON",
    help="The keyword arguments, as a JSON object.",
)  # fmt: skip
@click.option("-Q", "--queue", metavar="NAME", help="The queue.  [default: the task's, or default]")
@click.option(
    "--priority", type=int, metavar="0…9", help="9 is claimed first.  [default: the task's]"
)
@click.option("--countdown", type=float, metavar="SECONDS", help="Run it no earlier than then.")
@click.option("--wait", is_flag=True, help="Wait for the job and print its result.")
@click.option(
    "--timeout", type=click.FloatRange(0), metavar="SECONDS", help="How long.  [default: for ever]"
)
@database_options
def call(
    target: Target,
    task: str,
    args: list[Any],
    kwargs: dict[str, Any],
    wait: bool,
    timeout: float | None,
    **given: Any,
) -> None:
    """Enqueue a job and print its id.

    If the application knows the task, the arguments are checked against its signature, and the
    queue, priority and retries are the task's. With --wait the result follows, and the exit codes
    are those of `pgq result`.
    """
    if timeout is not None and not wait:
        raise click.UsageError("--timeout says how long to --wait: give both")
    options = {name: value for name, value in given.items() if value is not None}
    with target.session() as session:
        job = job_of(session.app, task, args, kwargs, options, wait=wait)
        id_ = _enqueued(session, job)
        click.echo(id_)
        if wait:
            found = wait_for(session, id_, timeout)
            click.get_current_context().exit(tell(id_, found, traceback=False))


def _enqueued(session: Session, job: NewJob) -> str:
    """Enqueue a job; return its id, or that of the one that holds its unique key."""
    if job.unique is None:
        session.run(operations.enqueue(job))
        return str(job.id)
    (placed,) = session.run(operations.enqueue_unique([job]))
    if placed.existing:
        if job.unique.on_duplicate == RAISE:
            raise duplicate(job, placed.job)
        replaced = job.unique.on_duplicate == REPLACE
        kept = "does what this call says" if replaced else "stands for this call"
        click.echo(
            f"the job with the unique key {one_line(job.unique.key)} {kept}: nothing new", err=True
        )
    return placed.job


def job_of(
    app: PgQueue | None,
    task: str,
    args: list[Any],
    kwargs: dict[str, Any],
    options: dict[str, Any],
    *,
    wait: bool,
) -> NewJob:
    if app is not None:
        app.import_tasks()
        if known := app.tasks.get(task):
            return known.job(args, kwargs, options)
        hint = did_you_mean(task, app.tasks) or "."
        what = f"{app.name} knows no task {one_line(task)}{one_line(hint)}"
        if wait:
            raise UnknownTask(f"{what} Nothing was enqueued, because --wait could last for ever.")
        click.echo(f"warning: {what} Its jobs wait until a worker knows it.", err=True)
        options = app.conf.routed(task, args, kwargs, options)
    return new_job(task, args, kwargs, options)


def _at(error: json.JSONDecodeError) -> str:
    first = max(0, error.pos - AROUND)
    before, after = error.doc[first : error.pos], error.doc[error.pos : error.pos + AROUND]
    before = one_line(before)
    what = error.msg[0].lower() + error.msg[1:]
    return (
        f"{what} at position {error.pos}\n    {before}{one_line(after)}\n    {' ' * len(before)}^"
    )
