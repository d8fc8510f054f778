"""More workers, more queues: nobody gets in the others' way.

One, two, four and eight `pgq worker` commands drain the same queue, and one worker drains 1, 4 and
16 queues. What the sessions of the workers wait for is sampled meanwhile: waiting for a lock would
be a fight for the head of the queue.
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

JOBS, ROUNDS = 60_000, 3
WORKERS, QUEUES = (1, 2, 4, 8), (1, 4, 16)
_LOOK = 0.02


def measure(setting: Setting) -> tuple[dict[str, Any], list[Verdict]]:
    """Drain with every number of workers and queues, in turns."""
    jobs = setting.count(JOBS)
    runs: list[dict[str, Any]] = []
    with setting.schema() as place:
        for turn in range(ROUNDS):
            for workers, queues in [*((n, 1) for n in WORKERS), *((1, n) for n in QUEUES[1:])]:
                setting.say(f"{workers} workers, {queues} queues, round {turn + 1} of {ROUNDS}")
                runs.append(drained(place, jobs, workers, queues))
    speed = {
        (w, q): statistics.median(
            r["per_second"] for r in runs if (r["workers"], r["queues"]) == (w, q)
        )
        for w, q in {(r["workers"], r["queues"]) for r in runs}
    }
    waits = sum((Counter(r["waits"]) for r in runs), Counter[str]())
    locks = sum(n for event, n in waits.items() if event.startswith("Lock:"))
    steps = [*pairwise(WORKERS)]
    verdicts = [
        at_least(f"{b} workers / {a} workers", speed[b, 1] / speed[a, 1], 0.9) for a, b in steps
    ]
    verdicts += [
        at_least(f"{b} queues / {a} queues", speed[1, b] / speed[1, a], 0.9)
        for a, b in pairwise(QUEUES)
    ]
    verdicts.append(
        at_most("share of looks that saw a wait for a lock", locks / max(1, waits.total()), 0.01)
    )
    return {"jobs": jobs, "runs": runs}, verdicts


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
