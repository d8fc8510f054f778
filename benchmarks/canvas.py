"""Canvases: a chord, a chain, and groups as large as applications send them.

A worker is up and idle; every figure is taken in rounds, and the median counts. What is timed
begins with the making of the signatures, as the user's code does it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.results import Verdict, at_most
from benchmarks.setting import Setting, ask
from benchmarks.tasks import APP, SCHEMA, noop, total
from pgqueue import PgQueue, chain, chord, group, signature
from pgqueue.bench import worker
from pgqueue.bench.scratch import Scratch

ROUNDS = 5
CHORD, CHAIN, GROUP, LARGE = 1_000, 100, 5_000, 10_000
#: Served by nobody: what is sent there is only sent.
ASIDE = "aside"
WAIT = 120.0


def measure(setting: Setting) -> dict[str, Any]:
    """Time each shape; count the statements that inserted the largest group."""
    chord_of, chain_of = setting.count(CHORD, 2), setting.count(CHAIN, 2)
    group_of, large = setting.count(GROUP, 2), setting.count(LARGE, 2)
    result: dict[str, Any] = {
        "chord_of": chord_of, "chain_of": chain_of, "group_of": group_of, "large_of": large,
    }  # fmt: skip
    with setting.schema() as place:
        app = PgQueue("pressure", dsn=place.dsn, schema=SCHEMA, set_as_current=False)
        try:
            with worker.started(place, app=APP) as running:
                running.wait_until_ready()
                shapes: dict[str, Callable[[], object]] = {
                    "chord": lambda: _chord(app, chord_of),
                    "chain": lambda: _chain(app, chain_of),
                    "group": lambda: _group(app, group_of),
                }
                for name, run in shapes.items():
                    setting.say(name)
                    result[name] = timed(run)
            result["inserts"] = inserts(place, app, large)
        finally:
            app.close()
    return result


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Compare the medians with what an application may expect."""
    return [
        at_most(f"a chord of {result['chord_of']:,}, from call to result (s)",
                statistics.median(result["chord"]), 1.0),
        at_most(f"a chain of {result['chain_of']:,}, from call to result (s)",
                statistics.median(result["chain"]), 0.5),
        at_most(f"a group of {result['group_of']:,}, sent (s)",
                statistics.median(result["group"]), 0.3),
        at_most(f"statements that inserted a group of {result['large_of']:,}",
                result["inserts"], 1),
    ]  # fmt: skip


def timed(run: Callable[[], object]) -> list[float]:
    """Return how long (s) each of the rounds took, after one that counts for nothing.

    >>> len(timed(lambda: None)) == ROUNDS
    True
    """
    run()
    seconds = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        run()
        seconds.append(time.monotonic() - began)
    return seconds


def inserts(place: Scratch, app: PgQueue, members: int) -> int:
    """Send a group, and return how many statements inserted its rows."""
    members_of: Any = group(_noop(app, number) for number in range(members))
    result = members_of.apply_async(queue=ASIDE)
    ((statements,),) = ask(place, "inserts", ids=[each.id for each in result])
    return int(statements)


def _noop(app: PgQueue, *args: int) -> Any:
    return signature(noop.name, args=args, app=app)


def _chord(app: PgQueue, members: int) -> object:
    header = [_noop(app, number) for number in range(members)]
    return chord(header)(signature(total.name, app=app)).get(timeout=WAIT)


def _chain(app: PgQueue, links: int) -> object:
    first, rest = _noop(app, 1), [_noop(app) for _ in range(links - 1)]
    return chain(first, *rest)().get(timeout=WAIT)


def _group(app: PgQueue, members: int) -> object:
    return group(_noop(app, number) for number in range(members)).apply_async(queue=ASIDE)
