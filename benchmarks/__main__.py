"""`python -m benchmarks`: the command."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import click

from benchmarks import (
    anatomy,
    bodies,
    canvas,
    commits,
    crowd,
    exact,
    growth,
    limits,
    pinned,
    results,
    soak,
    standing,
    tables,
)
from benchmarks.results import Verdict
from benchmarks.setting import Setting
from pgqueue.bench.scratch import INTERRUPTS
from pgqueue.config import find_dsn, hide_password
from pgqueue.errors import PgQueueError

Measure = Callable[[Setting], dict[str, Any]]
Judge = Callable[[dict[str, Any]], list[Verdict]]
SCENARIOS: dict[str, tuple[Measure, Judge]] = {
    module.__name__.rpartition(".")[2]: (module.measure, module.judged)
    for module in (
        pinned,
        standing,
        commits,
        crowd,
        bodies,
        growth,
        anatomy,
        canvas,
        limits,
        exact,
        soak,
    )
}
INTERRUPTED = 130  # as a shell says it


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME…")
@click.option(
    "--scale",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Make counts and times so many times as large.",
)
@click.option("--dsn", help="The database.  [default: PGQUEUE_DSN, DATABASE_URL, libpq's]")
@click.option("--keep/--no-keep", default=True, help="Write results/NAME.json.  [default: keep]")
def main(names: tuple[str, ...], scale: float, dsn: str | None, keep: bool) -> None:
    """Put pgqueue under pressure, and say whether it stays as fast as it was.

    \b
    pinned    somebody holds an old snapshot while jobs flow         15 min
    standing  millions of rows that are not due, and a long history   5 min
    commits   32 connections enqueue one by one: what NOTIFY costs    4 min
    crowd     1 to 8 workers, 1 to 16 queues                          3 min
    bodies    tasks of 0 to 100 ms, and a mix: do slots stay busy?    2 min
    growth    backlog, history and payload grow: what a job costs     3 min
    anatomy   where the time of one job goes                          1 min
    canvas    chords, chains and large groups                         1 min
    limits    limited jobs, and plain ones beside a million of them   5 min
    exact     rates and places, while workers are killed and frozen   16 min
    soak      everything at once, for six hours                       6 h
    plots     draw docs/images/ from results/; needs matplotlib
    tables    renew the tables of docs/performance.md from results/
    all       the first eight, plots and tables

    Times are those of --scale 1, on two cores; --scale 0.1 is a first impression. Scenarios use
    schemas of their own (pgqueue_pressure…), dropped at the end and on Ctrl-C. A database of its
    own is best, on a machine that does nothing else; pinned and standing need 10 GB of disk.
    Progress goes to standard error, figures to standard output. Exit status 1: a bound is broken.
    """  # noqa: D301 (the backspace is what tells click to leave lines as they are)
    for number in INTERRUPTS:
        signal.signal(number, signal.default_int_handler)
    if "all" in names:
        names = (*(name for name in SCENARIOS if name != "soak"), "plots", "tables")
    if unknown := [name for name in names if name not in (*SCENARIOS, "plots", "tables")]:
        known = ", ".join([*SCENARIOS, "plots", "tables", "all"])
        raise click.UsageError(f"no scenario is called {unknown[0]!r}: there are {known}")
    try:
        broken = [name for name in names if not _run(name, scale, dsn, keep=keep)]
    except PgQueueError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    sys.exit(1 if broken else 0)


def _run(name: str, scale: float, dsn: str | None, *, keep: bool) -> bool:
    if name == "plots":
        from benchmarks import plots  # noqa: PLC0415 (matplotlib is wanted for this alone)

        for path in plots.draw():
            click.echo(path)
        return True
    if name == "tables":
        tables.write()
        return True
    setting = Setting(find_dsn(dsn), scale, lambda what: _say(f"{name}: {what}"))
    about = results.facts(setting)
    _say(f"{name} on {hide_password(setting.dsn)}, PostgreSQL {about['postgresql']}, scale {scale}")
    began = time.monotonic()
    measure, judged = SCENARIOS[name]
    result = measure(setting)
    verdicts = judged(result)
    _say(f"{name}: {time.monotonic() - began:.0f} s")
    click.echo(name)
    for verdict in verdicts:
        mark = "holds " if verdict.holds else "BROKEN"
        click.echo(f"  {mark}  {verdict.figure:>10g}  {verdict.bound:<8}  {verdict.what}")
    if keep:
        _say(f"{name}: {results.write(name, about, scale, result, verdicts)}")
    return all(verdict.holds for verdict in verdicts)


def _say(what: str) -> None:
    click.echo(f"{time.strftime('%H:%M:%S')} {what}", err=True)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
