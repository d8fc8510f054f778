"""The application of `benchmarks/limits.py`: tasks with limits, and one without."""

from __future__ import annotations

import time

from benchmarks.tasks import SCHEMA
from pgqueue import PgQueue

APP = "benchmarks.limited"

app = PgQueue("limited", schema=SCHEMA)


@app.task(name="bench.noop")
def noop(number: int) -> int:
    """Do nothing, without limits."""
    return number


@app.task(name="limited.eight", max_concurrency=8)
def eight(key: int) -> int:
    """Do nothing, eight at once."""
    return key


@app.task(name="limited.serial", max_concurrency=1)
def serial(key: int) -> int:
    """Do nothing, one after the other."""
    return key


@app.task(name="limited.turns", fair=True, concurrency_key="key")
def turns(key: int) -> int:
    """Do nothing, by turns."""
    return key


@app.task(name="limited.seldom", rate_limit="1/h")
def seldom(key: int) -> int:
    """Do nothing, once in an hour."""
    return key


@app.task(name="limited.stuck", max_concurrency=1)
def stuck(key: int) -> int:
    """Keep the only place for longer than anything here takes."""
    time.sleep(600)
    return key


@app.task(name="limited.few", max_concurrency=3)
def few(key: int) -> int:
    """Take a moment, three at once."""
    time.sleep(0.03)
    return key


@app.task(name="limited.lane", max_concurrency=1, concurrency_key="key")
def lane(key: int) -> int:
    """Take a moment, one of each key at once."""
    time.sleep(0.03)
    return key


@app.task(name="limited.spread", rate_limit="20/s")
def spread(key: int) -> int:
    """Do nothing, twenty times a second."""
    return key


@app.task(name="limited.bursts", rate_limit="600/m", rate_burst=10)
def bursts(key: int) -> int:
    """Do nothing, ten times a second, and ten at once after a rest."""
    return key


@app.task(name="limited.keyed", rate_limit="5/s", rate_key="key")
def keyed(key: int) -> int:
    """Do nothing, five times a second for each key."""
    return key
