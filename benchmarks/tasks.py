"""The application that the scenarios run: tasks that do nothing, or sleep, and say when."""

from __future__ import annotations

import time

from pgqueue import PgQueue

#: Where everything is that the scenarios make. The user's jobs are in another schema.
SCHEMA = "pgqueue_pressure"
APP = "benchmarks.tasks"

app = PgQueue("pressure", schema=SCHEMA)  # the database is the one that the environment names


@app.task(name="bench.noop")
def noop(number: int) -> int:
    """Do nothing; named as the task of `pgq bench`, whose statements fill the queue."""
    return number


@app.task(name="pressure.sleep")
def sleep(seconds: float) -> list[float]:
    """Sleep; return when that began and ended, by the machine's clock."""
    began = time.time()
    time.sleep(seconds)
    return [began, time.time()]


@app.task(name="pressure.stamp")
def stamp(called: float) -> float:
    """Return the seconds from the call to here, by the machine's clock."""
    return time.time() - called


@app.task(name="pressure.flaky", max_retries=3, autoretry_for=[ValueError], default_retry_delay=1)
def flaky(number: int) -> int:
    """Fail at the first attempt of every job but the fourth, for good."""
    raise ValueError(f"number {number} fails")


@app.task(name="pressure.keep")
def keep(text: str) -> int:
    """Take a payload; return its length."""
    return len(text)


@app.task(name="pressure.total")
def total(numbers: list[int]) -> int:
    """Return the sum of what the members of a chord returned."""
    return sum(numbers)
