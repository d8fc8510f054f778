"""`pgq migrate`: the schema."""

from __future__ import annotations

import time

import click

from pgqueue import migrate as migrations
from pgqueue.cli.database import Target, say_where
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
@database_options
def migrate(target: Target, plan: bool, sql: bool) -> None:
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
        steps = migrations.plan(session.connection, session.schema)
        if plan:
            for step in steps:
                click.echo(f"  would apply {step.path}")
        elif steps:
            began = time.monotonic()
            migrations.migrate(session.connection, session.schema, report=_report)
            click.echo(f"done in {time.monotonic() - began:.1f} s")
        else:  # the coming days' partitions are made nevertheless
            migrations.migrate(session.connection, session.schema)
    if not steps:
        click.echo("nothing to do")


def _report(step: Step) -> None:
    click.echo(f"  applied {step.path}")


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
