"""A producer flat out beside a worker: does the worker keep up, and what does that cost?"""

from __future__ import annotations

from dataclasses import dataclass

from pgqueue.bench import meters, producers, worker
from pgqueue.bench.figures import Percentiles, per_job, percentiles, rate, slope
from pgqueue.bench.meters import Noise
from pgqueue.bench.plan import Bench

#: The backlog is looked at so many times; the first quarter is not judged.
POINTS = 40
SETTLED = POINTS // 4
#: A backlog that grows by less than this share of what is enqueued does not grow.
NOISE = 0.02


@dataclass(frozen=True, slots=True)
class Mixed:
    """Rates per second, times in ms, processor time in µs per enqueued job.

    `share` is of the mean of the rates alone, from 0 to 1. `backlog` holds (seconds, jobs);
    `growth` is how fast it grows, in jobs per second.
    """

    seconds: float
    alone_before: float
    alone_after: float
    beside: float
    share: float
    enqueued: int
    finished_meanwhile: int
    finished_per_second: float
    backlog: list[tuple[float, int]]
    backlog_at_end: int
    growth: float
    grows: bool
    waited: Percentiles | None
    producer_cpu: float | None
    supervisor_cpu: float | None
    children_cpu: float | None
    server_cpu: float | None
    wal: float
    noise: Noise


def measure(bench: Bench) -> Mixed:
    """Measure the producer alone, beside a worker, and alone again."""
    seconds = bench.size.seconds
    with producers.started(bench.scratch) as running:

        def enqueue(what: str, length: float) -> tuple[int, float, float]:
            bench.say(f"mixed: a producer {what}")
            (answer,) = producers.flat_out(running, "stamp", length)
            return answer["jobs"], answer["end"] - answer["at"], answer["cpu"]

        bench.scratch.empty()
        before = rate(*enqueue("alone", seconds / 2)[:2])
        bench.scratch.empty()
        with worker.started(bench.scratch) as servant:
            servant.wait_until_ready()
            start, used = bench.meter.read(), servant.cpu()
            jobs, took, cpu = enqueue("beside a worker", seconds)
            spent, used = bench.meter.read() - start, servant.cpu() - used
            bench.say("mixed: the rest")
            servant.wait_until(lambda: not bench.scratch.has_unfinished(), "the last job", 300)
        looks = bench.scratch.ask("backlog", points=POINTS)
        waited = [1000 * each for (each,) in bench.scratch.ask("stamps")]
        bench.scratch.empty()
        after = rate(*enqueue("alone", seconds / 2)[:2])
    backlog = [(at, number) for at, number, _ in looks]
    finished = looks[-1][2]
    beside, growth = rate(jobs, took), slope(backlog[SETTLED:])

    def micros(total: float | None) -> float | None:
        return per_job(None if total is None else total * 1e6, jobs)

    return Mixed(
        seconds=took,
        alone_before=before,
        alone_after=after,
        beside=beside,
        share=rate(beside, (before + after) / 2),
        enqueued=jobs,
        finished_meanwhile=finished,
        finished_per_second=rate(finished, looks[-1][0]),
        backlog=backlog,
        backlog_at_end=backlog[-1][1],
        growth=growth,
        grows=growth > NOISE * beside,
        waited=percentiles(waited),
        producer_cpu=micros(cpu),
        supervisor_cpu=micros(used.supervisor),
        children_cpu=micros(used.children),
        server_cpu=micros(spent.server_cpu),
        wal=spent.wal / jobs,
        noise=meters.noise([spent], None if used.total is None else used.total + cpu),
    )
