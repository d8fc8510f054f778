"""More workers, more queues: nobody gets in the others' way.

One, two, four and eight `pgq worker` commands drain the same queue, and one worker drains 1, 4 and
16 queues. What the sessions of the workers wait for is sampled meanwhile: waiting for rows would be
a fight for the head of the queue.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

from benchmarks.results import Verdict, at_least, at_most
from benchmarks.setting import Setting, ask, connected
from benchmarks.tasks import APP, noop
from pgqueue.bench import worker
from pgqueue.bench.figures import rate
from pgqueue.bench.scratch import Scratch

JOBS, ROUNDS = 120_000, 5
WORKERS, QUEUES = (1, 2, 4, 8), (1, 4, 16)
#: Waits for a row that another transaction has; a fight for the head of the queue is full of them.
ROW_WAITS = ("Lock:transactionid", "Lock:tuple")
_LOOK = 0.02


def measure(setting: Setting) -> dict[str, Any]:
    """Drain with every number of workers and queues, in turns."""
    jobs = setting.count(JOBS)
    runs: list[dict[str, Any]] = []
    with setting.schema() as place:
        for turn in range(ROUNDS):
            for workers, queues in [*((n, 1) for n in WORKERS), *((1, n) for n in QUEUES[1:])]:
                setting.say(f"{workers} workers, {queues} queues, round {turn + 1} of {ROUNDS}")
                runs.append(drained(place, jobs, workers, queues))
    return {"jobs": jobs, "runs": runs}


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Compare each number with the one before it within each round."""
    runs = result["runs"]
    verdicts = [
        at_least(f"{b} {what} / {a} {what}", step(runs, what, a, b), 0.9)
        for what, numbers in (("workers", WORKERS), ("queues", QUEUES))
        for a, b in pairwise(numbers)
    ]
    waits = sum((Counter(run["waits"]) for run in runs), Counter[str]())
    share = sum(waits[event] for event in ROW_WAITS) / max(1, waits.total())
    verdicts.append(at_most("share of looks that saw a wait for another's row", share, 0.01))
    return verdicts


def step(runs: list[dict[str, Any]], what: str, before: int, after: int) -> float:
    """Return how much as fast it is with so many workers, or queues, as with fewer: the median.

    >>> run = {"workers": 1, "queues": 1, "per_second": 10.0}
    >>> step([run, {**run, "workers": 2, "per_second": 15.0}], "workers", 1, 2)
    1.5
    """
    other = "queues" if what == "workers" else "workers"

    def speeds(number: int) -> list[float]:
        return [r["per_second"] for r in runs if r[what] == number and r[other] == 1]

    return statistics.median(b / a for a, b in zip(speeds(before), speeds(after), strict=True))


def drained(place: Scratch, jobs: int, workers: int, queues: int) -> dict[str, Any]:
    """Drain so many jobs by so many workers, which are up before the jobs come.

    `per_second` counts from the first claim to the last job's end; `waits` what was seen.
    """
    place.empty()
    names = ",".join(f"q{number}" for number in range(queues))
    with ExitStack() as stack:
        running = [
            stack.enter_context(worker.started(place, ["-Q", names], app=APP))
            for _ in range(workers)
        ]
        for each in running:
            each.wait_until_ready()
        before = [each.cpu() for each in running]
        ask(place, "spread", jobs=jobs, queues=queues, task=noop.name)
        waits: Counter[str] = Counter()
        with connected(place, "sampler") as sampler:
            stop = threading.Event()

            def sample() -> None:
                while not stop.is_set():
                    waits.update(dict(ask(sampler, "waits", applications="pgqueue%")))
                    stop.wait(_LOOK)

            thread = threading.Thread(target=sample)
            thread.start()
            try:
                running[0].wait_until(lambda: not place.has_unfinished(), "the last job", 300)
            finally:
                stop.set()
                thread.join()
        spent = [each.cpu() - was for each, was in zip(running, before, strict=True)]
    first, last, done = place.ask("span")[0]
    shares = [count for _, count in ask(place, "by_worker")]
    return {
        "workers": workers,
        "queues": queues,
        "per_second": rate(done, last - first),
        "supervisor_cpu": sum(each.supervisor or 0.0 for each in spent) * 1e6 / done,
        "children_cpu": sum(each.children or 0.0 for each in spent) * 1e6 / done,
        "least_share": min(shares) / done * workers if len(shares) == workers else 0.0,
        "waits": dict(waits),
        "measured_at": time.time(),
    }
