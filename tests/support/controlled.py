"""The application of the tests of control: tasks that say that they have begun, and then go on."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import re
import time

import psycopg

from pgqueue import PgQueue, SoftTimeLimitExceeded
from support.tasks import hold as hold_lock

app = PgQueue("controlled")

#: What a `def` can do for ever. The last three are deaf to whatever is raised.
GOING_ON = {
    "sleep": lambda: time.sleep(10**6),
    "spin": lambda: next(n for n in itertools.count() if n < 0),
    "hold the interpreter": lambda: sum(itertools.repeat(1, 10**14)),
    "regular expression": lambda: re.match(r"(a+)+$", "a" * 60 + "b"),
}


def say(what):
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("insert into begun values (%s, %s)", [what, os.getpid()])


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
