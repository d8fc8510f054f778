"""`pgq schedules`: what is enqueued when, and what came of it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import Any

import click

from pgqueue import operations
from pgqueue.app import PgQueue
from pgqueue.cli import formats, tables
from pgqueue.cli.database import Session, Target
from pgqueue.cli.options import Failure, database_options, examples, json_option
from pgqueue.cli.scheduling import add, edit, pause, remove, resume, run_now
from pgqueue.describe import one_line
from pgqueue.errors import ConfigurationError
from pgqueue.rows import FOREVER, Fire, ScheduleRow
from pgqueue.ticks import checked_text, zone_named
from pgqueue.turns import upcoming

AHEAD, MOST_TIMES = 5, 10_000


@click.group(
    epilog=examples(
        "pgq schedules list",
        "pgq schedules add nightly shop.tidy '0 3 * * *' --timezone Europe/Oslo",
        "pgq schedules pause nightly",
        "pgq schedules next 10",
    )
)
def schedules() -> None:
    """List, add, edit, pause, resume and remove schedules.

    Schedules that an application declares are here, too: what is paused or edited stays so over
    restarts, the latter until the application declares something else.
    """


@schedules.command("list", epilog=examples("pgq schedules list", "pgq schedules list --json"))
@json_option
@database_options
def list_schedules(target: Target, as_json: bool) -> None:
    """List the schedules: refused ones first, then in the order of their next time."""
    with target.session() as session:
        rows = session.run(operations.schedules())
        now = session.run(operations.now())
    if as_json:
        formats.emit([document(row) for row in rows])
    elif rows:
        _show(rows, now)
    else:
        click.echo("there is no schedule: see 'pgq schedules add --help'")


def _show(rows: Sequence[ScheduleRow], now: datetime) -> None:
    cells = [
        (row.name, row.task, when(row), "" if _rests(row) else formats.since(row.next_run_at, now),
         formats.since(row.last_run_at, now) or "", _note(row))
        for row in rows
    ]  # fmt: skip
    titles = ("NAME", "TASK", "SCHEDULE", "NEXT", "LAST", "")
    tables.show(titles, cells, whole=("NEXT", "LAST"))


def when(row: ScheduleRow) -> str:
    """Return what a schedule says of its times."""
    return row.schedule if row.timezone == "UTC" else f"{row.schedule} {row.timezone}"


def _rests(row: ScheduleRow) -> bool:
    return bool(row.paused_at or row.error)


def _note(row: ScheduleRow) -> str:
    if row.error:
        return f"refused: {row.error}"
    if row.paused_at:
        return "paused"
    if row.waiting_tick:
        return "a job waits for the last one"
    return "" if row.last_state in (None, "succeeded") else f"last job: {row.last_state}"


def document(row: ScheduleRow) -> dict[str, Any]:
    """Return a schedule as JSON shows it: its payload is nested, not quoted."""
    stored = {name: formats.stored(getattr(row, name)) for name in ("args", "kwargs", "headers")}
    return {**asdict(row), **stored}


@schedules.command(
    epilog=examples("pgq schedules show nightly", "pgq schedules show nightly --json | jq .fires")
)
@click.argument("name")
@click.option(
    "--limit", type=click.IntRange(0, 10000), default=10, show_default=True, metavar="N",
    help="How many of its past times.",
)  # fmt: skip
@json_option
@database_options
def show(target: Target, name: str, limit: int, as_json: bool) -> None:
    """Show all about a schedule, its next times, and the jobs that came of it."""
    with target.session() as session:
        row = known(session, name)
        fires = session.run(operations.fires(name, limit))
        now = session.run(operations.now())
    ahead = _ahead(row, now)
    if as_json:
        formats.emit({**document(row), "upcoming": ahead, "fires": [asdict(f) for f in fires]})
        return
    for title, text in _facts(row, now):
        if text:
            click.echo(f"{click.style(f'{title:<12}', bold=True)}{one_line(text)}")
    for number, time in enumerate(ahead):
        click.echo(f"{'' if number else 'next':<12}{_local(time)}")
    if fires:
        click.echo()
        _show_fires(fires, _zone(row))


def _facts(row: ScheduleRow, now: datetime) -> Iterator[tuple[str, str | None]]:
    yield "name", row.name
    yield "task", row.task
    yield "schedule", when(row)
    yield "args", row.args
    yield "kwargs", row.kwargs if row.kwargs != "{}" else None
    yield "queue", f"{row.queue}, priority {row.priority}"
    if row.expires_in is not None:
        yield "expires", f"{formats.age(row.expires_in)} after its time"
    if row.max_attempts is not None:
        yield "attempts", "any" if row.max_attempts == FOREVER else str(row.max_attempts)
    yield "headers", row.headers
    yield "catch up", f"{row.catch_up} of the times that were missed"
    yield "overlap", row.overlap
    edited = f", edited {formats.since(row.edited_at, now)}" if row.edited_at else ""
    yield "declared by", row.source and row.source + edited
    yield "paused", formats.since(row.paused_at, now)
    yield "refused", row.error
    yield "last", formats.since(row.last_run_at, now)


def _show_fires(fires: Sequence[Fire], zone: tzinfo) -> None:
    cells = [
        (_local(fire.fire_time.astimezone(zone)), fire.job_id or "skipped", fire.state or "",
         formats.age((fire.fired_at - fire.fire_time).total_seconds()))
        for fire in fires
    ]  # fmt: skip
    titles = ("TIME", "JOB", "STATE", "LATE BY")
    tables.show(titles, cells, whole=("TIME", "JOB", "LATE BY"), right=("LATE BY",))


@schedules.command(
    "next",
    epilog=examples(
        "pgq schedules next 10             # of all schedules",
        "pgq schedules next nightly",
        "pgq schedules next 3 nightly --timezone UTC",
        "pgq schedules next 4 --of '30 2 * * *' --timezone Europe/Oslo    # without a database",
    ),
)
@click.argument(
    "given", nargs=-1, metavar="[N] [NAME]", callback=lambda _ctx, _param, given: _asked(given)
)
@click.option("--of", "text", metavar="SCHEDULE", help="Of what this says, whatever is stored.")
@click.option(
    "--timezone", metavar="ZONE",
    help="By the clock of this zone.  [default: the schedule's; of several, the application's]",
)  # fmt: skip
@json_option
@database_options
def next_times(
    target: Target,
    given: tuple[int, str | None],
    text: str | None,
    timezone: str | None,
    as_json: bool,
) -> None:
    """Show the next N times (5 unless given), of all schedules or of one."""
    number, name = given
    zone = zone_named(timezone) if timezone else None
    if text is not None:
        times = islice(upcoming(checked_text(text), timezone or "UTC", datetime.now(UTC)), number)
        found = [(time, text) for time in times]
    else:
        with target.session() as session:
            rows = [known(session, name)] if name else session.run(operations.schedules())
            now = session.run(operations.now())
        kept = [row for row in rows if not _rests(row)]
        zone = zone or _common_zone(kept, session.app)
        times_of = heapq.merge(*(_named(row, now) for row in kept))
        found = [(time.astimezone(zone), named) for time, named in islice(times_of, number)]
    if as_json:
        formats.emit([{"time": time, "schedule": named} for time, named in found])
        return
    for time, named in found:
        click.echo(f"{_local(time)}  {one_line(named)}")


def _asked(given: tuple[str, ...]) -> tuple[int, str | None]:
    """Return how many times are asked for, and of which schedule, whichever comes first."""
    numbers = [text for text in given if text.isdecimal()]
    number = numbers[0] if numbers else str(AHEAD)
    names = list(given)
    if numbers:
        names.remove(number)
    if len(names) > 1:
        raise click.UsageError(f"give N, how many times, and one NAME, not {' and '.join(names)}")
    if not 1 <= int(number) <= MOST_TIMES:
        raise click.BadParameter(f"N is 1 to {MOST_TIMES:,}, not {number}")
    return int(number), names[0] if names else None


def _common_zone(rows: Sequence[ScheduleRow], app: PgQueue | None) -> tzinfo:
    """Return by whose clock times of these schedules are shown beside each other."""
    if len({row.timezone for row in rows}) == 1:
        return _zone(rows[0])
    return app.conf.zone if app else UTC


def _zone(row: ScheduleRow) -> tzinfo:
    try:
        return zone_named(row.timezone)
    except ConfigurationError:
        return UTC  # the scheduler will say so


def _named(row: ScheduleRow, now: datetime) -> Iterator[tuple[datetime, str]]:
    try:
        for time in upcoming(row.schedule, row.timezone, now, row.anchor_at):
            yield time, row.name
    except ConfigurationError:
        return  # the scheduler will say so


def _ahead(row: ScheduleRow, now: datetime) -> list[datetime]:
    if _rests(row):
        return []
    return [time for time, _ in islice(_named(row, now), AHEAD)]


def _local(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S %Z}"


def known(session: Session, name: str) -> ScheduleRow:
    """Return the schedule of a name; there must be one."""
    if found := session.run(operations.schedules(name)):
        return found[0]
    raise Failure(f"there is no schedule {name!r}: see 'pgq schedules list'")


for act in (add, edit, pause, resume, run_now, remove):
    schedules.add_command(act)
