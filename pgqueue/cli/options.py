"""Options that many commands share, and the kinds of values that they take."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar
from uuid import UUID

import click

from pgqueue.describe import lines, one_line

STATES = ("waiting", "queued", "running", "succeeded", "failed", "cancelled")

R = TypeVar("R")


class Failure(click.ClickException):
    """An error that a message explains: `pgq: …` on standard error, exit code 1."""

    def show(self, file: Any = None) -> None:
        """Print the message."""
        click.echo(f"pgq: {lines(self.message)}", err=True, file=file)


def examples(*lines: str) -> str:
    r"""Return an epilog that shows how a command is used; "\b" keeps click from joining lines."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def database_options(function: Callable[..., R]) -> Callable[..., R]:
    """Add -A, --dsn, --schema and --embedded: the first argument is a `Target` made of them."""

    @functools.wraps(function)
    def with_target(
        app: str | None, dsn: str | None, schema: str | None, embedded: bool, **others: Any
    ) -> R:
        # Here, because a shell that completes a word has no use for psycopg.
        from pgqueue.cli.database import Target  # noqa: PLC0415

        return function(Target(app, dsn, schema, embedded), **others)

    for option in (embedded_option, schema_option, dsn_option, app_option):
        with_target = option(with_target)
    return with_target


def names(given: Iterable[str]) -> tuple[str, ...]:
    """Return the names of an option that may be repeated and may hold commas.

    >>> names(["mail,slow", "default"])
    ('mail', 'slow', 'default')
    """
    parts = [part.strip() for text in given for part in text.split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))


def job_ids(ctx: click.Context, param: click.Parameter, given: Any) -> Any:
    """Check an id, or several, before anything is asked of a database; used as a callback."""
    if isinstance(given, tuple):
        return tuple(job_ids(ctx, param, each) for each in given)
    try:
        return given and str(UUID(given))
    except ValueError:
        raise click.BadParameter(
            f"{one_line(repr(given))} is not a job's id: ids are UUIDs such as "
            "0198c0de-0000-7000-8000-000000000001, see 'pgq jobs list'"
        ) from None


def _app(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    del param
    spec: str | None = given or ctx.find_root().obj
    return spec


app_option = click.option(
    "-A",
    "--app",
    metavar="MODULE[:ATTR]",
    callback=_app,
    help="The application, such as shop or shop.jobs:app.",
)
dsn_option = click.option(
    "--dsn", metavar="DSN", help="The database, as URL or 'host=… dbname=…'.  [also: PGQUEUE_DSN]"
)
schema_option = click.option(
    "--schema", metavar="NAME", help="The schema of its tables.  [default: the application's]"
)
embedded_option = click.option(
    "--embedded", is_flag=True, help="Use this directory's own PostgreSQL; start it if need be."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is done that is hard to undo; ends the command if the answer is no."""
    if yes:
        return
    try:
        answer = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        raise Failure("nothing was done: nobody answered; --yes does not ask") from None
    if not answer:
        raise Failure("nothing was done")
