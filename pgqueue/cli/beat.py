"""`pgq beat`: keep schedules, without running jobs."""

from __future__ import annotations

import asyncio
import logging

import click

from pgqueue import signals
from pgqueue.cli.database import Target
from pgqueue.cli.options import app_option, dsn_option, embedded_option, examples
from pgqueue.cli.worker import (
    database_of,
    log_format_option,
    log_level_option,
    needed,
    process_name,
    tell_others,
)
from pgqueue.options import checked_name
from pgqueue.schedules import as_json, source_of, strangers
from pgqueue.worker.beat import BeatOptions, run_beat
from pgqueue.worker.logs import configure_logging
from pgqueue.worker.moments import WorkerProcess

log = logging.getLogger("pgqueue.worker")


@click.command(
    epilog=examples(
        "pgq beat -A shop                     # beside pgq worker -A shop --without-scheduler",
        "pgq beat -A shop -l debug --log-format json -n beat@%h",
    )
)
@app_option
@click.option(
    "-n",
    "--name",
    metavar="NAME",
    help="The scheduler's name, such as beat@%h; %h is the host, %n and %d its name and domain."
    "  [default: %h-PID]",
)
@log_level_option
@log_format_option
@dsn_option
@embedded_option
def beat(
    app: str | None,
    name: str | None,
    log_level: str,
    log_format: str,
    dsn: str | None,
    embedded: bool,
) -> None:
    """Keep the schedules, without running jobs.

    Workers do this by themselves, unless they are told --without-scheduler. Start as many as you
    like, beside workers that keep schedules, too: each time has one job, and another one goes on
    within 2 seconds when one dies. An outage of the database is waited out.

    Exit codes: 0 it was told to stop; 1 it could not begin; 2 wrong usage.
    """
    target = Target(app, dsn, embedded=embedded)
    project = needed(target)
    called = checked_name("name", process_name(name))
    with database_of(target, project) as place:
        configure_logging(log_level.lower(), log_format, called)
        tell_others(place)
        application = project.load()
        application.import_tasks()
        declared = application.schedules()
        for remark in strangers(application, declared):
            log.warning("%s", remark)
        signals.beat_init.send(
            sender=WorkerProcess(application, called, "beat", 0, log_level.lower())
        )
        options = BeatOptions(
            called,
            source_of(application.name, project.app),
            as_json(declared),
            application.dsn,
            application.schema,
            application.listen_dsn,
        )
        asyncio.run(run_beat(options))
