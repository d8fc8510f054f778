"""Many jobs in one transaction, by `enqueue_many`."""

from __future__ import annotations

from dataclasses import dataclass

from pgqueue.bench import meters, producers
from pgqueue.bench.figures import per_job, rate
from pgqueue.bench.meters import Noise
from pgqueue.bench.plan import Bench

#: So often it is done, each time into empty tables.
RUNS = 3


@dataclass(frozen=True, slots=True)
class BulkRun:
    """One transaction, from the call to its return."""

    jobs: int
    seconds: float
    per_second: float


@dataclass(frozen=True, slots=True)
class Bulk:
    """All runs together; processor time in µs per job, WAL in bytes per job."""

    jobs: int
    per_second: float
    client_cpu: float
    server_cpu: float | None
    wal: float
    noise: Noise
    runs: list[BulkRun]


def measure(bench: Bench) -> Bulk:
    """Enqueue as many jobs as are to be drained, a few times over."""
    jobs = bench.size.jobs
    runs, spent, client = [], [], 0.0
    with producers.started(bench.scratch) as (producer,):
        for turn in range(RUNS):
            bench.say(f"bulk: {jobs:,} jobs at once", f"({turn + 1} of {RUNS})")
            bench.scratch.empty()
            before = bench.meter.read()
            answer = producer.ask("bulk", jobs=jobs)
            spent.append(bench.meter.read() - before)
            client += answer["cpu"]
            runs.append(BulkRun(jobs, answer["seconds"], rate(jobs, answer["seconds"])))
    total = jobs * RUNS
    server = [each.server_cpu for each in spent if each.server_cpu is not None]
    return Bulk(
        jobs=total,
        per_second=rate(total, sum(run.seconds for run in runs)),
        client_cpu=client * 1e6 / total,
        server_cpu=per_job(sum(server) * 1e6 if server else None, total),
        wal=sum(each.wal for each in spent) / total,
        noise=meters.noise(spent, client),
        runs=runs,
    )
