"""Enqueueing one by one, beside the bare `INSERT … COMMIT` of the same row."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pgqueue.bench import meters, producers
from pgqueue.bench.figures import Percentiles, per_job, percentiles, rate
from pgqueue.bench.meters import Noise, Spent
from pgqueue.bench.plan import Bench

#: So many calls are counted, in a process of their own.
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Slice:
    """A short stretch of enqueueing in one way, by all producers at once.

    `client_cpu` and `server_cpu` in seconds, `wal` in bytes.
    """

    way: str
    jobs: int
    seconds: float
    client_cpu: float
    server_cpu: float | None
    wal: int


@dataclass(frozen=True, slots=True)
class Side:
    """One way of enqueueing, over all its slices.

    Latency in ms; per job: processor time in µs, WAL in bytes, commits and round trips, which are
    counted in a run of their own.
    """

    jobs: int
    per_second: float
    median_per_second: float
    latency: Percentiles | None
    client_cpu: float | None
    server_cpu: float | None
    wal: float | None
    commits: float
    round_trips: float


@dataclass(frozen=True, slots=True)
class Enqueueing:
    """What `delay` does, and what share that is of the bare insert, from 0 to 1."""

    producers: int
    delay: Side
    bare: Side
    share: float
    share_of_medians: float
    noise: Noise
    slices: list[Slice]


def measure(bench: Bench, number: int) -> Enqueueing:
    """Have so many producers enqueue in both ways, in turns, so that noise hits both."""
    bench.scratch.empty()
    length = bench.size.seconds / bench.size.slices
    slices: list[Slice] = []
    stretches: list[Spent] = []
    latencies: dict[str, list[float]] = {"delay": [], "bare": []}
    with producers.started(bench.scratch, number) as running:
        for turn in range(bench.size.slices):
            for way in ("delay", "bare"):
                bench.say(_name(number), f"({way}, slice {turn + 1} of {bench.size.slices})")
                before = bench.meter.read()
                answers = producers.flat_out(running, way, length)
                stretches.append(bench.meter.read() - before)
                slices.append(_slice(way, answers, stretches[-1]))
                latencies[way] += [us / 1000 for each in answers for us in each["latencies"]]
    bench.say(_name(number), "(counting)")
    counted = {way: _counted(bench, way) for way in latencies}
    delay, bare = (_side(way, slices, latencies[way], counted[way]) for way in ("delay", "bare"))
    return Enqueueing(
        producers=number,
        delay=delay,
        bare=bare,
        share=rate(delay.per_second, bare.per_second),
        share_of_medians=rate(delay.median_per_second, bare.median_per_second),
        noise=meters.noise(stretches, sum(each.client_cpu for each in slices)),
        slices=slices,
    )


def _name(number: int) -> str:
    return "enqueue: 1 producer" if number == 1 else f"enqueue: {number} producers at once"


def _slice(way: str, answers: Sequence[dict[str, Any]], spent: Spent) -> Slice:
    return Slice(
        way=way,
        jobs=sum(each["jobs"] for each in answers),
        seconds=max(each["end"] - each["at"] for each in answers),
        client_cpu=sum(each["cpu"] for each in answers),
        server_cpu=spent.server_cpu,
        wal=spent.wal,
    )


def _counted(bench: Bench, way: str) -> tuple[float, float]:
    """Return (commits, round trips) per job."""
    jobs = min(COUNTED, bench.size.jobs)
    without, _ = _process(bench, way, 0)
    commits, trips = _process(bench, way, jobs)
    return (commits - without) / jobs, trips / jobs


def _process(bench: Bench, way: str, jobs: int) -> tuple[int, int]:
    """Return the commits of a process that enqueues so many jobs, and its round trips for them."""
    before = bench.meter.read()
    with producers.started(bench.scratch) as (producer,):
        trips: int = producer.ask("counted", way=way, jobs=jobs)["round_trips"]
    # Its sessions have written down what they counted when they ended.
    return (bench.meter.read() - before).commits, trips


def _side(
    way: str, slices: Sequence[Slice], latencies: list[float], counted: tuple[float, float]
) -> Side:
    own = [each for each in slices if each.way == way]
    jobs = sum(each.jobs for each in own)
    server = [each.server_cpu for each in own if each.server_cpu is not None]
    return Side(
        jobs=jobs,
        per_second=rate(jobs, sum(each.seconds for each in own)),
        median_per_second=statistics.median(rate(each.jobs, each.seconds) for each in own),
        latency=percentiles(latencies),
        client_cpu=per_job(sum(each.client_cpu for each in own) * 1e6, jobs),
        server_cpu=per_job(sum(server) * 1e6 if server else None, jobs),
        wal=per_job(sum(each.wal for each in own), jobs),
        commits=counted[0],
        round_trips=counted[1],
    )
