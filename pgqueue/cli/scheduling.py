"""`pgq schedules`: what changes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import click

from pgqueue import operations
from pgqueue.cli.call import job_of, json_value
from pgqueue.cli.database import Session, Target
from pgqueue.cli.options import Failure, confirm, database_options, examples, yes_option
from pgqueue.codec import encode
from pgqueue.describe import one_line
from pgqueue.options import checked_name, checked_priority, checked_seconds, max_attempts
from pgqueue.query import Query
from pgqueue.rows import Declaration
from pgqueue.schedules import MOST, OVERLAPS, zone_name
from pgqueue.ticks import checked_text
from pgqueue.turns import upcoming


def _of_jobs(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say what is enqueued, and how."""
    for option in (
        click.option(
            "--overlap", type=click.Choice(OVERLAPS),
            help="What to do at a time when the last job has not ended.  [default: allow]",
        ),
        click.option(
            "--catch-up", type=click.IntRange(0, MOST), metavar="N",
            help="How many jobs make up for times that were missed.  [default: 1]",
        ),
        click.option(
            "--timezone", metavar="ZONE",
            help="Whose clock counts.  [default: the application's, else UTC]",
        ),
        click.option("--max-retries", type=int, metavar="N", help="Instead of the task's."),
        click.option(
            "--expires", type=float, metavar="SECONDS",
            help="Cancel a job that has not begun so long after its time.",
        ),
        click.option("--priority", type=int, metavar="0…9", help="9 is claimed first."),
        click.option("-Q", "--queue", metavar="NAME", help="Where the jobs wait."),
        click.option(
            "-k", "--kwargs", callback=_optional(json_value(dict, "object", "'{\"width\": 2}'")),
            metavar="JSON", help="The keyword arguments, as a JSON object.",
        ),
        click.option(
            "-a", "--args", callback=_optional(json_value(list, "array", "'[1, 2]'")),
            metavar="JSON", help="The positional arguments, as a JSON array.",
        ),
    ):  # fmt: skip
        function = option(function)
    return function


def _optional(read: Callable[..., Any]) -> Callable[..., Any]:
    return lambda ctx, param, text: None if text is None else read(ctx, param, text)


@click.command(
    epilog=examples(
        "pgq schedules add nightly shop.tidy '0 3 * * *' --timezone Europe/Oslo",
        "pgq schedules add poll shop.poll 'every 30 seconds' --args '[7]' --overlap skip",
    )
)
@click.argument("name")
@click.argument("task")
@click.argument("schedule")
@_of_jobs
@database_options
def add(
    target: Target,
    name: str,
    task: str,
    schedule: str,
    timezone: str | None,
    catch_up: int | None,
    overlap: str | None,
    args: list[Any] | None,
    kwargs: dict[str, Any] | None,
    **given: Any,
) -> None:
    """Add a schedule: a job of TASK at each time of SCHEDULE.

    SCHEDULE is five fields as cron has them (minute hour day month weekday), six with seconds last
    ('0 9 * * * 30s'), or 'every 30 seconds', 'every 5 minutes', 'every 2 hours', 'every day'. If
    the application knows the task, arguments are checked, and queue, priority and retries are the
    task's.
    """
    text = checked_text(schedule)
    options = {option: value for option, value in given.items() if value is not None}
    with target.session() as session:
        if session.run(operations.schedules(name)):
            raise Failure(f"there is a schedule {name!r} already: see 'pgq schedules edit --help'")
        job = job_of(session.app, task, args or [], kwargs or {}, options, wait=False)
        zone = zone_name(timezone or (session.app.conf.zone if session.app else "UTC"))
        session.run(
            operations.add_schedule(
                Declaration(
                    checked_name("name", name),
                    *(job.task, text, zone, job.args, job.kwargs, job.queue, job.priority),
                    *(job.expires_in, job.max_attempts, job.headers),
                    1 if catch_up is None else catch_up,
                    overlap or "allow",
                )
            )
        )
    click.echo(f"added {one_line(name)}: {text} {zone}")
    for time in islice(upcoming(text, zone, datetime.now(UTC)), 2):
        click.echo(f"  {'next':<6}{time:%Y-%m-%d %H:%M:%S %Z}")


@click.command(
    epilog=examples(
        "pgq schedules edit nightly --schedule '30 4 * * *'",
        "pgq schedules edit poll --queue slow --overlap skip",
    )
)
@click.argument("name")
@click.option("--task", metavar="NAME", help="The task.")
@click.option("--schedule", metavar="SCHEDULE", help="When.")
@_of_jobs
@database_options
def edit(
    target: Target,
    name: str,
    task: str | None,
    schedule: str | None,
    timezone: str | None,
    expires: float | None,
    max_retries: int | None,
    priority: int | None,
    **given: Any,
) -> None:
    """Change what is given of a schedule, and leave the rest as it is."""
    changes = {
        column: json.loads(encode(value, at=column)) if column in ("args", "kwargs") else value
        for column, value in given.items()
        if value is not None
    }
    if task is not None:
        changes["task"] = checked_name("task", task)
    if schedule is not None:
        changes["schedule"] = checked_text(schedule)
    if timezone is not None:
        changes["timezone"] = zone_name(timezone)
    if expires is not None:
        changes["expires_in"] = checked_seconds("expires", expires)
    if max_retries is not None:
        changes["max_attempts"] = max_attempts(max_retries)
    if priority is not None:
        changes["priority"] = checked_priority(priority)
    if not changes:
        raise click.UsageError("say what is to change, such as --schedule '*/5 * * * *'")
    with target.session() as session:
        _do(session, operations.edit_schedule(name, json.dumps(changes)), name)
    click.echo(f"changed {one_line(name)}: {', '.join(sorted(changes))}")


names_argument = click.argument("names", nargs=-1, required=True, metavar="NAME…")


@click.command(epilog=examples("pgq schedules pause nightly poll"))
@names_argument
@database_options
def pause(target: Target, names: tuple[str, ...]) -> None:
    """Keep schedules from being due until they are resumed, also over restarts."""
    with target.session() as session:
        for name in names:
            _do(session, operations.pause_schedule(name), name)
            click.echo(f"paused {one_line(name)}")


@click.command(epilog=examples("pgq schedules resume nightly"))
@names_argument
@database_options
def resume(target: Target, names: tuple[str, ...]) -> None:
    """Let schedules go on that were paused or refused; times meanwhile are not made up for."""
    with target.session() as session:
        for name in names:
            _do(session, operations.resume_schedule(name), name)
            click.echo(f"resumed {one_line(name)}")


@click.command("run-now", epilog=examples("pgq schedules run-now nightly"))
@click.argument("name")
@database_options
def run_now(target: Target, name: str) -> None:
    """Enqueue the job of a schedule now, beside its times, and print the job's id."""
    with target.session() as session:
        click.echo(_do(session, operations.run_schedule(name), name))


@click.command(epilog=examples("pgq schedules remove poll"))
@names_argument
@yes_option
@database_options
def remove(target: Target, names: tuple[str, ...], yes: bool) -> None:
    """Remove schedules; the jobs that came of them stay."""
    with target.session() as session:
        for name in names:
            declared = {row.source for row in session.run(operations.schedules(name))} - {None}
            again = (
                "; its application declares it, and adds it again when a worker starts: pause it "
                "instead, if it is to rest"
            )
            confirm(f"Remove schedule {one_line(name)}{again if declared else ''}?", yes=yes)
            _do(session, operations.remove_schedule(name), name)
            click.echo(f"removed {one_line(name)}{again if declared else ''}")


def _do(session: Session, query: Query[Any], name: str) -> Any:
    if found := session.run(query):
        return found
    raise Failure(f"there is no schedule {name!r}: see 'pgq schedules list'")
