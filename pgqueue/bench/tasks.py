"""The application that is measured: tasks that do nothing, so that what is left is pgqueue."""

from __future__ import annotations

import time

from pgqueue import PgQueue

#: Where everything is that the measurements make. The user's jobs are in another schema.
SCHEMA = "pgqueue_bench"

app = PgQueue("bench", schema=SCHEMA)  # the database is the one that the environment names


@app.task(name="bench.noop")
def noop(number: int) -> int:
    """Do nothing; the result is stored."""
    return number


@app.task(name="bench.stamp")
def stamp(called: float) -> float:
    """Return when the body began; `called` is when `delay` was called, by the same clock."""
    del called
    return time.time()
