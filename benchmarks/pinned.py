"""An old snapshot is held while jobs flow: does the queue slow down, and would plain SQL?

A report, a dump, or a transaction that somebody forgot: no dead row may be removed meanwhile. The
worker runs for ten minutes; then nobody holds the snapshot any more, and the worker sees to it
that what it has left is cleared away. Then the bare loop from the cursor on, and the same
statements from the head of the index, for two minutes each.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks.flow import Flow, kept_filled
from benchmarks.loop import Loop
from benchmarks.results import Verdict, at_least, at_most
from benchmarks.setting import Setting, ask, pinned
from benchmarks.tasks import APP
from pgqueue.bench import worker
from pgqueue.bench.scratch import Scratch

MINUTES, BARE_MINUTES = 10.0, 2.0
#: Until then connections open, and pages are touched for the first time.
WARM_UP = 5.0
#: What is as good as nothing: as many dead rows as vacuum leaves be, and files of so many bytes.
FEW_DEAD, SMALL = 10_000, 64 << 20
#: In how many seconds it should be cleared away, and how long it is waited for.
CLEARING, LONGEST = 120.0, 600.0


def measure(setting: Setting) -> dict[str, Any]:
    """Run the three ways one after the other, each on tables that are new."""
    minute = setting.seconds(60.0)
    long, short = MINUTES * minute, BARE_MINUTES * minute
    result: dict[str, Any] = {"minute": minute}
    setting.say(f"a worker, pinned for {long:.0f} s")
    with setting.schema() as place, worker.started(place, app=APP) as running:
        with kept_filled(place) as flow:
            running.wait_until_ready()
            time.sleep(WARM_UP)
            result["worker"] = _watched(setting, place, flow, long, lambda: time.sleep(0.2))
        setting.say("the snapshot is gone, and no jobs come any more")
        result["worker"]["cleared"] = _cleared(place)
    for name, cursor in (("cursor", True), ("head", False)):
        setting.say(f"the bare loop, {name}, pinned for {short:.0f} s")
        with setting.schema() as place, kept_filled(place) as flow:
            result[name] = _bare(setting, place, flow, short, cursor=cursor)
    return result


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Compare the end with the beginning."""
    minute, cleared = result["minute"], result["worker"]["cleared"]
    return [
        at_least("worker: last minute / first minute", _kept(result["worker"], minute), 0.8),
        at_least("bare loop: last half minute / first", _kept(result["cursor"], minute / 2), 0.8),
        at_least(
            "bare loops at their end: from the cursor / from the head",
            _last(result["cursor"], minute / 2) / max(1.0, _last(result["head"], minute / 2)),
            1.0,
        ),
        at_most("seconds until dead rows are gone, after it", cleared["rows"], CLEARING),
        at_most("seconds until table and indexes are small", cleared["files"], CLEARING),
    ]


def _bare(
    setting: Setting, place: Scratch, flow: Flow, seconds: float, *, cursor: bool
) -> dict[str, Any]:
    loop = Loop(place, cursor=cursor)
    until = time.monotonic() + WARM_UP
    while time.monotonic() < until:
        loop.turn()
    return _watched(setting, place, flow, seconds, loop.turn)


def _watched(
    setting: Setting, place: Scratch, flow: Flow, seconds: float, act: Any
) -> dict[str, Any]:
    with pinned(setting.dsn):
        flow.finished.clear()
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            act()
        rates = flow.rates(1.0)
        live = ask(place, "live")[0]
    updates, hot = live[2], live[3]
    return {
        "per_second": rates,
        "jobs": flow.finished[-1][1] - flow.finished[0][1],
        "hot_updates": hot / max(1, updates),
        "table_mb": live[4] / 1e6,
        "indexes_mb": live[5] / 1e6,
        "dead_rows": live[1],
    }


def _cleared(place: Scratch) -> dict[str, float]:
    """Return after how many seconds few dead rows, and small files, were left."""
    took = {"rows": LONGEST, "files": LONGEST}
    left, began = set(took), time.monotonic()
    while left and (now := time.monotonic() - began) < LONGEST:
        _, dead, _, _, table, indexes, _ = ask(place, "live")[0]
        done = {"rows": dead <= FEW_DEAD, "files": table + indexes <= SMALL}
        for what in [each for each in left if done[each]]:
            took[what] = now
            left.remove(what)
        time.sleep(0.5)
    return took


def _first(found: dict[str, Any], width: float) -> float:
    rates: list[float] = found["per_second"][: max(1, round(width))]
    return sum(rates) / len(rates)


def _last(found: dict[str, Any], width: float) -> float:
    rates: list[float] = found["per_second"][-max(1, round(width)) :]
    return sum(rates) / len(rates)


def _kept(found: dict[str, Any], width: float) -> float:
    return _last(found, width) / max(1.0, _first(found, width))
