"""A process that enqueues: `python -m pgqueue.bench.producer`, started by `producers.py` only.

It reads commands as lines of JSON and answers each with one; it ends with its standard input.
"""

from __future__ import annotations

import json
import os
import queue
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg

from pgqueue.bench.queries import text
from pgqueue.bench.tasks import SCHEMA, app, noop, stamp
from pgqueue.codec import encode
from pgqueue.database import SyncConnection, connection_string
from pgqueue.identifiers import uuid7

#: So often a statement has to run until psycopg and PostgreSQL have both settled on how.
WARM_UP = 20
#: How long (seconds) it may go on with what it is at once standard input has ended.
GRACE = 1.0

Send = Callable[[int], object]


class Producer:
    """Enqueues as it is told; times in seconds, latencies in microseconds."""

    def __init__(self, bare: SyncConnection) -> None:
        self._bare = bare
        self._insert = text("bare_insert", SCHEMA)
        self._ways: dict[str, Send] = {
            "delay": noop.delay,
            "bare": self._bare_insert,
            "stamp": lambda _: stamp.delay(time.time()),
        }

    def warm_up(self) -> dict[str, Any]:
        """Open the connections, and have the statements prepared."""
        for send in self._ways.values():
            for number in range(WARM_UP):
                send(number)
        return {}

    def flat_out(self, way: str, at: float, seconds: float) -> dict[str, Any]:
        """Enqueue one by one, from `at` (of the monotonic clock) on, for so many seconds."""
        send, latencies, clock = self._ways[way], list[float](), time.monotonic
        time.sleep(max(0.0, at - clock()))
        cpu, jobs, now = time.process_time(), 0, clock()
        until = at + seconds
        while now < until:
            send(jobs)
            jobs += 1
            before, now = now, clock()
            latencies.append(now - before)
        used = time.process_time() - cpu
        return {"jobs": jobs, "end": now, "cpu": used, "latencies": _micro(latencies)}

    def paced(self, jobs: int, per_second: float) -> dict[str, Any]:
        """Enqueue stamps at a rate, their gaps varied so that they meet nothing in step."""
        latencies, chance = [], random.Random(1)  # noqa: S311 (the same gaps each time)
        at, cpu = time.monotonic(), time.process_time()
        for _ in range(jobs):
            at += chance.uniform(0.5, 1.5) / per_second
            time.sleep(max(0.0, at - time.monotonic()))
            before = time.perf_counter()
            stamp.delay(time.time())
            latencies.append(time.perf_counter() - before)
        return {"cpu": time.process_time() - cpu, "latencies": _micro(latencies)}

    def bulk(self, jobs: int) -> dict[str, Any]:
        """Enqueue many at once, from a generator."""
        cpu, began = time.process_time(), time.perf_counter()
        app.enqueue_many((noop, (number,)) for number in range(jobs))
        return {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}

    def counted(self, way: str, jobs: int) -> dict[str, Any]:
        """Enqueue under libpq's trace, and count the server's "ready": one for each round trip."""
        send = self._ways[way]
        with app.pools.pool().connection() as pooled:
            connection = self._bare if way == "bare" else pooled
        # With one thread the pool has this one connection, and lends it again.
        with tempfile.TemporaryFile("w+") as trace:
            connection.pgconn.trace(trace.fileno())
            for number in range(jobs):
                send(number)
            connection.pgconn.untrace()
            trace.seek(0)
            return {"round_trips": sum("ReadyForQuery" in line for line in trace)}

    def _bare_insert(self, number: int) -> None:
        self._bare.execute(
            self._insert,
            {
                "id": uuid7(),
                "queue": noop.queue,
                "task": noop.name,
                "priority": noop.priority,
                "args": encode([number], at="args"),
                "kwargs": "{}",
            },
        )


def _micro(seconds: list[float]) -> list[int]:
    return [round(each * 1e6) for each in seconds]


def main() -> None:
    """Serve until standard input ends."""
    commands: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_follow, args=[commands], daemon=True).start()
    with psycopg.connect(
        connection_string(app.dsn, application_name="pgqueue bare"), autocommit=True
    ) as bare:
        producer = Producer(bare)
        while line := commands.get():
            command = json.loads(line)
            answer = getattr(producer, command.pop("act"))(**command)
            print(json.dumps(answer), flush=True)  # noqa: T201 (it is the pipe to producers.py)
    app.close()


def _follow(commands: queue.SimpleQueue[str]) -> None:
    """Pass commands on; their end is the end of this process, whatever it is at."""
    for line in sys.stdin:
        commands.put(line)
    commands.put("")
    time.sleep(GRACE)
    os._exit(1)


if __name__ == "__main__":
    main()
