"""Rows that are not due, and a long history: a queue full of them is drained as fast as an empty.

Two schemas take turns, so that noise hits both: one has nothing but the jobs that are drained, the
other also a million jobs for next year, a million that wait for others, five million finished.
"""

from __future__ import annotations

import statistics
from typing import Any

from benchmarks.results import Verdict, at_least
from benchmarks.setting import Setting, ask
from benchmarks.tasks import SCHEMA, noop
from pgqueue.bench import baseline
from pgqueue.bench.figures import rate
from pgqueue.bench.meters import Meter
from pgqueue.bench.scratch import Scratch

JOBS, ROUNDS = 60_000, 5
FUTURE, WAITING, HISTORY = 1_000_000, 1_000_000, 5_000_000
YEAR = 365 * 86400.0
CHUNK = 500_000


def measure(setting: Setting) -> dict[str, Any]:
    """Drain both in turns: before anybody analyzed, after, and after the full one ran empty."""
    result: dict[str, Any] = {
        "jobs": setting.count(JOBS),
        "future": setting.count(FUTURE),
        "waiting": setting.count(WAITING),
        "history": setting.count(HISTORY),
    }
    with setting.schema() as full, setting.schema(f"{SCHEMA}_calm") as calm:
        for place in (full, calm):
            ask(place, "leave_alone")
        fill_standing(setting, full)
        phases: dict[str, list[dict[str, Any]]] = {}
        for phase in ("never analyzed", "analyzed full", "analyzed empty"):
            phases[phase] = [
                _pair(full, calm, phase, result["jobs"], turn) for turn in range(ROUNDS)
            ]
            setting.say(f"{phase}: {_median(phases[phase]):.2f} of the empty database")
        result["phases"] = phases
    return result


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Compare the full with the empty database, and the empty one with itself."""
    phases = result["phases"]
    verdicts = [
        at_least(f"full / empty database, {phase} (median of {ROUNDS})", _median(pairs), 0.9)
        for phase, pairs in phases.items()
    ]
    # Both could be slow alike: an empty table's statistics must not spoil what is filled later. The
    # bound is wide, because these two do not take turns, and a wrong plan costs a hundred times.
    empty = _speed(phases["analyzed empty"]) / _speed(phases["never analyzed"])
    verdicts.append(at_least("empty database: analyzed empty / never analyzed", empty, 0.5))
    return verdicts


def fill_standing(setting: Setting, place: Scratch) -> None:
    """Insert what stands around, without telling the planner."""
    for what, total in (("future", FUTURE), ("waiting", WAITING), ("history", HISTORY)):
        left = setting.count(total)
        while left > 0:
            setting.say(f"{left:,} {what} rows to insert")
            add_standing(place, what, min(CHUNK, left))
            left -= CHUNK


def add_standing(place: Scratch, what: str, jobs: int) -> None:
    """Insert so many rows of a kind: future, waiting or history."""
    if what == "future":
        place.fill(jobs, delay=YEAR)
    else:
        ask(place, f"fill_{what}", jobs=jobs, task=noop.name)


def drained(place: Scratch, jobs: int) -> dict[str, Any]:
    """Insert jobs and drain them; return the speed, and the server's time per job in µs."""
    place.fill(jobs)
    return metered(place, jobs)


def metered(place: Scratch, jobs: int) -> dict[str, Any]:
    """Drain so many jobs that are there; return the speed, and the server's time per job in µs."""
    meter = Meter(place)
    before = meter.read()
    run = baseline.drain(place)
    spent = meter.read() - before
    assert run.jobs == jobs, f"{run.jobs} of {jobs} jobs were drained"
    cpu = spent.server_cpu
    return {
        "per_second": rate(run.jobs, run.seconds),
        "server_cpu": None if cpu is None else cpu * 1e6 / run.jobs,
        "wal": spent.wal / run.jobs,
        "checkpointed": spent.checkpointed,
    }


def _pair(full: Scratch, calm: Scratch, phase: str, jobs: int, turn: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    both = [("full", full), ("empty", calm)]
    for name, place in both if turn % 2 else reversed(both):
        if phase == "analyzed empty":
            ask(place, "analyze")
        place.fill(jobs)
        if phase == "analyzed full":
            ask(place, "analyze")
        found[name] = metered(place, jobs)
    found["ratio"] = found["full"]["per_second"] / found["empty"]["per_second"]
    return found


def _speed(pairs: list[dict[str, Any]]) -> float:
    return statistics.median(float(pair["empty"]["per_second"]) for pair in pairs)


def _median(pairs: list[dict[str, Any]]) -> float:
    return statistics.median(float(pair["ratio"]) for pair in pairs)
