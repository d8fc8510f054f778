"""Everything at once, for hours: whatever is not given back grows, and a growth has a slope.

A step of ten seconds: urgent jobs one by one, whose wait is measured; a bulk of jobs that do
nothing; jobs for later; jobs that fail, are tried again and fail for good; cancelled jobs; enqueues
that are rolled back. At its end the worker's memory and descriptors, the table's dead rows and size
are read. The history is not judged: it grows until its retention ends.
"""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Any

from benchmarks.results import Verdict, at_most
from benchmarks.setting import Setting, ask, connected
from benchmarks.tasks import APP, flaky, noop, stamp
from pgqueue import operations
from pgqueue.bench import processes, worker
from pgqueue.bench.figures import percentile, slope
from pgqueue.bench.scratch import Scratch
from pgqueue.identifiers import uuid7
from pgqueue.rows import NewJob

STEPS, STEP = 2160, 10.0
BULK, LATER, FAILING, CANCELLED, URGENT = 3_000, 30, 10, 10, 100
#: The first part is not judged: memory is fetched, pages are made.
SETTLED = 0.2
#: What may grow by how much of its mean from the settled beginning to the end.
FLAT = {
    "supervisor_mb": 0.1,
    "children_mb": 0.1,
    "descriptors": 0.05,
    "table_mb": 0.25,
    "indexes_mb": 0.25,
    "p99_ms": 0.5,
}
#: How many dead rows there may be at most, in rows of a bulk: autovacuum looks once a minute.
DEAD = 60.0


def measure(setting: Setting) -> dict[str, Any]:
    """Run the steps; 0.1 of them take 36 minutes."""
    steps = setting.count(STEPS, 4)
    samples: list[dict[str, float]] = []
    with (
        setting.schema() as place,
        worker.started(place, app=APP) as running,
        connected(place, "pgqueue producer") as producer,
    ):
        running.wait_until_ready()
        began = time.monotonic()
        for number in range(steps):
            ids = _step(producer, began + number * STEP)
            time.sleep(max(0.0, began + (number + 1) * STEP - time.monotonic()))
            sample = _sample(place, running, ids)
            samples.append({"seconds": time.monotonic() - began, **sample})
            if number % 6 == 0:
                said = ", ".join(f"{name} {value:.4g}" for name, value in sample.items())
                setting.say(f"step {number + 1} of {steps}: {said}")
    return {"step": STEP, "samples": samples}


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Return whether every figure is flat: its slope by least squares against its mean.

    >>> flat = [{"seconds": s, "dead_rows": 5, **dict.fromkeys(FLAT, 7.0)} for s in range(10)]
    >>> all(verdict.holds for verdict in judged({"samples": flat}))
    True
    """
    samples: list[dict[str, float]] = result["samples"]
    settled = samples[round(len(samples) * SETTLED) :]
    span = settled[-1]["seconds"] - settled[0]["seconds"]
    verdicts = []
    for name, bound in FLAT.items():
        grown = slope([(each["seconds"], each[name]) for each in settled]) * span
        mean = statistics.fmean(each[name] for each in settled)
        what = f"{name}: growth by its slope over the run / mean ({mean:.4g})"
        verdicts.append(at_most(what, grown / mean if mean else 0.0, bound))
    dead = statistics.median(each["dead_rows"] for each in settled)
    verdicts.append(at_most("dead rows (median) / rows of a bulk", dead / BULK, DEAD))
    return verdicts


def _step(producer: Scratch, began: float) -> list[str]:
    """Enqueue what belongs to a step; return the ids of the urgent jobs."""
    producer.fill(BULK)
    later = [_job(noop.name, countdown=1.0 + number) for number in range(LATER)]
    failing = [_job(flaky.name) for _ in range(FAILING)]
    doomed = [_job(noop.name, countdown=3600.0) for _ in range(CANCELLED)]
    for job in (*later, *failing, *doomed):
        producer.run(operations.enqueue(job))
    producer.run(operations.cancel(job.id for job in doomed))
    with producer.connection.transaction(force_rollback=True):
        producer.run(operations.enqueue(_job(noop.name)))
    ids = []
    for number in range(URGENT):
        due = began + STEP * 0.8 * (number + 1) / URGENT
        time.sleep(max(0.0, due - time.monotonic()))
        job = _job(stamp.name, args=f"[{time.time()}]", priority=9)
        producer.run(operations.enqueue(job))
        ids.append(str(job.id))
    return ids


def _job(task: str, *, args: str = "[1]", priority: int = 0, countdown: float = 0.0) -> NewJob:
    return NewJob(uuid7(), task, args, "{}", priority=priority, countdown=countdown)


def _sample(place: Scratch, running: worker.Worker, ids: list[str]) -> dict[str, float]:
    memory = running.memory()
    live, dead, _, _, table, indexes, vacuums = ask(place, "live")[0]
    waits = sorted(1000 * wait for (wait,) in ask(place, "waited", ids=ids))
    pids = [running.pid, *(child.pid for child in processes.children(running.pid))]
    return {
        "supervisor_mb": memory.supervisor.resident / 1e6 if memory.supervisor else 0.0,
        "children_mb": sum(each.resident for each in memory.children) / 1e6,
        "descriptors": sum(map(_descriptors, pids)),
        "live_rows": live,
        "dead_rows": dead,
        "table_mb": table / 1e6,
        "indexes_mb": indexes / 1e6,
        "vacuums": vacuums,
        "urgent": len(waits),
        "p50_ms": percentile(waits, 0.5) if waits else 0.0,
        "p99_ms": percentile(waits, 0.99) if waits else 0.0,
        "finished": int(ask(place, "finished")[0][0]),
    }


def _descriptors(pid: int) -> int:
    try:
        return len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return 0
