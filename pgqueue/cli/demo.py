"""`pgq demo`: how the run in `pgqueue/demo/` looks."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from pgqueue.cli import tables
from pgqueue.cli.formats import plural
from pgqueue.cli.options import examples
from pgqueue.config import hide_password
from pgqueue.demo import folder as folders
from pgqueue.demo import place, queries, run, worker
from pgqueue.demo.enqueueing import ROLLED_BACK_EVERY
from pgqueue.demo.folder import Found
from pgqueue.demo.place import Connection, Place
from pgqueue.demo.queries import Answer
from pgqueue.demo.run import Progress
from pgqueue.demo.worker import Worker
from pgqueue.worker.logs import printable

INTERRUPTED = 130  # as a shell says it
PLAIN_INTERVAL = 2.0  # seconds between lines where a line cannot be written over

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
    """Analyse a folder of Python files, a job for each, and prove what pgqueue promises.

    FOLDER is read, never changed; without one it is the standard library. Hidden folders and
    site-packages in it are passed over.

    Without --dsn or PGQUEUE_DSN this starts a PostgreSQL of its own, whose data stay in
    .pgqueue/postgres. It makes the schemas pgqueue and pgqueue_demo, runs a worker, enqueues, and
    lets SQL tell what came of it.

    The exit code is 0 if every promise held, 1 if not. Ctrl-C stops whatever was started.
    """
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
        click.echo(click.style("starting a PostgreSQL of its own …", dim=True))
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
            _say_what_is_left(connection, number)
            raise
        _say_how_it_went(last)
        for answer in queries.report(connection, number):
            _show_answer(answer)
        kept = _show_proofs(queries.proofs(connection, number))
        _say_how_to_go_on(here, dsn, queries.a_failed_job(connection, number))
        return kept


class ProgressLine:
    """One line that is written over in a terminal; elsewhere a new one every now and then."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._next = time.monotonic() + PLAIN_INTERVAL
        self._text = ""

    def show(self, p: Progress) -> None:
        """Show how far the run is."""
        self._text = (
            f"  enqueued {p.enqueued:,}   waiting {p.waiting:,}   running {p.running:,}   "
            f"succeeded {p.succeeded:,}   failed {p.failed:,}   {p.per_second:,.0f} jobs/s"
        )
        if self._live:
            click.echo(f"\r\x1b[K{tables.cut(self._text, tables.width())}", nl=False)
        elif time.monotonic() >= self._next:
            self._next += PLAIN_INTERVAL
            self.end()

    def end(self) -> None:
        """Leave the line as it is."""
        if self._text:
            click.echo("" if self._live else self._text)
        self._text = ""


def _introduce(
    number: int, here: Place, connection: Connection, applied: int, servant: Worker, found: Found
) -> None:
    version = divmod(connection.info.server_version, 10000)
    where = f"data in {here.directory}" if here.directory else hide_password(here.dsn)
    facts = {
        "database": f"PostgreSQL {version[0]}.{version[1]}, {where}",
        "schema": f"{plural(applied, 'file')} of SQL applied" if applied else "up to date",
        "worker": servant.command,
        "folder": f"{printable(str(found.folder))}: {plural(len(found.files), 'Python file')}",
    }
    if found.skipped:
        facts["skipped"] = f"{plural(found.skipped, 'name')} that cannot be read or are not UTF-8"
    click.echo(_bold(f"pgqueue demo, run {number}"))
    for name, fact in facts.items():
        click.echo(f"  {name:<10}{fact}")
    click.echo(EXPLANATION)


def _say_how_it_went(last: Progress) -> None:
    transactions = plural(last.enqueued + last.rolled_back, "transaction")
    click.echo(
        f"  {transactions} in {last.seconds:.1f} s: {last.enqueued:,} committed, each with its job, "
        f"and {last.rolled_back:,} rolled back"
    )


def _say_what_is_left(connection: Connection, number: int) -> None:
    states = queries.states(connection, number)
    left = sum(states.get(state, 0) for state in ("waiting", "queued", "running"))
    click.echo(f"Stopped. {plural(left, 'job')} of run {number} wait for the next `pgq demo`.")


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


def _say_how_to_go_on(here: Place, dsn: str | None, failed: str | None) -> None:
    pgq, at = _program(), " --embedded" if here.directory else ""
    commands = [f"status{at}", f"jobs list --state failed{at}"]
    if failed:
        commands.append(f"jobs show {failed}{at}")
    click.echo()
    click.echo(_bold("Go on looking"))
    if dsn:
        click.echo("  (with PGQUEUE_DSN set to your --dsn)")
    for command in commands:
        click.echo(f"  {pgq} {command}")


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
