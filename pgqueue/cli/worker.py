"""`pgq worker`."""

from __future__ import annotations

import asyncio
import os
import socket

import click

from pgqueue.errors import PgQueueError
from pgqueue.worker.logs import FORMATS, LEVELS, configure_logging
from pgqueue.worker.settings import WorkerOptions
from pgqueue.worker.supervisor import run_worker


@click.command()
@click.option("-A", "--app", required=True, help="module or module:attribute")
@click.option("-Q", "--queues", default="")
@click.option("-c", "--concurrency", type=int, default=None)
@click.option("--processes", type=int, default=None)
@click.option("-n", "--name", default=None)
@click.option("--grace", type=float, default=25.0)
@click.option("-l", "--log-level", type=click.Choice(LEVELS), default="info")
@click.option("--log-format", type=click.Choice(FORMATS), default="human")
def worker(app, queues, concurrency, processes, name, grace, log_level, log_format) -> None:
    """Run jobs until told to stop."""
    processes = processes or os.cpu_count() or 1
    concurrency = concurrency or 4 * processes
    options = WorkerOptions(
        app=app, name=name or f"{socket.gethostname()}-{os.getpid()}", processes=min(processes, concurrency),
        concurrency=concurrency, queues=tuple(q for q in queues.split(",") if q), grace=grace,
        log_level=log_level, log_format=log_format)
    configure_logging(log_level, log_format, options.name)
    asyncio.run(run_worker(options))
