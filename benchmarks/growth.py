"""What a job costs as backlog, history and payload grow.

Backlog and history are drained bare, in turns with an empty database; payloads by a worker, because
they cross its pipes. How it goes with more workers is in `crowd.py`.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.loop import Loop
from benchmarks.results import Verdict, at_least
from benchmarks.setting import Setting, ask, connected
from benchmarks.standing import CHUNK, add_standing
from benchmarks.tasks import APP, SCHEMA, keep
from pgqueue.bench import worker
from pgqueue.bench.figures import rate
from pgqueue.bench.meters import Meter
from pgqueue.bench.scratch import Scratch

JOBS, ROUNDS = 30_000, 3
BACKLOG = (0, 10_000, 100_000, 300_000, 1_000_000)
HISTORY = (0, 100_000, 1_000_000, 2_500_000, 5_000_000)
#: Bytes of payload, and how many jobs of it.
PAYLOADS = ((10, 30_000), (1_000, 30_000), (10_000, 10_000), (100_000, 2_000), (1_000_000, 300))


def measure(setting: Setting) -> dict[str, Any]:
    """Let backlog, history and payload grow, one after the other."""
    jobs = setting.count(JOBS)
    with setting.schema() as place, setting.schema(f"{SCHEMA}_calm") as calm:
        for each in (place, calm):
            ask(each, "leave_alone")
        backlog = [_beside(setting, place, calm, "backlog", n, jobs) for n in BACKLOG]
        place.empty()
        calm.empty()
        history = [_beside(setting, place, calm, "history", n, jobs) for n in HISTORY]
        place.empty()
        payload = [_payload(setting, place, size, number) for size, number in PAYLOADS]
    return {"jobs": jobs, "backlog": backlog, "history": history, "payload": payload}


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Compare the largest backlog and history with none."""
    largest = [(what, result[what][-1]) for what in ("backlog", "history")]
    return [
        at_least(f"{what} of {row['rows']:,} / none", row["ratio"], 0.9) for what, row in largest
    ]


def _beside(
    setting: Setting, place: Scratch, calm: Scratch, what: str, rows: int, jobs: int
) -> dict[str, Any]:
    """Drain beside so many rows and beside none, in turns.

    A backlog is filled anew; a history only grows.
    """
    rows = round(rows * setting.scale)
    setting.say(f"{what} of {rows:,}")
    if what == "backlog":
        place.empty()
        place.fill(rows)
    else:
        there = int(ask(place, "history")[0][0])
        while there < rows:
            add_standing(place, "history", min(CHUNK, rows - there))
            there += min(CHUNK, rows - there)
    runs, both = [], [("beside", place), ("alone", calm)]
    for _ in range(ROUNDS):
        found = {}
        both.reverse()
        for name, each in both:
            each.fill(jobs)
            found[name] = drained(each, jobs)
        runs.append(found)

    def median(name: str, of: str) -> float:
        return statistics.median(float(run[name][of] or 0.0) for run in runs)

    return {
        "rows": rows,
        "per_second": median("beside", "per_second"),
        "alone": median("alone", "per_second"),
        "ratio": statistics.median(
            r["beside"]["per_second"] / r["alone"]["per_second"] for r in runs
        ),
        "server_cpu": median("beside", "server_cpu"),
        "server_cpu_alone": median("alone", "server_cpu"),
        "wal": median("beside", "wal"),
        "runs": runs,
    }


def drained(place: Scratch, jobs: int) -> dict[str, Any]:
    """Drain so many of the due jobs, bare; return the speed, and what a job costs (µs, bytes)."""
    with connected(place, "pgqueue bare") as other:  # the meter does not see its own session
        meter = Meter(place)
        loop = Loop(other)
        before, done = meter.read(), 0
        while done < jobs:
            done += loop.turn()
        loop.finish()
        spent = meter.read() - before
    cpu = spent.server_cpu
    return {
        "per_second": rate(done, spent.seconds),
        "server_cpu": None if cpu is None else cpu * 1e6 / done,
        "wal": spent.wal / done,
    }


def _payload(setting: Setting, place: Scratch, size: int, number: int) -> dict[str, Any]:
    jobs = setting.count(number, 20)
    setting.say(f"{jobs:,} payloads of {size:,} bytes")
    place.empty()
    with worker.started(place, app=APP) as running:
        running.wait_until_ready()
        meter = Meter(place)
        # They come while the worker is up, but are committed at once.
        ask(place, "fill_payloads", jobs=jobs, size=size, task=keep.name)
        before, used = meter.read(), running.cpu()
        running.wait_until(lambda: not place.has_unfinished(), "the last job", 300)
        spent, used = meter.read() - before, running.cpu() - used
        memory = running.memory()
    first, last, done = place.ask("span")[0]
    cpu = spent.server_cpu

    def micros(seconds: float | None) -> float | None:
        return None if seconds is None else seconds * 1e6 / done

    return {
        "size": size,
        "jobs": done,
        "per_second": rate(done, last - first),
        "mb_per_second": rate(done, last - first) * size / 1e6,
        "server_cpu": micros(cpu),
        "supervisor_cpu": micros(used.supervisor),
        "children_cpu": micros(used.children),
        "wal": spent.wal / done,
        "supervisor_mb": memory.supervisor.peak / 1e6 if memory.supervisor else None,
        "child_mb": max((each.peak for each in memory.children), default=0) / 1e6,
    }
