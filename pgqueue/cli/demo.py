"""`pgq demo`: how the run in `pgqueue/demo/` looks."""

from __future__ import annotations

import logging
import shlex
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import psycopg

from pgqueue.cli import tables
from pgqueue.cli.formats import plural
from pgqueue.cli.options import examples
from pgqueue.config import hide_password
from pgqueue.demo import folder as folders, place, queries, run, worker
from pgqueue.demo.enqueueing import ROLLED_BACK_EVERY
from pgqueue.demo.folder import Found
from pgqueue.demo.place import Connection, Place
from pgqueue.demo.progress import Progress, ProgressLine
from pgqueue.demo.queries import Answer
from pgqueue.demo.worker import Worker
from pgqueue.describe import one_line

INTERRUPTED = 130  # as a shell says it

EXPLANATION = f"""
Each file is one transaction, and every {ROLLED_BACK_EVERY}th of them is rolled back on purpose:

    with app.transaction() as conn:
        (file_id,) = conn.execute("insert into pgqueue_demo.files …").fetchone()
        analyse.using(conn).delay(file_id)         # the job comes with the row, or not at all

Each job writes its results in the very commit that finishes it: see pgqueue/demo/app.py.
"""


@click.command(
    epilog=examples(
        "pgq demo                        # Python's own standard library",
        "pgq demo ~/src/shop             # or your own code",
        "pgq demo --limit 100 --dsn postgresql:///test",
    )
)
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--dsn", metavar="DSN", help="A database to use.  [also: PGQUEUE_DSN]")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Take the first N files only.")
@click.option(
    "-c",
    "--concurrency",
    type=click.IntRange(1, 64),
    metavar="N",
    help="How many jobs run at once.  [default: two per processor, at most 8]",
)
def demo(folder: Path | None, dsn: str | None, limit: int | None, concurrency: int | None) -> None:
    """Analyse a folder of Python files, and prove what pgqueue promises.

    Every file is a job. FOLDER is read, never changed; without one it is the standard library.
    Hidden folders and site-packages in it are passed over.

    Without --dsn or PGQUEUE_DSN this starts a PostgreSQL of its own, whose data stay in
    .pgqueue/postgres. It makes the schemas pgqueue and pgqueue_demo, runs a worker, enqueues, and
    lets SQL tell what came of it.

    The exit code is 0 if every promise held, 1 if not. Ctrl-C stops whatever was started.
    """
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # Ctrl-C breaks connections: no news
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        found = folders.find_files(folder or folders.standard_library(), limit)
        kept = _demonstrate(found, dsn, concurrency)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(0 if kept else 1)


def _demonstrate(found: Found, dsn: str | None, concurrency: int | None) -> bool:
    """Run the demo; returns whether every promise held."""
    if place.needs_server(dsn):
        click.echo(click.style("starting this directory's own PostgreSQL …", dim=True))
    with place.opened(dsn) as here, place.connected(here) as connection:
        applied = place.prepare(connection)
        number = run.begin(connection, found.folder)
        line = ProgressLine()
        try:
            with worker.started(concurrency) as servant:
                _introduce(number, here, connection, applied, servant, found)
                last = run.play(connection, number, found.files, servant, line.show)
            line.end()
        except KeyboardInterrupt:
            line.end()
            _cancel(connection, number)
            raise
        _say_how_it_went(last)
        for answer in queries.report(connection, number):
            _show_answer(answer)
        kept = _show_proofs(queries.proofs(connection, number))
        _say_how_to_go_on(here, dsn, queries.value(connection, "a_failed_job", number))
        return kept


def _introduce(
    number: int, here: Place, connection: Connection, applied: int, servant: Worker, found: Found
) -> None:
    version = divmod(connection.info.server_version, 10000)
    where = f"data in {here.directory}" if here.directory else hide_password(here.dsn)
    facts = {
        "database": f"PostgreSQL {version[0]}.{version[1]}, {where}",
        "schema": f"{plural(applied, 'file')} of SQL applied" if applied else "up to date",
        "worker": servant.command,
        "folder": f"{one_line(str(found.folder))}: {plural(len(found.files), 'Python file')}",
    }
    if left := queries.value(connection, "left_over", number):
        facts["first"] = f"{plural(left, 'job')} left by earlier runs"
    if found.skipped:
        facts["skipped"] = f"{plural(found.skipped, 'name')} that cannot be read or are not UTF-8"
    click.echo(_bold(f"pgqueue demo, run {number}"))
    for name, fact in facts.items():
        click.echo(f"  {name:<10}{fact}")
    click.echo(EXPLANATION)


def _say_how_it_went(last: Progress) -> None:
    transactions = plural(last.enqueued + last.rolled_back, "transaction")
    click.echo(
        f"  {transactions}: {last.enqueued:,} committed a row and its job, "
        f"{last.rolled_back:,} rolled both back; all done in {last.seconds:.1f} s"
    )


def _cancel(connection: Connection, number: int) -> None:
    said = "Stopped."
    with suppress(psycopg.Error):  # a second Ctrl-C may have broken the connection
        rest = plural(queries.value(connection, "cancel", number), "job")
        said = f"Stopped; the {rest} of run {number} that had not ended are cancelled."
    click.echo(said)


def _show_answer(answer: Answer) -> None:
    click.echo()
    click.echo(_bold(answer.title))
    _show_sql(answer.sql)
    if not answer.rows:
        click.echo("  none")
        return
    numbers = {
        name
        for name, value in zip(answer.columns, answer.rows[0], strict=True)
        if not isinstance(value, str)
    }
    rows = [[_cell(value) for value in row] for row in answer.rows]
    tables.show(answer.columns, rows, right=numbers, indent="  ")


def _show_proofs(answers: Sequence[Answer]) -> bool:
    """Show every proof with its number; returns whether all are 0."""
    click.echo()
    click.echo(_bold("The promises: every number below has to be 0"))
    kept = True
    for answer in answers:
        (number,) = answer.rows[0]
        kept = kept and number == 0
        click.echo(click.style(f"  {number}  {answer.title}", fg="red" if number else "green"))
        _show_sql(answer.sql, indent="     ")
    click.echo(
        click.style("  every promise held", fg="green", bold=True)
        if kept
        else click.style("  a promise was broken", fg="red", bold=True)
    )
    return kept


def _say_how_to_go_on(here: Place, dsn: str | None, failed: UUID | None) -> None:
    pgq, at = _program(), " --embedded" if here.directory else ""
    click.echo()
    click.echo(_bold("Go on"))
    if dsn:
        secret = hide_password(dsn) != dsn
        export = [] if secret else [f"export PGQUEUE_DSN={shlex.quote(dsn)}"]
        _show_commands("PGQUEUE_DSN has to be what you gave as --dsn", *export)
    looks = [f"{pgq} status{at}", f"{pgq} jobs list --state failed{at}"]
    if failed:
        looks.append(f"{pgq} jobs show {failed}{at}")
    _show_commands("how things stand, what failed, and why", *looks)
    psql = place.psql(here)
    if here.directory:
        up, down = f"{pgq} up --detach", f"{pgq} down"
        _show_commands("your own questions", *filter(None, (up, psql, down)))
    elif psql:
        removal = f"{psql} -c 'drop schema pgqueue_demo cascade'"
        _show_commands("your own questions, and the end of the demo's tables", psql, removal)


def _show_commands(about: str, *commands: str) -> None:
    click.echo(click.style(f"  # {about}", dim=True))
    for command in commands:
        click.echo(f"  {command}")


def _program() -> str:
    """Return what the user types for `pgq`: perhaps it is not on the path."""
    typed = sys.argv[0]
    if Path(typed).name != "pgq":
        return f"{shlex.quote(sys.executable)} -m pgqueue.cli"
    return "pgq" if shutil.which("pgq") == shutil.which(typed) else shlex.quote(typed)


def _show_sql(sql: str, indent: str = "  ") -> None:
    for line in sql.splitlines():
        click.echo(click.style(indent + line, dim=True))


def _bold(text: str) -> str:
    return click.style(text, bold=True)


def _cell(value: Any) -> str | int | None:
    if isinstance(value, timedelta):
        return f"{value.total_seconds():.1f} s"
    return f"{value:,.2f}" if isinstance(value, float | Decimal) else value
