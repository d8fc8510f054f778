"""`pgq worker`: run jobs."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import re
import shlex
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from pgqueue import embedded
from pgqueue.cli.database import Place, Target, migrate_embedded
from pgqueue.cli.options import app_option, dsn_option, embedded_option, examples, names
from pgqueue.cli.probe import introduce
from pgqueue.cli.project import Project
from pgqueue.config import find_dsn
from pgqueue.errors import ConfigurationError
from pgqueue.limits import checked_limits
from pgqueue.options import checked_name
from pgqueue.settings import Settings
from pgqueue.worker.logs import FORMATS, LEVELS, configure_logging
from pgqueue.worker.processes import PROC
from pgqueue.worker.rotation import weighed
from pgqueue.worker.settings import MOST, WorkerOptions, sized
from pgqueue.worker.supervisor import run_worker

log = logging.getLogger("pgqueue.worker")

log_level_option = click.option(
    "-l",
    "--log-level",
    type=click.Choice(LEVELS, case_sensitive=False),
    default="info",
    show_default=True,
    help="What is worth a line on standard error.",
)
log_format_option = click.option(
    "--log-format",
    type=click.Choice(FORMATS),
    default="human",
    show_default=True,
    help="For people, or one JSON object a line.",
)


@click.command(
    epilog=examples(
        "pgq worker -A shop                         # shop.py holds app = PgQueue(…)",
        "pgq worker -A shop.jobs:queue -Q mail,slow -c 20",
        "pgq worker -A shop --processes 1 -c 100    # async tasks, or tasks that mostly wait",
        "pgq worker -A shop --embedded              # with a PostgreSQL of this directory's own",
        "pgq worker -A shop -l warning --log-format json -n %h-mail --grace 60",
    )
)
@app_option
@click.option(
    "-Q",
    "--queues",
    multiple=True,
    metavar="QUEUE,…",
    help="The queues to serve; they take turns, high:3,low:1 by their weights.  [default: those of "
    "its tasks]",
)
@click.option(
    "--strict",
    is_flag=True,
    help="Take from a queue only what those named before it leave.",
)
@click.option(
    "-c",
    "--concurrency",
    type=click.IntRange(1, MOST),
    metavar="N",
    help="How many jobs run at once, all processes together.  [default: worker_concurrency of the "
    "settings, else 4 per process]",
)
@click.option(
    "--processes",
    type=click.IntRange(1, MOST),
    metavar="N",
    help="How many processes they share.  [default: one per processor]",
)
@click.option(
    "-n",
    "--name",
    metavar="NAME",
    help="The worker's name, such as w1@%h; %h is the host, %n and %d its name and domain."
    "  [default: %h-PID]",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=25.0,
    show_default=True,
    metavar="SECONDS",
    help="How long running jobs may go on after the first SIGTERM or Ctrl-C.",
)
@click.option(
    "--time-limit",
    type=float,
    metavar="SECONDS",
    help="Kill runs that take longer, of tasks that have no limit of their own.",
)
@click.option(
    "--soft-time-limit",
    type=float,
    metavar="SECONDS",
    help="Raise SoftTimeLimitExceeded in runs that take longer, likewise.",
)
@click.option(
    "--max-tasks-per-child",
    type=click.IntRange(1),
    metavar="N",
    help="Replace a child process after so many jobs.",
)
@click.option(
    "--max-memory-per-child",
    type=click.IntRange(1),
    metavar="KIB",
    help="Replace a child process that has more memory (resident, KiB) after a job.",
)
@log_level_option
@log_format_option
@click.option(
    "--health-port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Answer /livez and /readyz there; 0 picks a port and logs it.  [default: no port]",
)
@click.option(
    "--health-host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="On which address; Kubernetes asks on the pod's: 0.0.0.0, or ::.",
)
@click.option(
    "--without-scheduler",
    is_flag=True,
    help="Keep no schedules, and leave that to other workers or `pgq beat`.",
)
@dsn_option
@embedded_option
def worker(
    app: str | None,
    queues: tuple[str, ...],
    strict: bool,
    concurrency: int | None,
    processes: int | None,
    name: str | None,
    grace: float,
    time_limit: float | None,
    soft_time_limit: float | None,
    max_tasks_per_child: int | None,
    max_memory_per_child: int | None,
    log_level: str,
    log_format: str,
    health_port: int | None,
    health_host: str,
    without_scheduler: bool,
    dsn: str | None,
    embedded: bool,
) -> None:
    """Run jobs until told to stop.

    Jobs run in child processes: `def` tasks in threads, `async def` tasks on an event loop. The
    first SIGTERM, SIGHUP or Ctrl-C stops new claims and lets running jobs end for --grace seconds;
    then, or at a second signal or SIGQUIT, they are given back and run elsewhere. An outage of the
    database is waited out. Start as many workers as you like, on as many machines. They also keep
    the schedules: each time has one job, however many there are.

    Exit codes: 0 it was told to stop; 1 it could not begin; 2 wrong usage.
    """
    target = Target(app, dsn, embedded=embedded)
    project = needed(target)
    if max_memory_per_child and not PROC.exists():
        raise click.UsageError(
            "--max-memory-per-child needs /proc, which this system does not have"
        )
    said = {
        "concurrency": concurrency,
        "processes": processes,
        "max_tasks_per_child": max_tasks_per_child,
        "max_memory_per_child": max_memory_per_child,
    }
    slots = sized(processes, concurrency)
    weights = weighed(names(queues))
    if strict and (not weights or set(weights.values()) != {1.0}):
        raise click.UsageError("--strict goes by the order of -Q: name the queues, without weights")
    options = WorkerOptions(
        app=project.app,
        name=checked_name("name", process_name(name)),
        processes=slots[0],
        concurrency=slots[1],
        queues=tuple(weights),
        weights=weights,
        strict=strict,
        grace=grace,
        limits=checked_limits(time_limit, soft_time_limit),
        max_tasks_per_child=max_tasks_per_child or math.inf,
        max_memory_per_child=max_memory_per_child or math.inf,
        log_level=log_level.lower(),
        log_format=log_format,
        health_host=health_host,
        health_port=health_port,
        scheduler=not without_scheduler,
        given=frozenset(option for option, value in said.items() if value is not None),
    ).settled(Settings())  # what pyproject.toml and the environment say is known without the app
    with database_of(target, project) as place:
        configure_logging(options.log_level, options.log_format, options.name)
        tell_others(place)
        try:
            asyncio.run(run_worker(options))
        except ConfigurationError as error:
            if "cannot be loaded" in str(error):
                introduce(project, os.environ)  # which tells better why
            raise


def needed(target: Target) -> Project:
    """Return the application that is meant; there must be one."""
    if project := target.project():
        return project
    raise click.UsageError(
        "which application? Give -A module:attribute, or set PGQ_APP, or write\n"
        '  [tool.pgqueue]\n  app = "module:attribute"\ninto pyproject.toml'
    )


def tell_others(place: Place | None) -> None:
    """Say how programs beside this one find the embedded database, if that is the one."""
    if place is not None and place.embedded:
        log.info("for your own programs: export PGQUEUE_DSN=%s", shlex.quote(place.dsn))


def process_name(given: str | None) -> str:
    """Return the name of a process, with what is meant by %h and its like."""
    host = socket.gethostname()
    label, _, domain = host.partition(".")
    meant = {"%h": host, "%n": label, "%d": domain, "%%": "%"}
    return re.sub("%[hnd%]", lambda found: meant[found[0]], given or f"%h-{os.getpid()}")


@contextmanager
def database_of(target: Target, project: Project) -> Iterator[Place | None]:
    """Tell the children through the environment which database to use, if it is ours to say.

    Yields it, then. Not by an argument: everybody on the machine may read those, and the DSN may
    hold a password.
    """
    if project.folder and project.folder != Path.cwd():
        path = [str(project.folder), os.environ.get("PYTHONPATH")]
        os.environ["PYTHONPATH"] = os.pathsep.join(part for part in path if part)
    if target.dsn or target.embedded:
        with target.place(None) as place:
            os.environ["PGQUEUE_DSN"] = place.dsn
            os.environ.pop("PGQUEUE_LISTEN_DSN", None)  # it speaks of another database
            said = introduce(project, os.environ)
            if said.dsn != find_dsn(place.dsn):
                raise ConfigurationError(
                    f"{'--dsn' if target.dsn else '--embedded'} cannot be followed: {project.app} "
                    "names its database itself, in PgQueue(dsn=…); leave that out and set "
                    "PGQUEUE_DSN where it runs"
                )
            if place.embedded:
                migrate_embedded(place.dsn, said.schema)
            yield place
    else:
        yield _use_running(project)


def _use_running(project: Project) -> Place | None:
    """Without any database in the environment, offer the one that `pgq up` runs here."""
    try:
        find_dsn()
    except ConfigurationError:
        running = embedded.running_dsn(embedded.default_directory())
        if running is None:
            return None  # the application names its own, or a child will say that there is none
        os.environ["PGQUEUE_DSN"] = running
        said = introduce(project, os.environ)
        if said.dsn == running:
            migrate_embedded(running, said.schema)
            return Place(running, embedded=True)
    return None
