"""Limits: how fast limited jobs go, how soon a place is taken again, and what plain jobs notice.

Two workers drain jobs of one key with eight places, of a serial lane, of a thousand keys that take
turns, and of a queue with a rate that is never reached. Then plain jobs are drained, alone, and
beside a million jobs that have a rate and 100,000 of a key that is full.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from typing import Any

from benchmarks.limited import APP, eight, noop, seldom, serial, stuck, turns
from benchmarks.results import Verdict, at_least, at_most
from benchmarks.setting import Setting, ask
from pgqueue import operations
from pgqueue.bench import worker
from pgqueue.bench.figures import rate
from pgqueue.bench.scratch import Scratch

#: What is drained: the task, how many jobs, under how many keys, and how many of each at once.
KINDS = {
    "one key, 8 at once": (eight.name, 10_000, 1, 8),
    "a serial lane": (serial.name, 2_000, 1, 1),
    "1,000 keys by turns": (turns.name, 20_000, 1_000, None),
}
#: Jobs without limits in a queue that has a rate: how many, and a rate that is no obstacle.
RATED, OF_QUEUE, NEVER_REACHED = "a queue with a rate", 10_000, ("100000/s", 1000)
PLAIN, ROUNDS, WORKERS = 60_000, 3, 2
SELDOM, STUCK = 1_000_000, 100_000
#: A place is taken again within so many milliseconds.
REFILL = 50.0


def measure(setting: Setting) -> dict[str, Any]:
    """Drain each kind, then plain jobs with and without others that wait."""
    result: dict[str, Any] = {"kinds": {}, "beside": []}
    with setting.schema() as place:
        for name, (task, jobs, keys, most) in KINDS.items():
            setting.say(name)
            empty(place)
            fill(place, task, setting.count(jobs), setting.count(keys), most)
            result["kinds"][name] = drained(place, task, setting.count(jobs))
            if task == serial.name:
                result["gaps"] = gaps(place, task)
        setting.say(RATED)
        empty(place)
        place.run(operations.rate_queue("default", *NEVER_REACHED))
        place.fill(setting.count(OF_QUEUE))
        result["kinds"][RATED] = drained(place, noop.name, setting.count(OF_QUEUE))
        for turn in range(ROUNDS):
            pair = {}
            for crowded in (turn % 2 == 0, turn % 2 == 1):
                setting.say(f"plain jobs {'beside others' if crowded else 'alone'}, {turn + 1}")
                pair["crowded" if crowded else "alone"] = plain(setting, place, crowded=crowded)
            result["beside"].append(pair)
    return result


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Hold places to be taken again at once, and plain jobs to be as fast as without the others."""
    ratio = statistics.median(pair["crowded"] / pair["alone"] for pair in result["beside"])
    return [
        at_most("ms until a place is taken again, p99", result["gaps"]["p99"], REFILL),
        at_least(f"plain jobs beside limited ones / alone (median of {ROUNDS})", ratio, 0.8),
    ]


def plain(setting: Setting, place: Scratch, *, crowded: bool) -> float:
    """Drain plain jobs; `crowded`: beside many that their limits do not let start."""
    empty(place)
    if crowded:
        fill(place, seldom.name, setting.count(SELDOM), 1, None, "1/h")
        fill(place, stuck.name, setting.count(STUCK), 1, 1)
    jobs = setting.count(PLAIN)
    place.fill(jobs)
    return drained(place, noop.name, jobs)


def empty(place: Scratch) -> None:
    """Forget all jobs and keys."""
    place.empty()
    ask(place, "forget_limits")


def fill(
    place: Scratch,
    task: str,
    jobs: int,
    keys: int,
    most: int | None,
    rate_limit: str | None = None,
    burst: int = 1,
    queue: str = "default",
) -> None:
    """Insert limited jobs."""
    limits = {"max_concurrency": most, "rate_limit": rate_limit, "rate_burst": burst}
    limits["queue"] = queue
    ask(place, "fill_parked", task=task, jobs=jobs, keys=keys, **limits)


def drained(place: Scratch, task: str, jobs: int) -> float:
    """Have workers do all the jobs of a task; return how many a second."""
    with ExitStack() as stack:
        running = [
            stack.enter_context(worker.started(place, ["--grace", "1"], app=APP))
            for _ in range(WORKERS)
        ]
        running[0].wait_until(lambda: ask(place, "done_of", task=task)[0][0] >= jobs, task, 600)
    done, first, last = ask(place, "done_of", task=task)[0]
    return rate(done, last - first)


def gaps(place: Scratch, task: str) -> dict[str, float]:
    """Return how long the place of a serial task stayed free, in milliseconds."""
    found: list[float] = ask(place, "gaps_of", task=task)[0][0]
    return {"p50": statistics.median(found), "p99": found[int(len(found) * 0.99)]}
