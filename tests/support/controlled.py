"""The application of the tests of control: tasks that say that they have begun, and then go on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time

import psycopg

from pgqueue import AsyncResult, PgQueue, SoftTimeLimitExceeded
from pgqueue.signals import task_failure, task_revoked
from support.going_on import GOING_ON
from support.tasks import hold as hold_lock

if "--alone" in sys.argv and os.environ.get("NOBODY_ALONE"):
    time.sleep(3600)  # a process for jobs that run alone is never there

app = PgQueue("controlled")


def say(what):
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("insert into begun values (%s, %s)", [what, os.getpid()])


@task_revoked.connect
def say_revoked(sender, request, terminated, signum, expired, **kwargs):
    assert sender.name == request.task
    say(f"revoked {request.task} {request.args}: {terminated} {signum} {expired}")


@task_failure.connect
def say_failed(sender, task_id, exception, args, **kwargs):
    assert AsyncResult(task_id).name == sender.name
    say(f"failed {sender.name} {args}: {exception}")


@app.task(name="add")
def add(a, b):
    return a + b


@app.task(name="go_on")
def go_on(how):
    say(how)
    GOING_ON[how]()


@app.task(name="go_on_and_retry", max_retries=5, autoretry_for=[Exception], default_retry_delay=0)
def go_on_and_retry(how):
    go_on(how)


@app.task(name="kill_itself")
def kill_itself():
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="hold_and_fail", max_retries=5, autoretry_for=[KeyError], default_retry_delay=0)
def hold_and_fail(key):
    hold(key)
    raise KeyError(key)


@app.task(name="hold")
def hold(key, what="hold"):
    """Run for as long as the test holds the advisory lock `key`."""
    say(what)
    hold_lock(key)
    return os.getpid()


@app.task(name="wait", max_retries=5, autoretry_for=[BaseException], default_retry_delay=0)
async def wait(what="wait"):
    """Wait for ever; say when that is at an end, and how."""
    say(what)
    try:
        await asyncio.sleep(10**6)
    except asyncio.CancelledError:
        say(f"{what} was cancelled")
        raise


@app.task(name="wait_stubbornly")
async def wait_stubbornly():
    """Wait for ever, whatever is raised."""
    say("wait_stubbornly")
    while True:
        with contextlib.suppress(BaseException):
            await asyncio.sleep(10**6)


@app.task(name="wait_and_return")
async def wait_and_return():
    say("wait_and_return")
    try:
        await asyncio.sleep(10**6)
    except asyncio.CancelledError:
        return "saved"


@app.task(name="limits", bind=True)
def limits(self):
    return [self.request.time_limit, self.request.soft_time_limit]


@app.task(name="limited", bind=True, time_limit=60, soft_time_limit=50)
def limited(self):
    return [self.request.time_limit, self.request.soft_time_limit]


@app.task(name="be_interrupted")
def be_interrupted():
    try:
        time.sleep(10**6)
    except SoftTimeLimitExceeded:
        return "interrupted"


@app.task(name="who")
def who():
    return os.getpid()
