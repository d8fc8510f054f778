"""`pgq bench`: how the measurements of `pgqueue/bench/` look."""

from __future__ import annotations

import logging
import shutil
import signal
import sys
from typing import Any

import click

from pgqueue.bench import report
from pgqueue.bench.plan import Size
from pgqueue.bench.run import MEASURES, run
from pgqueue.bench.scratch import INTERRUPTS, scratch
from pgqueue.bench.settings import Settings
from pgqueue.bench.tasks import SCHEMA
from pgqueue.cli import formats, tables
from pgqueue.cli.database import Target
from pgqueue.cli.options import app_option, dsn_option, embedded_option, examples, json_option

INTERRUPTED = 130  # as a shell says it


@click.command(
    epilog=examples(
        "pgq bench                       # everything, about two minutes",
        "pgq bench drain pickup",
        "pgq bench --scale 0.1           # a first impression",
        "pgq bench --json > bench.json   # with every slice",
    )
)
@click.argument("measures", nargs=-1, type=click.Choice(list(MEASURES)))
@click.option(
    "--jobs",
    type=click.IntRange(2),
    default=Size().jobs,
    show_default=True,
    metavar="N",
    help="How many jobs to drain, and to enqueue in bulk.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=Size().seconds,
    show_default=True,
    metavar="S",
    help="How long to enqueue, each way.",
)
@click.option(
    "--producers",
    type=click.IntRange(1, 100),
    default=Size().producers,
    show_default=True,
    metavar="N",
    help="How many processes enqueue at once.",
)
@click.option(
    "--scale",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    metavar="F",
    help="Make jobs and seconds so many times as much.",
)
@click.option("--keep", is_flag=True, help=f"Do not drop the schema {SCHEMA} at the end.")
@json_option
@app_option
@dsn_option
@embedded_option
def bench(
    measures: tuple[str, ...],
    jobs: int,
    seconds: float,
    producers: int,
    scale: float,
    keep: bool,
    as_json: bool,
    app: str | None,
    dsn: str | None,
    embedded: bool,
) -> None:
    """Measure what pgqueue does on this database.

    \b
    enqueue    delay() one by one, beside the bare insert of the same row
    producers  the same by several processes at once
    bulk       enqueue_many(), all in one transaction
    drain      a worker and a full queue, beside its statements in a bare loop
    pickup     an idle worker: from delay() to the task's first line
    mixed      a producer flat out beside a worker: does the backlog grow?

    All of them, unless MEASURES are named. Everything happens in a schema of its own,
    pgqueue_bench, which is dropped at the end, on Ctrl-C and after an error, too; your jobs are not
    touched. They share the server, though: what else runs on it slows the measurements down, and
    they it.
    """  # noqa: D301 (the backspace is what tells click to leave lines as they are)
    logging.getLogger("psycopg").setLevel(logging.CRITICAL)  # Ctrl-C breaks connections: no news
    for number in INTERRUPTS:
        signal.signal(number, signal.default_int_handler)
    size = Size(jobs=jobs, seconds=seconds, producers=producers).scaled(scale)
    screen = Screen(quiet=as_json)
    try:
        document = _measure(Target(app, dsn, embedded=embedded), measures, size, screen, keep)
    except KeyboardInterrupt:
        screen.say("")
        sys.exit(INTERRUPTED)
    if as_json:
        formats.emit(document)


def _measure(
    target: Target, measures: tuple[str, ...], size: Size, screen: Screen, keep: bool
) -> dict[str, Any]:
    settings: list[Settings] = []

    def begin(found: Settings) -> None:
        settings.append(found)
        screen.begin(found)

    with target.session(migrated=False) as session:
        listen = session.app.listen_dsn if session.app and not target.dsn else None
        with scratch(session.dsn, listen, keep=keep) as place:
            found = run(place, measures, size, say=screen.say, begin=begin, show=screen.show)
            screen.say("")
            return {"settings": settings[0], "measures": found}


class Screen:
    """Tables on standard output, what is being done on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = sys.stderr.isatty()
        self._said = ""

    def say(self, what: str, where: str = "") -> None:
        """Say what is being done, and how far it is.

        On a terminal in place of what was said before; elsewhere only what is new.
        """
        if self._live:
            room = shutil.get_terminal_size().columns - 1
            text = f"{what} {where}".rstrip()
            click.echo(f"\r\x1b[K{tables.cut(text, room)}", nl=False, err=True)
        elif what and what != self._said:
            click.echo(f"pgq bench: {what}", err=True)
        self._said = what

    def begin(self, settings: Settings) -> None:
        """Print what is measured on."""
        if not self._quiet:
            for name, text in report.settings_lines(settings):
                click.echo(f"{name:<9}{text}")

    def show(self, name: str, result: Any) -> None:
        """Print the table of a measure."""
        if self._quiet:
            return
        self.say("")
        table = report.TABLES[name](result)
        click.echo("\n" + click.style(table.title, bold=True))
        columns = [title or " " * i for i, title in enumerate(table.columns)]
        lines = tables.render(columns, table.rows, right=columns[1:-1], indent="  ")
        for line in lines if any(map(str.strip, table.columns)) else lines[1:]:
            click.echo(line)
        for note in table.notes:
            click.echo(click.style(f"  {note}", dim=True))
