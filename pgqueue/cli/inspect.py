"""`pgq inspect`: what the workers say of themselves, now."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import click

from pgqueue import operations
from pgqueue.backoff import Doubling
from pgqueue.cli import formats, tables
from pgqueue.cli.database import Session, Target
from pgqueue.cli.options import database_options, examples, json_option
from pgqueue.describe import one_line
from pgqueue.rows import WorkerRow


@dataclass(frozen=True, slots=True)
class Answer:
    """A worker, and how many seconds after the question it answered, if it did in time."""

    worker: WorkerRow
    after: float | None

    def document(self, **fields: Any) -> dict[str, Any]:
        """Return what every answer says in JSON."""
        worker = self.worker
        heard = {"heartbeat_at": worker.heartbeat_at, "silent_for": worker.silent_for}
        return {
            "worker": worker.name,
            "id": worker.id,
            "answered_after": self.after,
            "alive": worker.alive,
            **heard,
            **fields,
        }


@click.group(epilog=examples("pgq inspect ping", "pgq inspect active", "pgq inspect stats --json"))
def inspect() -> None:
    """Ask the workers themselves.

    Every worker is asked for a fresh heartbeat, and has --timeout seconds to answer; of one that
    does not, the last heartbeat is shown with its age. Behind a transaction pooler workers hear no
    question, but beat every 5 seconds: ask with --timeout 6.
    """


def _inspection(function: Callable[..., None]) -> Callable[..., None]:
    timeout = click.option(
        "--timeout",
        type=click.FloatRange(0),
        default=1.0,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait for answers.",
    )
    return timeout(json_option(database_options(function)))


@inspect.command(epilog=examples("pgq inspect ping", "pgq inspect ping --timeout 6 || echo none"))
@_inspection
def ping(target: Target, timeout: float, as_json: bool) -> None:
    """Ask who is there.

    Exit codes: 0 somebody answered; 1 nobody did.
    """
    answers = _ask(target, timeout)
    if as_json:
        formats.emit([answer.document() for answer in answers])
    for answer in [] if as_json else answers:
        heard = formats.age(answer.worker.silent_for)
        said = f"no answer; last heard of {heard} ago{'' if answer.worker.alive else ': lost'}"
        click.echo(f"{one_line(answer.worker.name)}: {_pong(answer) or said}")
    if not any(answer.after is not None for answer in answers):
        if not as_json:
            click.echo("nobody answered", err=True)
        click.get_current_context().exit(1)


@inspect.command(epilog=examples("pgq inspect active", "pgq inspect active --json"))
@_inspection
def active(target: Target, timeout: float, as_json: bool) -> None:
    """List the jobs that run now."""
    answers = _ask(target, timeout)
    if as_json:
        formats.emit([answer.document(active=answer.worker.active) for answer in answers])
        return
    rows = [
        (answer.worker.name, job["task"], job["id"], job["queue"], job["attempt"],
         formats.age(job["seconds"]), str(job["pid"]))
        for answer in answers
        for job in answer.worker.active
    ]  # fmt: skip
    titles = ("WORKER", "TASK", "ID", "QUEUE", "ATTEMPT", "FOR", "PID")
    if rows:
        tables.show(titles, rows, right=("ATTEMPT", "FOR", "PID"), whole=("ID", "FOR", "PID"))
    else:
        click.echo("nothing runs" if answers else "no worker runs")
    _say_who_is_silent(answers)


@inspect.command(epilog=examples("pgq inspect registered", "pgq inspect registered --json"))
@_inspection
def registered(target: Target, timeout: float, as_json: bool) -> None:
    """List the tasks that the workers know, and who knows them."""
    answers = _ask(target, timeout)
    if as_json:
        formats.emit([answer.document(tasks=answer.worker.tasks) for answer in answers])
        return
    tasks = sorted({task for answer in answers for task in answer.worker.tasks})
    rows = [
        (task, ", ".join(a.worker.name for a in answers if task in a.worker.tasks))
        for task in tasks
    ]
    if rows:
        tables.show(("TASK", "WORKERS"), rows)
    else:
        click.echo("no worker runs")
    _say_who_is_silent(answers)


@inspect.command(epilog=examples("pgq inspect stats", "pgq inspect stats --json"))
@_inspection
def stats(target: Target, timeout: float, as_json: bool) -> None:
    """List the workers with what they have done since they started."""
    answers = _ask(target, timeout)
    if as_json:
        fields = ("hostname", "pid", "version", "queues", "processes", "concurrency", "started_at")
        formats.emit(
            [
                a.document(
                    **{name: getattr(a.worker, name) for name in fields}, stats=a.worker.stats
                )
                for a in answers
            ]
        )
        return
    rows = [_stats(answer.worker) for answer in answers]
    titles = (
        "WORKER",
        "HOST",
        "PID",
        "UP",
        "BUSY",
        "PROC.",
        "SUCCEEDED",
        "FAILED",
        "RETRIED",
        "STALE",
    )
    if rows:
        tables.show(titles, rows, right=titles[2:], whole=titles[2:])
    else:
        click.echo("no worker runs")
    _say_who_is_silent(answers)


def _stats(worker: WorkerRow) -> tuple[str | int | None, ...]:
    up = (worker.heartbeat_at - worker.started_at).total_seconds() + worker.silent_for
    done = [worker.stats.get(name, 0) for name in ("succeeded", "failed", "retried", "stale")]
    busy = f"{len(worker.active)}/{worker.concurrency}"
    up_for = formats.age(up)
    return (worker.name, worker.hostname, str(worker.pid), up_for, busy, worker.processes, *done)


def _ask(target: Target, timeout: float) -> list[Answer]:
    with target.session() as session:
        return ask(session, timeout)


def ask(session: Session, timeout: float) -> list[Answer]:
    """Ask every worker for a heartbeat; returns when all live ones have answered, or in time."""
    asked = session.run(operations.ping())
    deadline = time.monotonic() + timeout
    pauses = Doubling(0.01, 0.2)
    while True:
        workers = session.run(operations.workers())
        remaining = deadline - time.monotonic()
        if remaining <= 0 or all(w.heartbeat_at > asked for w in workers if w.alive):
            break
        time.sleep(min(pauses.next(), remaining))
    spans = [(worker.heartbeat_at - asked).total_seconds() for worker in workers]
    return [
        Answer(worker, span if span > 0 else None)
        for worker, span in zip(workers, spans, strict=True)
    ]


def _pong(answer: Answer) -> str | None:
    return None if answer.after is None else f"pong after {formats.age(answer.after)}"


def _say_who_is_silent(answers: Iterable[Answer]) -> None:
    for answer in answers:
        if answer.after is None:
            worker = answer.worker
            click.echo(
                f"{one_line(worker.name)} did not answer: as of {formats.age(worker.silent_for)} "
                f"ago{'' if worker.alive else ', and its lease is over'}",
                err=True,
            )
