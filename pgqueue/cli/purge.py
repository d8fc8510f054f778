"""`pgq purge`: empty queues."""

from __future__ import annotations

from collections.abc import Callable

import click

from pgqueue import operations
from pgqueue.cli import formats
from pgqueue.cli.database import Session, Target
from pgqueue.cli.options import confirm, database_options, examples, names, yes_option
from pgqueue.describe import one_line
from pgqueue.options import checked_name

BATCH = 1000


@click.command(epilog=examples("pgq purge -Q mail", "pgq purge --yes      # every queue"))
@click.option("-Q", "--queue", "given", multiple=True, metavar="QUEUE,…", help="Only these queues.")
@yes_option
@database_options
def purge(target: Target, given: tuple[str, ...], yes: bool) -> None:
    """Cancel every job that waits in a queue, scheduled ones too; running ones go on.

    Nothing is lost: the jobs are kept as cancelled, and `pgq jobs retry` brings them back.
    """
    with target.session() as session:
        waiting = _waiting(session, [checked_name("queue", name) for name in names(given)])
        total = sum(waiting.values())
        if not total:
            click.echo("nothing waits")
            return
        parts = [f"{one_line(queue)} ({number:,})" for queue, number in waiting.items()]
        what = f"{formats.plural(total, 'job')} of {formats.plural(len(parts), 'queue')}"
        confirm(f"Cancel {what}: {', '.join(parts)}?", yes=yes)
        cancelled = 0
        with click.progressbar(length=total, label="cancelling", hidden=total < BATCH) as bar:
            for queue in waiting:
                cancelled += _empty(session, queue, bar.update)
        kept = session.run(operations.retention()).get("cancelled")
    click.echo(
        f"{formats.plural(cancelled, 'job')} cancelled; kept in the history for "
        f"{formats.age(kept)}; 'pgq jobs retry --state cancelled' brings them back"
    )


def _waiting(session: Session, only: list[str]) -> dict[str, int]:
    rows = session.run(operations.queues())
    found = {row.queue: row.ready + row.scheduled for row in rows}
    return {q: n for q, n in found.items() if n and (not only or q in only)}


def _empty(session: Session, queue: str, advance: Callable[[int], None]) -> int:
    total = 0
    while True:
        number = session.run(operations.purge(queue, BATCH))
        total += number
        advance(number)
        if number < BATCH:
            return total
