"""The application of the worker's tests: what `pgq worker -A support.tasks` runs."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import itertools
import os
import signal
import time
from pathlib import Path

import psycopg

from pgqueue import PgQueue

app = PgQueue("tests")


@app.task(name="add")
def add(a, b):
    return a + b


@app.task(name="later")
async def later(value):
    await asyncio.sleep(0)
    return value


@app.task(name="tomorrow")
def tomorrow(day):
    return day + datetime.timedelta(days=1)


@app.task(name="log")
def log(text):
    """Append to the table that the test made: the order of runs is the order of rows."""
    with app.transaction() as connection:
        connection.execute("insert into log (text) values (%s)", [text])


@app.task(name="hold")
def hold(key):
    """Run for as long as the test holds the advisory lock `key`."""
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [key])
    return key


@app.task(name="hold_and_fail", max_retries=5, autoretry_for=[ValueError], default_retry_delay=0)
def hold_and_fail(key):
    hold(key)
    raise ValueError("tried in vain")


@app.task(name="ahold")
async def ahold(key):
    """The same without occupying a thread."""
    connection = await psycopg.AsyncConnection.connect(app.dsn, autocommit=True)
    async with connection:
        await connection.execute("select pg_advisory_xact_lock_shared(%s)", [key])
    return key


@app.task(name="third_time", bind=True, max_retries=2)
def third_time(self):
    if self.request.retries < 2:
        try:
            raise KeyError(self.request.retries)
        except KeyError as error:
            raise self.retry(exc=error, countdown=0) from None
    return self.request.retries


@app.task(name="not_today", bind=True)
def not_today(self):
    raise self.retry(countdown=3600)


@app.task(name="once", bind=True, max_retries=0)
def once(self):
    raise self.retry(countdown=0)


@app.task(
    name="stubborn", autoretry_for=[OSError], max_retries=2, retry_backoff=0.01, retry_jitter=False
)
def stubborn():
    raise ConnectionError("no\nroute")


@app.task(name="raise_codes")
def raise_codes(codes, length):
    raise ValueError(("".join(map(chr, codes)) * length)[:length])


@app.task(name="unprintable_error")
def unprintable_error():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError("no text")

    raise Odd


@app.task(name="return_this")
def return_this(kind):
    return {"set": {1}, "nan": float("nan"), "nul": "a\x00b", "surrogate": "\ud800"}[kind]


@app.task(name="together", bind=True)
def together(self, text, fail=False):
    with self.transaction() as connection:
        connection.execute("insert into log (text) values (%s)", [text])
        self.set_result({"text": text})
        if fail:
            raise ValueError("after the insert")


@app.task(name="atogether", bind=True)
async def atogether(self, text):
    async with self.atransaction() as connection:
        await connection.execute("insert into log (text) values (%s)", [text])
        self.set_result(text)


@app.task(name="together_when", bind=True)
def together_when(self, text, key):
    with self.transaction() as connection:
        connection.execute("insert into log (text) values (%s)", [text])
        hold(key)


@app.task(name="die")
def die():
    os.kill(os.getpid(), signal.SIGKILL)


@app.task(name="fork", bind=True)
def fork(self):
    """Whose session answers the task, a child that it forks meanwhile, and the task again."""
    backend = "select pg_backend_pid()"
    with self.transaction() as connection:
        before = connection.execute(backend).fetchone()[0]
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            with app.transaction() as other:
                os.write(theirs, str(other.execute(backend).fetchone()[0]).encode())
                app.send_task("add", (1, 2))
            app.close()
            os._exit(0)
        os.close(theirs)
        said = os.read(ours, 100)
        os.waitpid(child, 0)
        self.set_result([before, int(said), connection.execute(backend).fetchone()[0]])


@app.task(name="who")
def who():
    return os.getpid()


@app.task(name="about_me", bind=True)
def about_me(self, *args, **kwargs):
    r = self.request
    return {
        "id": r.id, "task": r.task, "queue": r.queue, "args": r.args, "kwargs": r.kwargs,
        "retries": r.retries, "claim": r.claim, "headers": r.headers, "max_retries": r.max_retries,
    }  # fmt: skip


@app.task(name="hog")
def hog(seconds):
    """Keep the interpreter to itself: one call into C that never lets others in."""
    sample = 10**7
    began = time.monotonic()
    sum(itertools.repeat(1, sample))
    return sum(itertools.repeat(1, int(sample * seconds / (time.monotonic() - began))))


@app.task(name="wait_for_file")
def wait_for_file(fifo):
    """Run until the test writes into a FIFO: no database is needed for that."""
    return Path(fifo).read_text()


@app.task(name="ignore_everything")
def ignore_everything():
    """Go on whatever is raised."""
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(1)


@app.task(name="ahold_for")
async def ahold_for(seconds):
    """The same, on the event loop."""
    while True:
        with contextlib.suppress(BaseException):
            await asyncio.sleep(seconds)


@app.task(name="spin")
def spin(seconds):
    """Hold on to the interpreter."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


@app.task(name="serial", max_concurrency=1)
def serial(text):
    log(text)


@app.task(name="hold_few", max_concurrency=2, concurrency_key="customer")
def hold_few(key, customer):
    """Run for as long as the test holds the advisory lock `key`, two of a customer at once."""
    hold(key)
    return customer


@app.task(name="seldom", rate_limit="5/s")
def seldom():
    return time.time()
