"""Tasks that take time: slots stay busy, nobody hoards, long jobs do not delay short ones.

Every body sleeps and returns when it began and ended, so that busy slots are counted, not guessed.
Two workers share the queue; what one of them keeps to itself, the other's slots would miss.
"""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import Any

from benchmarks.results import Verdict, at_least, at_most
from benchmarks.setting import Setting, ask
from benchmarks.tasks import APP
from pgqueue.bench import worker
from pgqueue.bench.figures import percentiles
from pgqueue.bench.scratch import Scratch

WORKERS, PROCESSES, SLOTS = 2, 1, 4
SECONDS = 15.0
BODIES = (0.0, 0.001, 0.01, 0.1)
#: A mix of short and long ones, and the share of the long.
MIX, LONG = (0.01, 0.5), 0.1
#: Shorter bodies end faster than two cores can claim and finish; the bound is for these and longer.
JUDGED = 0.01
MOST = 60_000


def measure(setting: Setting) -> dict[str, Any]:
    """Run every body, and the mix, on two workers of four slots each."""
    seconds = setting.seconds(SECONDS, 2.0)
    result: dict[str, Any] = {"workers": WORKERS, "slots": SLOTS, "bodies": []}
    with setting.schema() as place:
        for body in BODIES:
            setting.say(f"bodies of {body * 1000:g} ms")
            number = int(min(MOST * setting.scale, WORKERS * SLOTS * seconds / max(body, 1e-9)))
            found = ran(place, [body] * max(50, number))
            result["bodies"].append({"body": body, **found})
        setting.say(f"a mix of {MIX[0] * 1000:g} and {MIX[1] * 1000:g} ms")
        chance = random.Random(1)  # noqa: S311 (the same order each time)
        mean = (1 - LONG) * MIX[0] + LONG * MIX[1]
        number = int(WORKERS * SLOTS * seconds / mean)
        mix = [MIX[1] if chance.random() < LONG else MIX[0] for _ in range(number)]
        result["mix"] = ran(place, mix)
    return result


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Ask whether slots were busy, and whether any waited while there was work."""
    verdicts = [
        at_least(f"slots busy, bodies of {each['body'] * 1000:g} ms", each["busy"], 0.95)
        for each in result["bodies"]
        if each["body"] >= JUDGED
    ]
    verdicts.append(at_least("slots busy, mix of 10 and 500 ms", result["mix"]["busy"], 0.95))
    pause = result["mix"]["pause"]["p99"] / MIX[1]
    verdicts.append(at_most("mix: a slot's pause (p99) / bodies of 500 ms", pause, 0.1))
    return verdicts


def ran(place: Scratch, seconds: list[float]) -> dict[str, Any]:
    """Run these sleeps in this order; return how busy the slots were while any was left to begin.

    `busy` and `busy_each` (by worker) are shares of the slots' time; `pause` is how long (s) a slot
    was free before its next job.
    """
    place.empty()
    with ExitStack() as stack:
        options = ["--processes", str(PROCESSES), "-c", str(SLOTS)]
        running = [
            stack.enter_context(worker.started(place, options, app=APP)) for _ in range(WORKERS)
        ]
        for each in running:
            each.wait_until_ready()
        ask(place, "fill_sleeps", seconds=seconds)
        wait = 60 + 3 * sum(seconds) / (WORKERS * SLOTS) + len(seconds) / 500
        running[0].wait_until(lambda: not place.has_unfinished(), "the last job", wait)
    return spent(ask(place, "sleeps"), WORKERS * SLOTS)


def spent(runs: list[Any], slots: int) -> dict[str, Any]:
    """Return how slots spent their time; runs are (began, ended, seconds, worker), in order.

    >>> round(spent([(0.0, 1.0, 1, 7), (0.0, 2.0, 1, 7), (1.5, 3.0, 1, 7)], 2)["busy"], 2)
    0.83
    """
    first, last = runs[0][0], runs[-1][0]
    workers = sorted({run[3] for run in runs})

    def busy(of: list[Any], slots: float) -> float:
        total = sum(min(ended, last) - began for began, ended, *_ in of)
        return float(total / (slots * (last - first))) if last > first else 0.0

    each = {w: busy([r for r in runs if r[3] == w], slots / len(workers)) for w in workers}
    pauses = [
        pause
        for w in workers
        for pause in _pauses([r for r in runs if r[3] == w], slots // len(workers))
    ]
    spread = percentiles(pauses)
    return {
        "jobs": len(runs),
        "per_second": len(runs) / (runs[-1][1] - first),
        "busy": busy(runs, slots),
        "busy_each": list(each.values()),
        "pause": {"p50": spread.p50, "p99": spread.p99, "max": spread.max} if spread else None,
    }


def _pauses(runs: list[Any], slots: int) -> list[float]:
    """Return how long a slot was free before each run but the first ones, whose slots were new."""
    free: list[float] = []
    pauses = []
    for began, ended, *_ in runs:
        if len(free) == slots:
            free.sort()
            pauses.append(max(0.0, began - free.pop(0)))
        free.append(ended)
    return pauses
