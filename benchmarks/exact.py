"""Limits are exact: rates, with four workers of which one is ended every few seconds.

Jobs of three tasks with rates wait all the time, and so do limited and plain ones in a queue that
has a rate. Every start is held to the algorithm that is promised: in any span of time t no more
than burst + t / interval of them. After that come places: see `places.py`.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Sequence
from typing import Any

from benchmarks import places
from benchmarks.limited import bursts, keyed, noop, spread, turns
from benchmarks.limits import empty, fill
from benchmarks.results import Verdict, at_least, at_most
from benchmarks.setting import Setting, ask
from pgqueue import operations
from pgqueue.bench.scratch import Scratch

WORKERS, SECONDS, KEYS = 4, 600.0, 4
#: A worker is restarted after so many seconds, at least and at most.
RESTARTS = 2.0, 8.0
#: Tasks: seconds between starts, how many at once, under how many keys.
RATES = {spread.name: (0.05, 1, 1), bursts.name: (0.1, 10, 1), keyed.name: (0.2, 1, KEYS)}
#: A queue with a rate: its name, the rate, seconds between starts, how many at once.
RATED, RATE, INTERVAL, BURST = "rated", "20/s", 0.05, 5
#: Of times in floating point (seconds).
ROUNDING = 2e-6


def measure(setting: Setting) -> dict[str, Any]:
    """Have jobs start for so long, and return what was found of every start."""
    seconds = setting.seconds(SECONDS, 20)
    with setting.schema() as place:
        empty(place)
        for task in (spread, bursts, keyed):
            interval, burst, keys = RATES[task.name]
            jobs = int(keys * (seconds / interval + 100))
            fill(place, task.name, jobs, keys, None, str(task.rate_limit), burst)
        place.run(operations.rate_queue(RATED, RATE, BURST))
        jobs = int(seconds / INTERVAL + 100)
        place.fill(jobs, task=noop.name, queue=RATED)
        fill(place, turns.name, jobs, KEYS, None, queue=RATED)
        restarts = _run(setting, place, seconds)
        found = {name: _judge(place, name) for name in RATES}
        (starts,) = ask(place, "starts_in", queue=RATED)[0]
        found[f"queue {RATED}"] = _found([starts], INTERVAL, BURST)
    return {
        "seconds": seconds,
        "restarts": restarts,
        "tasks": found,
        "places": places.measure(setting),
    }


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Hold that none came too early, that workers kept up, and that places were not exceeded."""
    verdicts = []
    for name, found in result["tasks"].items():
        verdicts.append(at_most(f"{name}: starts that came too early", found["early"], 0))
        verdicts.append(at_least(f"{name}: share of the starts that its rate allows",
                                 found["share"], 0.5))  # fmt: skip
    return verdicts + places.judged(result["places"])


def early(starts: Sequence[float], interval: float, burst: int) -> int:
    """Return how many of these starts came before the algorithm lets them.

    >>> early([0.0, 0.0, 1.0, 1.5], interval=1.0, burst=2)
    1
    """
    next_start, found = float("-inf"), 0
    for start in starts:
        found += start < next_start - (burst - 1) * interval - ROUNDING
        next_start = max(start, next_start) + interval
    return found


def _run(setting: Setting, place: Scratch, seconds: float) -> int:
    """Have workers work for so long, and end one of them now and then; return how often."""
    chance = random.Random(1)  # noqa: S311 (whom it befalls)
    options = "-c", "4", "-Q", f"default,{RATED}"
    running = [places.start(place, *options) for _ in range(WORKERS)]
    over, restarts = time.monotonic() + seconds, 0
    try:
        while (left := over - time.monotonic()) > 0:
            time.sleep(min(left, chance.uniform(*RESTARTS)))
            victim = chance.randrange(WORKERS)
            how = chance.choice([signal.SIGKILL, signal.SIGTERM])
            places.end(running[victim], how)
            running[victim] = places.start(place, *options)
            restarts += 1
            if restarts % 20 == 0:
                setting.say(f"{restarts} restarts, {max(0, left):.0f} s left")
    finally:
        for each in running:
            places.end(each)
    return restarts


def _judge(place: Scratch, task: str) -> dict[str, Any]:
    interval, burst, keys = RATES[task]
    return _found(
        [starts for _, starts in ask(place, "starts_of", task=task, keys=keys)], interval, burst
    )


def _found(by_key: Sequence[Sequence[float]], interval: float, burst: int) -> dict[str, Any]:
    span = max(each[-1] for each in by_key) - min(each[0] for each in by_key)
    total = sum(len(each) for each in by_key)
    return {
        "starts": total,
        "early": sum(early(each, interval, burst) for each in by_key),
        "share": total / (len(by_key) * (burst + span / interval)),
    }
