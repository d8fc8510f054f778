"""`pgq control`: tell running workers what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from pgqueue.cli import formats
from pgqueue.cli.database import Target
from pgqueue.cli.nodes import controlled, nobody, node_options
from pgqueue.cli.options import confirm, database_options, examples, job_ids, yes_option
from pgqueue.describe import one_line


@click.group(
    epilog=examples(
        "pgq control add_consumer slow -d w1",
        "pgq control pool_grow 4",
        "pgq control time_limit shop.report 50 60",
        "pgq control terminate 0198c0de-0000-7000-8000-000000000001",
    )
)
def control() -> None:
    """Tell running workers what to do.

    A command is kept in the database for a minute: a worker that is busy, or cut off for a moment,
    comes to it. Queues and sizes are the running worker's own, and are gone when it stops; what is
    said of tasks and jobs stays, for all workers.

    Exit codes: 0 done; 69 no worker answered, as in Celery; 1 an error, or a worker refused; 2
    wrong usage.
    """


@control.command("add_consumer", epilog=examples("pgq control add_consumer slow -d w1"))
@click.argument("queue")
@node_options
def add_consumer(queue: str, **asked: Any) -> None:
    """Have workers serve one more queue, until they stop."""
    _tell(lambda control, **whom: control.add_consumer(queue, **whom), **asked)


@control.command("cancel_consumer", epilog=examples("pgq control cancel_consumer slow"))
@click.argument("queue")
@node_options
def cancel_consumer(queue: str, **asked: Any) -> None:
    """Have workers claim no more from a queue; what they have of it they finish."""
    _tell(lambda control, **whom: control.cancel_consumer(queue, **whom), **asked)


@control.command("pool_grow", epilog=examples("pgq control pool_grow 4 -d w1"))
@click.argument("n", type=click.IntRange(1), required=False)
@node_options
def pool_grow(n: int | None, **asked: Any) -> None:
    """Have workers run N jobs more at once, in further processes; without N, one."""
    _tell(lambda control, **whom: control.pool_grow(n or 1, **whom), **asked)


@control.command("pool_shrink", epilog=examples("pgq control pool_shrink 4 -d w1"))
@click.argument("n", type=click.IntRange(1), required=False)
@node_options
def pool_shrink(n: int | None, **asked: Any) -> None:
    """Have workers run N jobs fewer at once; without N, one. None that runs is ended for that."""
    _tell(lambda control, **whom: control.pool_shrink(n or 1, **whom), **asked)


@control.command("pool_restart", epilog=examples("pgq control pool_restart"))
@node_options
def pool_restart(**asked: Any) -> None:
    """Have workers replace their processes, each once it has ended what it runs.

    The new ones import the application anew. New tasks need a new worker.
    """
    _tell(lambda control, **whom: control.pool_restart(**whom), **asked)


def _seconds(ctx: click.Context, param: click.Parameter, given: str | None) -> float | None:
    del ctx, param
    if given is None or given.lower() == "none":
        return None
    try:
        return float(given)
    except ValueError:
        raise click.BadParameter(f"{one_line(repr(given))}: give seconds, or none") from None


@control.command(
    "time_limit",
    epilog=examples(
        "pgq control time_limit shop.report 50 60",
        "pgq control time_limit shop.report none 60    # no soft limit",
        "pgq control time_limit shop.report            # no limit at all",
    ),
)
@click.argument("task")
@click.argument("soft", required=False, callback=_seconds)
@click.argument("hard", required=False, callback=_seconds)
@node_options
def time_limit(task: str, soft: float | None, hard: float | None, **asked: Any) -> None:
    """Set how long runs of TASK may take that begin from now on, in seconds.

    After SOFT, SoftTimeLimitExceeded is raised in the run; after HARD it is killed. In place of
    what the task declares, for all workers, also those that are started later.
    """
    _tell(lambda control, **whom: control.time_limit(task, soft, hard, **whom), **asked)


@control.command("rate_limit", epilog=examples("pgq control rate_limit shop.mail 10/m"))
@click.argument("task")
@click.argument("rate")
@node_options
def rate_limit(task: str, rate: str, **asked: Any) -> None:
    """Keep how often TASK may run: 10/s, 10/m, 10/h; 0: as often as it likes.

    It is kept in pgqueue.task_settings, for all workers.
    """
    _tell(lambda control, **whom: control.rate_limit(task, rate, **whom), **asked)


@control.command("shutdown", epilog=examples("pgq control shutdown -d w1"))
@yes_option
@node_options
def shutdown(yes: bool, **asked: Any) -> None:
    """Stop workers: no new claims, and what runs has the worker's grace to end."""
    whom = ", ".join(map(one_line, asked["destination"] or ["every worker"]))
    confirm(f"Stop {whom}?", yes=yes)
    _tell(lambda control, **whom: control.shutdown(**whom), **asked)


@control.command("enable_events", epilog=examples("pgq control enable_events"))
def enable_events() -> None:
    """Say that there is nothing to enable: what jobs do is in the database."""
    click.echo("nothing to enable: what jobs and workers do is in the database; see 'pgq status'")


@control.command("disable_events", epilog=examples("pgq control disable_events"))
def disable_events() -> None:
    """Say that there is nothing to disable."""
    click.echo("nothing to disable: workers send no events")


@control.command(
    "revoke", epilog=examples("pgq control revoke ID1 ID2", "pgq control revoke ID -T")
)
@click.argument("ids", nargs=-1, required=True, metavar="ID…", callback=job_ids)
@click.option("-T", "--terminate", is_flag=True, help="Kill the process of one that runs.")
@click.option(
    "-s", "--signal", default="SIGTERM", show_default=True, help="With which one; SIGKILL: at once."
)
@database_options
def revoke(target: Target, ids: tuple[str, ...], terminate: bool, signal: str) -> None:
    """Cancel jobs, whether any worker is there or not.

    Those that wait are cancelled at once. A coroutine that runs is cancelled where it waits; a
    `def` runs to its end and is not tried again, unless its process is killed with --terminate.

    Exit codes: 0 each of them is known; 1 one is not.
    """
    _end(target, ids, signal, terminate=terminate)


@control.command(
    "terminate", epilog=examples("pgq control terminate ID", "pgq control terminate ID -s SIGKILL")
)
@click.argument("ids", nargs=-1, required=True, metavar="ID…", callback=job_ids)
@click.option(
    "-s", "--signal", default="SIGTERM", show_default=True, help="With which one; SIGKILL: at once."
)
@database_options
def terminate(target: Target, ids: tuple[str, ...], signal: str) -> None:
    """Cancel jobs, and kill the process of those that run.

    What ran beside it there runs again, uncharged.

    Exit codes: 0 each of them is known; 1 one is not.
    """
    _end(target, ids, signal, terminate=True)


def _end(target: Target, ids: tuple[str, ...], signal: str, *, terminate: bool) -> None:
    with controlled(target) as control:
        states = control.revoke(ids, terminate=terminate, signal=signal)
    for id_ in ids:
        state = states.get(id_, "unknown: there is no such job")
        told = "running: its worker is told" if state == "running" else state
        click.echo(f"{id_}: {told}")
    if len(states) < len(set(ids)):
        click.get_current_context().exit(1)


def _tell(
    act: Callable[..., Any],
    target: Target,
    destination: list[str] | None,
    timeout: float,
    as_json: bool,
) -> None:
    whom: dict[str, Any] = {"destination": destination} if destination else {}
    with controlled(target) as control:
        answers = act(control, reply=True, timeout=timeout, **whom)
    if as_json and answers:
        formats.emit(answers)
    if not answers:
        nobody(timeout, as_json=as_json, empty=[])
    failed = False
    for name, said in (item for answer in answers for item in answer.items()):
        failed = failed or "error" in said
        if not as_json:
            text = said.get("ok") or f"error: {said.get('error')}"
            click.echo(f"{one_line(name)}: {one_line(str(text))}", err="error" in said)
    if failed:
        click.get_current_context().exit(1)
