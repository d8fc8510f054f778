"""Rates are exact: four workers for ten minutes, of which one is ended every few seconds.

Jobs of three tasks with rates wait all the time. Every start is held to the algorithm that is
promised: in any span of time t no more than burst + t / interval of them.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.limited import APP, bursts, keyed, spread
from benchmarks.limits import empty, fill
from benchmarks.results import Verdict, at_least, at_most
from benchmarks.setting import Setting, ask
from pgqueue.bench import worker
from pgqueue.bench.scratch import Scratch
from pgqueue.demo.worker import PGQ

WORKERS, SECONDS, KEYS = 4, 600.0, 4
#: A worker is restarted after so many seconds, at least and at most.
RESTARTS = 2.0, 8.0
#: Tasks: seconds between starts, how many at once, under how many keys.
RATES = {spread.name: (0.05, 1, 1), bursts.name: (0.1, 10, 1), keyed.name: (0.2, 1, KEYS)}
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
        restarts = _run(setting, place, seconds)
        found = {name: _judge(place, name) for name in RATES}
    return {"seconds": seconds, "restarts": restarts, "tasks": found}


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Hold that none came too early, and that workers kept up."""
    verdicts = []
    for name, found in result["tasks"].items():
        verdicts.append(at_most(f"{name}: starts that came too early", found["early"], 0))
        verdicts.append(at_least(f"{name}: share of the starts that its rate allows",
                                 found["share"], 0.5))  # fmt: skip
    return verdicts


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
    running = [_started(place) for _ in range(WORKERS)]
    over, restarts = time.monotonic() + seconds, 0
    try:
        while (left := over - time.monotonic()) > 0:
            time.sleep(min(left, chance.uniform(*RESTARTS)))
            victim = chance.randrange(WORKERS)
            how = chance.choice([signal.SIGKILL, signal.SIGTERM])
            os.killpg(running[victim].pid, how)
            running[victim].wait()
            running[victim] = _started(place)
            restarts += 1
            if restarts % 20 == 0:
                setting.say(f"{restarts} restarts, {max(0, left):.0f} s left")
    finally:
        for each in running:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()
    return restarts


def _started(place: Scratch) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 (our own text)
        [sys.executable, "-c", PGQ, "worker", "-A", APP, "-c", "4", "--grace", "1"],
        cwd=worker.ROOT,
        env=worker.environment(place),
        stdin=subprocess.PIPE,  # it ends with us
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _judge(place: Scratch, task: str) -> dict[str, Any]:
    interval, burst, keys = RATES[task]
    by_key = [starts for _, starts in ask(place, "starts_of", task=task, keys=keys)]
    span = max(each[-1] for each in by_key) - min(each[0] for each in by_key)
    total = sum(len(each) for each in by_key)
    return {
        "starts": total,
        "early": sum(early(each, interval, burst) for each in by_key),
        "share": total / (keys * (burst + span / interval)),
    }
