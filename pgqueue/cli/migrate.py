"""`pgq migrate`: the schema."""

from __future__ import annotations

import time
from collections.abc import Sequence

import click

from pgqueue import migrate as migrations
from pgqueue.cli.database import Target, say_where
from pgqueue.cli.formats import plural
from pgqueue.cli.options import database_options, examples
from pgqueue.config import find_dsn
from pgqueue.errors import ConfigurationError
from pgqueue.migrate import Step
from pgqueue.statements import DEFAULT_SCHEMA


@click.command(
    epilog=examples(
        "pgq migrate --plan",
        "pgq migrate",
        "pgq migrate --sql | psql -v ON_ERROR_STOP=1 shop",
        "pgq migrate --dsn postgresql://owner@db/shop --schema jobs",
    )
)
@click.option("--plan", is_flag=True, help="Only say what would be applied.")
@click.option("--sql", is_flag=True, help="Only print it, as a script for psql.")
@click.option("-v", "--verbose", is_flag=True, help="Name every function, too.")
@database_options
def migrate(target: Target, plan: bool, sql: bool, verbose: bool) -> None:
    """Bring the database's schema to this release's.

    Every file is one short transaction that waits for no lock longer than 2 seconds at a time, so
    workers go on meanwhile; killed anywhere, the next run goes on where this one stopped. A second
    run finds nothing to do. Without any database, --sql prints the whole schema.
    """
    if plan and sql:
        raise click.UsageError("give --plan or --sql, not both")
    if sql:
        click.echo(_script(target))
        return
    with target.session(migrated=False) as session:
        say_where(session)
        began = time.monotonic()
        if plan:
            steps = migrations.plan(session.connection, session.schema)
            for step in steps:
                _report("would apply", step, verbose)
        else:  # the coming days' partitions are made even if nothing else is to be done
            steps = migrations.migrate(
                session.connection,
                session.schema,
                report=lambda step: _report("applied", step, verbose),
            )
    if not steps:
        click.echo("nothing to do: the schema is this release's")
    elif plan:
        click.echo(f"nothing was done: {_counted(steps)} would be applied")
    else:
        click.echo(f"{_counted(steps)} applied in {time.monotonic() - began:.1f} s")


def _report(done: str, step: Step, verbose: bool) -> None:
    if verbose or step.is_migration:
        click.echo(f"  {done} {step.path}")


def _counted(steps: Sequence[Step]) -> str:
    """Return how many files these are, by what they hold."""
    migrated = sum(step.is_migration for step in steps)
    numbers = ((migrated, "migration"), (len(steps) - migrated, "function"))
    return " and ".join(plural(number, noun) for number, noun in numbers if number)


def _script(target: Target) -> str:
    if not (target.dsn or target.embedded or target.project()):
        try:
            find_dsn()
        except ConfigurationError:
            schema = target.schema or DEFAULT_SCHEMA
            return migrations.as_script(migrations.all_steps(schema), schema)
    with target.session(migrated=False) as session:
        steps = migrations.plan(session.connection, session.schema)
        return migrations.as_script(steps, session.schema) if steps else "-- nothing to do"
