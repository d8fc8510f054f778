"""An idle worker: how long a job waits for it."""

from __future__ import annotations

from dataclasses import dataclass

from pgqueue.bench import meters, producers, worker
from pgqueue.bench.figures import Percentiles, percentiles
from pgqueue.bench.meters import Noise
from pgqueue.bench.plan import Bench

#: A worker whose connection is a pooler's never sleeps: it polls.
DROWSY = 3.0


@dataclass(frozen=True, slots=True)
class Pickups:
    """Times in ms: from the call of `delay` to the task's first line, and of `delay` by itself.

    `slept`: whether the worker asked to be woken, as it does unless notifications do not arrive.
    """

    jobs: int
    per_second: float
    slept: bool
    waited: Percentiles | None
    delay: Percentiles | None
    each_waited: list[float]
    each_delay: list[float]
    noise: Noise


def measure(bench: Bench) -> Pickups:
    """Give a sleeping worker one job at a time, and ask the jobs when they began."""
    size = bench.size
    bench.scratch.empty()
    with worker.started(bench.scratch) as running, producers.started(bench.scratch) as (producer,):
        running.wait_until_ready()
        running.wait_until(lambda: not bench.scratch.has_unfinished(), "the jobs of the warm-up")
        bench.scratch.ask("forget_finished")
        slept = running.comes_true(lambda: bool(bench.scratch.value("asleep")), DROWSY)
        bench.say(f"pickup: {size.pickups:,} jobs at {size.pickups_per_second:g}/s")
        before, used = bench.meter.read(), running.cpu()
        answer = producer.ask("paced", jobs=size.pickups, per_second=size.pickups_per_second)
        running.wait_until(lambda: not bench.scratch.has_unfinished(), "the last job")
        spent, used = bench.meter.read() - before, running.cpu() - used
    waited = [1000 * seconds for (seconds,) in bench.scratch.ask("stamps")]
    delay = [us / 1000 for us in answer["latencies"]]
    return Pickups(
        jobs=len(waited),
        per_second=size.pickups_per_second,
        slept=slept,
        waited=percentiles(waited),
        delay=percentiles(delay),
        each_waited=waited,
        each_delay=delay,
        noise=meters.noise([spent], None if used.total is None else used.total + answer["cpu"]),
    )
