"""A whole run: the measures that were asked for, in order, in a schema of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pgqueue.bench import bulk, draining, enqueueing, mixed, pickups, settings
from pgqueue.bench.meters import Meter
from pgqueue.bench.plan import Bench, Size
from pgqueue.bench.scratch import Scratch
from pgqueue.bench.settings import Settings

#: Every measure by its name, in the order in which they are made.
MEASURES: dict[str, Callable[[Bench], Any]] = {
    "enqueue": lambda bench: enqueueing.measure(bench, 1),
    "producers": lambda bench: enqueueing.measure(bench, bench.size.producers),
    "bulk": bulk.measure,
    "drain": draining.measure,
    "pickup": pickups.measure,
    "mixed": mixed.measure,
}


def run(
    scratch: Scratch,
    names: Sequence[str],
    size: Size,
    *,
    say: Callable[..., None],
    begin: Callable[[Settings], None],
    show: Callable[[str, Any], None],
) -> dict[str, Any]:
    """Make these measures, all of them if none is named; return their results by name.

    `begin` is told the settings before anything is measured, `show` every result once it is there.
    """
    bench = Bench(scratch, Meter(scratch), size, say)
    begin(settings.read(bench))
    results = {}
    for name, measure in MEASURES.items():
        if name in names or not names:
            results[name] = measure(bench)
            show(name, results[name])
    return results
