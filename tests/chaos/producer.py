"""A producer: enqueues, and notes what was acknowledged. It does not give up on a job.

`python -m chaos.producer NAME RATE KINDS…`; DSN and folder come from the environment.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from itertools import count, cycle
from pathlib import Path

import psycopg

from chaos.tasks import app
from pgqueue.identifiers import uuid7

#: What a job takes: most of it waiting.
SECONDS = 0.02


def main(name: str, rate: float, kinds: list[str]) -> None:
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    pause = 1.0 / rate
    # One line a job: acknowledged or not, nothing is written twice.
    with Path(os.environ["CHAOS_FOLDER"], "acknowledged", name).open("w") as notes:
        for number, kind in zip(count(), cycle(kinds), strict=False):
            if stopping:
                return
            tell(f"{name}-{number}", kind, notes, stopping)
            time.sleep(pause)


def tell(number, kind, notes, stopping) -> None:
    """Enqueue under one id, as often as it takes."""
    job = uuid7()
    while True:
        try:
            app.send_task(kind, [number, SECONDS], task_id=job)
        except psycopg.Error:
            if stopping:
                return  # nobody was told that it is there
            time.sleep(0.1)
        else:
            notes.write(f"{job} {number} {time.time()}\n")
            notes.flush()
            return


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
