"""`pgq queues`: list, pause, resume, limit, rate, keep."""

from __future__ import annotations

import click

from pgqueue import operations
from pgqueue.allowance import MOST, checked_plain_rate
from pgqueue.cli import formats
from pgqueue.cli.database import Session, Target
from pgqueue.cli.options import Failure, database_options, examples, json_option
from pgqueue.cli.status import show_limits, show_queues
from pgqueue.describe import one_line
from pgqueue.errors import InvalidOption
from pgqueue.limits import LONGEST
from pgqueue.options import checked_name

#: Of the column's type.
MOST_JOBS = 2**31 - 1


@click.group(epilog=examples("pgq queues list", "pgq queues pause mail", "pgq queues resume --all"))
def queues() -> None:
    """List, pause, resume and limit queues; how long they keep jobs.

    A queue exists as soon as a job is enqueued to it.
    """


@queues.command("list", epilog=examples("pgq queues list", "pgq queues list --json"))
@json_option
@database_options
def list_queues(target: Target, as_json: bool) -> None:
    """List the queues that hold unfinished jobs, are paused or have a limit.

    Jobs that are ready and limited are counted apart, too: they wait for their limits, or for a
    slot. `pgq queues limits` says for which.
    """
    with target.session() as session:
        rows = session.run(operations.queues())
    if as_json:
        formats.emit(rows)
    elif rows:
        show_queues(rows)
    else:
        click.echo("no queue has jobs that wait or run")


@queues.command("limits", epilog=examples("pgq queues limits", "pgq queues limits --json"))
@json_option
@database_options
def list_limits(target: Target, as_json: bool) -> None:
    """List the keys of limited jobs: what runs, what waits, and why.

    The 100 that are looked at next; of a key's jobs that wait, up to 100,000 are counted.
    """
    with target.session() as session:
        rows = session.run(operations.limits())
    if as_json:
        formats.emit(rows)
    elif rows:
        show_limits(rows)
    else:
        click.echo("no limited job waits or runs")


names_argument = click.argument("names", nargs=-1, metavar="NAME…")
all_option = click.option("--all", "every", is_flag=True, help="Every queue that is known.")


@queues.command(epilog=examples("pgq queues pause mail slow", "pgq queues pause --all"))
@names_argument
@all_option
@database_options
def pause(target: Target, names: tuple[str, ...], every: bool) -> None:
    """Stop claims from queues, at once and for every worker.

    Jobs that run already go on, and new ones may be enqueued: they wait until `pgq queues resume`.
    """
    with target.session() as session:
        known = _known(session)
        for name in _chosen(names, every, known):
            session.run(operations.pause(name))
            click.echo(f"paused {one_line(name)}")
            if name not in known:
                click.echo(
                    f"warning: queue {one_line(name)} has no jobs and no worker: "
                    "is its name right?",
                    err=True,
                )


@queues.command(epilog=examples("pgq queues resume mail", "pgq queues resume --all"))
@names_argument
@all_option
@database_options
def resume(target: Target, names: tuple[str, ...], every: bool) -> None:
    """Let claims from paused queues go on."""
    with target.session() as session:
        paused = {row.queue for row in session.run(operations.queues()) if row.paused}
        for name in _chosen(names, every, paused):
            session.run(operations.resume(name))
            click.echo(f"{one_line(name)} {'resumed' if name in paused else 'was not paused'}")


@queues.command(epilog=examples("pgq queues limit mail 10000", "pgq queues limit mail none"))
@click.argument("name")
@click.argument("most", metavar="JOBS|none", callback=lambda _ctx, _param, said: _most(said))
@database_options
def limit(target: Target, name: str, most: int | None) -> None:
    """Limit how many jobs may wait in a queue.

    An enqueue that would make it more is refused, with an error of its own. What waits already
    stays, and what runs does not count. `none` takes the limit away.
    """
    with target.session() as session:
        session.run(operations.limit_queue(checked_name("queue", name), most))
    said = "any number of jobs" if most is None else formats.plural(most, "job")
    click.echo(f"{one_line(name)}: {said} may wait")


@queues.command(epilog=examples("pgq queues rate mail 10/m --burst 3", "pgq queues rate mail none"))
@click.argument("name")
@click.argument("rate", metavar="RATE|none", callback=lambda _ctx, _param, said: _rate(said))
@click.option(
    "--burst", type=click.IntRange(1, MOST), default=1, metavar="N", show_default=True,
    help="How many may start at once after a rest.",
)  # fmt: skip
@database_options
def rate(target: Target, name: str, rate: str | None, burst: int) -> None:
    """Limit how often jobs of a queue start: 10/s, 10/m, 10/h.

    All of them together, over all workers and whoever enqueues; tasks keep their own limits
    besides. It counts at once. `none` takes the rate away.
    """
    with target.session() as session:
        session.run(operations.rate_queue(checked_name("queue", name), rate, burst))
    said = "jobs start as often as they like" if rate is None else f"at most {rate} start"
    more = f", {burst:,} at once after a rest" if rate is not None and burst > 1 else ""
    click.echo(f"{one_line(name)}: {said}{more}")


@queues.command(epilog=examples("pgq queues keep pings 3600", "pgq queues keep pings none"))
@click.argument("name")
@click.argument("seconds", metavar="SECONDS|none", callback=lambda _ctx, _param, said: _age(said))
@database_options
def keep(target: Target, name: str, seconds: float | None) -> None:
    """Keep a queue's finished jobs for a shorter time than the others.

    Workers delete what is older, within minutes. `none`: as long as the table pgqueue.retention
    says.
    """
    with target.session() as session:
        session.run(operations.keep_finished(checked_name("queue", name), seconds))
    kept = "as long as all others" if seconds is None else f"for {formats.age(seconds)}"
    click.echo(f"{one_line(name)}: finished jobs are kept {kept}")


def _age(said: str) -> float | None:
    if said == "none":
        return None
    try:
        seconds = float(said)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST:
        raise click.BadParameter(f"give a number of seconds up to {LONGEST:,}, or none")
    return seconds


def _rate(said: str) -> str | None:
    if said == "none":
        return None
    try:
        return checked_plain_rate(said)
    except InvalidOption:
        hint = "give a rate such as 10/s, 10/m or 10/h, or none; pgq queues pause has nothing start"
        raise click.BadParameter(hint) from None


def _most(said: str) -> int | None:
    if said == "none":
        return None
    if not said.isdecimal() or int(said) > MOST_JOBS:
        raise click.BadParameter(f"give a number of jobs up to {MOST_JOBS:,}, or none")
    return int(said)


def _known(session: Session) -> set[str]:
    rows = session.run(operations.queues())
    served = {queue for worker in session.run(operations.workers()) for queue in worker.queues}
    return {row.queue for row in rows} | served


def _chosen(given: tuple[str, ...], every: bool, known: set[str]) -> list[str]:
    if bool(given) == every:
        raise click.UsageError("name the queues, or give --all")
    if every and not known:
        raise Failure("there is no such queue")
    return sorted(known) if every else [checked_name("queue", name) for name in given]
