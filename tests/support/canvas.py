"""The application of the canvas tests: what `pgq worker -A support.canvas` runs."""

from __future__ import annotations

import asyncio

import psycopg

from pgqueue import PgQueue, SoftTimeLimitExceeded, chain, chord, group

app = PgQueue("canvas")


@app.task(name="say")
def say(*words):
    """What it is given, so that a result tells how it came to be."""
    return list(words)


@app.task(name="asay")
async def asay(*words):
    await asyncio.sleep(0)
    return list(words)


@app.task(name="add")
def add(x, y):
    return x + y


@app.task(name="total")
def total(numbers):
    return sum(numbers)


@app.task(name="fail")
def fail(*words):
    raise ValueError(*words[-1:])


@app.task(name="log")
def log(*words):
    """Leave a trace in the table that the test made."""
    with app.transaction() as connection:
        text = " ".join(map(str, words))
        connection.execute("insert into log (text) values (%s)", [text])
    return list(words)


@app.task(name="errback")
def errback(request, exc, traceback, *more):
    trace = traceback.strip().splitlines()[-1] if traceback else None
    log(request.task, request.args, request.kwargs, type(exc).__name__, exc, trace, *more)


@app.task(name="old_errback")
def old_errback(failed):
    log(failed)


@app.task(name="hold")
def hold(key, *words):
    """Run for as long as the test holds the advisory lock `key`."""
    with psycopg.connect(app.dsn, autocommit=True) as connection:
        connection.execute("select pg_advisory_xact_lock(%s)", [key])
    return list(words)


@app.task(name="me", bind=True)
def me(self, *words):
    r = self.request
    return {
        "id": r.id, "parent": r.parent_id, "root": r.root_id, "group": r.group,
        "index": r.group_index, "chord": r.chord,
    }  # fmt: skip


@app.task(name="spawn", bind=True)
def spawn(self):
    """Send a canvas from inside a task."""
    return (say.s("a") | say.s("b")).delay().parent.id


@app.task(name="flaky", bind=True, max_retries=2, default_retry_delay=0)
def flaky(self, *words):
    if self.request.retries < 1:
        raise self.retry(exc=OSError("once more"))
    return list(words)


@app.task(name="at_an_end", soft_time_limit=0.05)
def at_an_end():
    try:
        while True:
            pass
    except SoftTimeLimitExceeded:
        return "tidied up"


REPLACEMENTS = {
    "task": lambda: say.s("new"),
    "immutable": lambda: say.si("new"),
    "chain": lambda: chain(say.s("first"), say.s("second")),
    "group": lambda: group(say.s("one"), say.s("two")),
    "chain_of_groups": lambda: chain(group(say.s(1), say.s(2)), group(say.s(3), say.s(4))),
    "chord": lambda: chord([say.s("one"), say.s("two")], say.s("body")),
    "again": lambda: replaced.s("chain"),
    "failing": lambda: chain(say.s("first"), fail.s("in vain")),
    "empty": chain,
    "dict": lambda: dict(say.s("new")),
}


@app.task(name="replaced", bind=True)
def replaced(self, kind, *_words):
    raise self.replace(REPLACEMENTS[kind]())


@app.task(name="areplaced", bind=True)
async def areplaced(self, kind, *_words):
    return await self.areplace(REPLACEMENTS[kind]())
