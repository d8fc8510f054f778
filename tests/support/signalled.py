"""An application that notes which signals it hears, where, in the table `said` of a test."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import threading
import time

import psycopg

from pgqueue import PgQueue, signals
from pgqueue.log import get_task_logger
from pgqueue.worker.moments import WorkerProcess

app = PgQueue("signalled")
log = get_task_logger(__name__)
plain_log = logging.getLogger("shop")

WORKERS = ("celeryd_init", "worker_init", "celeryd_after_setup", "worker_process_init")
WORKERS += ("worker_ready", "worker_shutting_down", "worker_shutdown", "worker_process_shutdown")
APPS = ("import_modules",)
RUNS = ("task_prerun", "task_success", "task_postrun")


def note(name, about):
    insert = "insert into said (pid, thread, name, about) values (%s, %s, %s, %s)"
    shown = json.dumps({key: shortly(value) for key, value in about.items()})
    thread = threading.current_thread().name
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute(insert, [os.getpid(), thread, name, shown])


def shortly(value):
    if isinstance(value, WorkerProcess):
        assert value.pid == os.getpid()
        return [value.hostname, value.process, value.slots]
    return value if isinstance(value, (str, int, type(None))) else type(value).__name__


def hear(signal, **about):
    note(signal.name, about)
    if os.environ.get("SLOW") == signal.name:
        time.sleep(3600)


for name in (*WORKERS, *APPS):
    getattr(signals, name).connect(hear)
if os.environ.get("RUNS"):
    for name in RUNS:
        getattr(signals, name).connect(hear)
if os.environ.get("BROKEN"):

    @getattr(signals, os.environ["BROKEN"]).connect
    def fail(**kwargs):
        raise ValueError("a receiver is broken")


@app.on_after_finalize.connect
def finalized(signal, **about):
    note(signal.name, about)


@app.task(name="who")
def who():
    return os.getpid()


@app.task(name="log_this")
def log_this(text):
    log.info("%s", text)
    plain_log.info("plainly %s", text)


@app.task(name="alog_this")
async def alog_this(text):
    await asyncio.sleep(0.05)
    log.info("%s", text)
    await asyncio.to_thread(log.info, "%s in a thread", text)


@app.task(name="nap")
def nap(seconds):
    time.sleep(seconds)
