"""`pgq inspect`: what the workers have, do and are, now."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click

from pgqueue.cli import formats, tables
from pgqueue.cli.database import Target
from pgqueue.cli.nodes import controlled, nobody, node_options
from pgqueue.cli.options import examples, job_ids
from pgqueue.describe import one_line

Nodes = dict[str, Any]


@click.group(
    epilog=examples(
        "pgq inspect ping || echo 'no worker is there'",
        "pgq inspect active -d w1,w2",
        "pgq inspect stats --json | jq '.[].total'",
    )
)
def inspect() -> None:
    """Ask the workers.

    What is in the database is read there: what runs, what is scheduled, who serves which queue. For
    the rest a question is put to every worker, or to those of --destination, which have --timeout
    seconds to answer. Behind a transaction pooler workers hear no question, but look for one with
    every heartbeat, every 5 seconds: there give --timeout 6.

    --json prints what app.control.inspect() returns, an object with a member per worker, in
    Celery's shapes.

    Exit codes: 0 somebody answered; 69 nobody did, as in Celery; 1 an error; 2 wrong usage.
    """


@inspect.command(epilog=examples("pgq inspect ping", "pgq inspect ping -t 6 || echo none"))
@node_options
def ping(target: Target, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """Ask who is there."""

    def show(nodes: Nodes) -> None:
        for name in nodes:
            click.echo(f"{one_line(name)}: pong")

    _ask("ping", show, target, destination, timeout, as_json=as_json)


@inspect.command(epilog=examples("pgq inspect active", "pgq inspect active --json"))
@node_options
def active(target: Target, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """List the jobs that run now."""
    _ask("active", _show_jobs("nothing runs"), target, destination, timeout, as_json=as_json)


@inspect.command(epilog=examples("pgq inspect reserved"))
@node_options
def reserved(target: Target, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """List the jobs that workers have claimed and not begun."""
    show = _show_jobs("nothing is reserved")
    _ask("reserved", show, target, destination, timeout, as_json=as_json)


@inspect.command(epilog=examples("pgq inspect scheduled"))
@node_options
def scheduled(target: Target, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """List the jobs whose time has not come, soonest first.

    Each once, under a worker that could run it; the 1,000 that are due next.
    """

    def show(nodes: Nodes) -> None:
        now = datetime.now(UTC)
        rows = [
            (name, job["request"]["name"], job["request"]["id"],
             job["request"]["delivery_info"]["routing_key"], str(job["priority"]),
             formats.since(datetime.fromisoformat(job["eta"]), now))
            for name, jobs in nodes.items()
            for job in jobs
        ]  # fmt: skip
        titles = ("WORKER", "TASK", "ID", "QUEUE", "PRIORITY", "DUE")
        _table(titles, rows, "nothing is scheduled", right=("PRIORITY",), whole=("ID", "DUE"))

    _ask("scheduled", show, target, destination, timeout, as_json=as_json)


@inspect.command(epilog=examples("pgq inspect registered", "pgq inspect registered --json"))
@node_options
def registered(
    target: Target, destination: list[str] | None, timeout: float, as_json: bool
) -> None:
    """List the tasks that the workers know, and who knows them."""

    def show(nodes: Nodes) -> None:
        tasks = sorted({task for known in nodes.values() for task in known})
        rows = [
            (task, ", ".join(n for n, known in nodes.items() if task in known)) for task in tasks
        ]
        _table(("TASK", "WORKERS"), rows, "no task is registered")

    _ask("registered", show, target, destination, timeout, as_json=as_json)


@inspect.command("active_queues", epilog=examples("pgq inspect active_queues"))
@node_options
def active_queues(
    target: Target, destination: list[str] | None, timeout: float, as_json: bool
) -> None:
    """List the queues that the workers serve."""

    def show(nodes: Nodes) -> None:
        rows = [
            (name, ", ".join(queue["name"] for queue in queues)) for name, queues in nodes.items()
        ]
        _table(("WORKER", "QUEUES"), rows, "nothing is served")

    _ask("active_queues", show, target, destination, timeout, as_json=as_json)


@inspect.command(epilog=examples("pgq inspect revoked"))
@node_options
def revoked(target: Target, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """List the jobs that were revoked, newest first.

    Those that still run, and the last 1,000 that have ended so: the same for every worker.
    """

    def show(nodes: Nodes) -> None:
        ids = next(iter(nodes.values()))
        click.echo("\n".join(ids) or "nothing was revoked")

    _ask("revoked", show, target, destination, timeout, as_json=as_json)


@inspect.command(epilog=examples("pgq inspect stats", "pgq inspect stats --json"))
@node_options
def stats(target: Target, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """List the workers with what they have done since they started."""

    def show(nodes: Nodes) -> None:
        outcomes = ("succeeded", "failed", "retried", "stale")
        rows = [
            (name, str(said["pid"]), formats.age(said["uptime"]),
             said["pool"]["max-concurrency"], len(said["pool"]["processes"]),
             sum(said["total"].values()), *(said["outcomes"].get(each, 0) for each in outcomes))
            for name, said in nodes.items()
        ]  # fmt: skip
        titles = ("WORKER", "PID", "UP", "SLOTS", "PROC.", "BEGUN", *map(str.upper, outcomes))
        _table(titles, rows, "", right=titles[1:], whole=titles[1:])

    _ask("stats", show, target, destination, timeout, as_json=as_json)


@inspect.command(epilog=examples("pgq inspect report -d w1"))
@node_options
def report(target: Target, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """Show what each worker is: version, database, queues, tasks."""

    def show(nodes: Nodes) -> None:
        for name, said in nodes.items():
            click.echo(click.style(one_line(name), bold=True))
            for line in said["ok"].splitlines():
                click.echo(f"  {one_line(line)}")

    _ask("report", show, target, destination, timeout, as_json=as_json)


@inspect.command(epilog=examples("pgq inspect conf --json"))
@node_options
def conf(target: Target, destination: list[str] | None, timeout: float, as_json: bool) -> None:
    """Show what each worker goes by."""

    def show(nodes: Nodes) -> None:
        rows = [
            (name, setting, json.dumps(value))
            for name, said in nodes.items()
            for setting, value in said.items()
            if value is not None
        ]
        _table(("WORKER", "SETTING", "VALUE"), rows, "")

    _ask("conf", show, target, destination, timeout, as_json=as_json)


@inspect.command(
    "query_task", epilog=examples("pgq inspect query_task 0198c0de-0000-7000-8000-000000000001")
)
@click.argument("ids", nargs=-1, required=True, metavar="ID…", callback=job_ids)
@node_options
def query_task(
    ids: tuple[str, ...],
    target: Target,
    destination: list[str] | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Say which worker has these jobs, and whether it has begun them.

    What no worker has is not listed: `pgq jobs show ID` knows of it.
    """

    def show(nodes: Nodes) -> None:
        rows = [
            (name, id_, state, job["name"])
            for name, jobs in nodes.items()
            for id_, (state, job) in jobs.items()
        ]
        _table(("WORKER", "ID", "STATE", "TASK"), rows, "no worker has any of them", whole=("ID",))

    _ask("query_task", show, target, destination, timeout, *ids, as_json=as_json)


def _ask(
    question: str,
    show: Callable[[Nodes], None],
    target: Target,
    destination: list[str] | None,
    timeout: float,
    *arguments: Any,
    as_json: bool,
) -> None:
    with controlled(target) as control:
        nodes = getattr(control.inspect(destination, timeout), question)(*arguments)
    if nodes is None:
        nobody(timeout, as_json=as_json, empty={})
    elif as_json:
        formats.emit(nodes)
    else:
        show(nodes)


def _show_jobs(otherwise: str) -> Callable[[Nodes], None]:
    def show(nodes: Nodes) -> None:
        now = datetime.now(UTC).timestamp()
        rows = [
            (name, job["name"], job["id"], job["delivery_info"]["routing_key"],
             formats.age(now - job["time_start"]) if job["time_start"] else "",
             str(job["worker_pid"] or ""))
            for name, jobs in nodes.items()
            for job in jobs
        ]  # fmt: skip
        titles = ("WORKER", "TASK", "ID", "QUEUE", "FOR", "PID")
        _table(titles, rows, otherwise, right=("FOR", "PID"), whole=("ID", "FOR", "PID"))

    return show


def _table(titles: tuple[str, ...], rows: list[Any], otherwise: str, **how: Any) -> None:
    if rows:
        tables.show(titles, rows, **how)
    elif otherwise:
        click.echo(otherwise)
