"""The tasks of the chaos suite: each run leaves a file of its own, and a row if it may write one.

A file tells what happened, whatever the database says of it: one per attempt, with the job, its
claim, the processes, and when it began and stopped.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from chaos.checker import FEW, LET_GO
from pgqueue import PgQueue

app = PgQueue("chaos")
PATIENT = {"max_retries": 1000, "autoretry_for": [psycopg.Error], "default_retry_delay": 0.5}


@contextmanager
def recorded(request) -> Iterator[None]:
    folder = Path(os.environ["CHAOS_FOLDER"], "attempts")
    head = {
        "job": request.id,
        "claim": request.claim,
        "pid": os.getpid(),
        "worker": os.getppid(),
        "start": time.time(),
    }
    with (folder / f"{request.id}-{request.claim}-{os.getpid()}").open("a") as file:
        file.write(json.dumps(head) + "\n")
        file.flush()
        yield
        file.write(json.dumps({"stop": time.time()}) + "\n")


@app.task(name="plain", bind=True)
def plain(self, number, seconds=0.0):
    """Touches no database: its end is written by the worker alone."""
    with recorded(self.request):
        time.sleep(seconds)
    return number


@app.task(name="held", bind=True)
def held(self, number, seconds=0.0):
    """Goes on until the scene says that the fault is over."""
    let_go = Path(os.environ["CHAOS_FOLDER"], LET_GO)
    with recorded(self.request):
        while not let_go.exists():
            time.sleep(0.02)
        time.sleep(seconds)
    return number


@app.task(name="effect", bind=True, **PATIENT)
def effect(self, number, seconds=0.0):
    """Writes a row in the transaction that ends the job."""
    with recorded(self.request):
        time.sleep(seconds)
        with self.transaction() as connection:
            connection.execute(
                "insert into effects (number, job, claim, pid) values (%s, %s, %s, %s)",
                [number, self.request.id, self.request.claim, os.getpid()],
            )


@app.task(name="few", bind=True, max_concurrency=FEW)
def few(self, number, seconds=0.0):
    """Has limits."""
    with recorded(self.request):
        time.sleep(seconds)
    return number


@app.task(name="nothing")
def nothing():
    """Leaves no trace: for many of them."""
