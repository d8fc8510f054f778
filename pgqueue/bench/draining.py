"""A full queue and one worker: how fast it runs dry, and what share of the bare statements that is.

One half of the bare loop runs before the worker and one after it, so that noise hits both.
"""

from __future__ import annotations

from dataclasses import dataclass

from pgqueue.bench import baseline, meters, worker
from pgqueue.bench.baseline import Bare
from pgqueue.bench.figures import per_job, rate
from pgqueue.bench.meters import Noise, Spent, WorkerMemory
from pgqueue.bench.plan import Bench

#: A worker that is slower than this (jobs/s) is not waited for.
SLOWEST = 50.0


@dataclass(frozen=True, slots=True)
class BareRun:
    """The bare loop's figures: processor time in µs per job, WAL in bytes per job."""

    jobs: int
    seconds: float
    per_second: float
    batch: int
    client_cpu: float
    server_cpu: float | None
    wal: float
    round_trips: float


@dataclass(frozen=True, slots=True)
class Draining:
    """The worker's figures: processor time in µs per job, WAL in bytes per job.

    `first_start` is seconds from the command to the first job's start; `seconds` from there to the
    last commit. `start_up_cpu` in seconds, once. `in_each_second` counts finished jobs.
    `share` is of the bare loop's speed, from 0 to 1.
    """

    command: str
    processes: int
    slots: int
    jobs: int
    seconds: float
    per_second: float
    first_start: float
    start_up_cpu: float | None
    supervisor_cpu: float | None
    children_cpu: float | None
    server_cpu: float | None
    wal: float
    commits: float
    round_trips: float | None
    connections: int
    memory: WorkerMemory
    in_each_second: list[int]
    noise: Noise
    baseline: list[BareRun]
    baseline_per_second: float
    share: float


def measure(bench: Bench) -> Draining:
    """Drain half of the jobs bare, all of them by a worker, and the other half bare."""
    jobs, half = bench.size.jobs, bench.size.jobs // 2
    stretches: list[Spent] = []
    before = _bare(bench, half, stretches)
    _fill(bench, jobs)
    bench.say(f"drain: a worker and {jobs:,} jobs")
    start = bench.meter.read()
    with worker.started(bench.scratch) as running:
        running.wait_until_ready()
        ready, start_up = bench.meter.read(), running.cpu()
        running.wait_until(
            lambda: not bench.scratch.has_unfinished(),
            "the last job",
            max(worker.PATIENCE, jobs / SLOWEST),
        )
        spent, cpu = bench.meter.read() - ready, running.cpu() - start_up
        memory, connections = running.memory(), running.connections()
        row = running.row()
    # The worker's sessions have written down what they counted when they ended.
    commits = (bench.meter.read() - start).commits
    first, last, done = bench.scratch.ask("span")[0]
    in_each_second = [count for _, count in bench.scratch.ask("finished_per_second")]
    runs = [before, _bare(bench, half, stretches)]
    bare = rate(sum(run.jobs for run in runs), sum(run.seconds for run in runs))
    speed = rate(done, last - first)
    trips = row.stats.get("round_trips")
    return Draining(
        command=running.command,
        processes=row.processes,
        slots=row.concurrency,
        jobs=done,
        seconds=last - first,
        per_second=speed,
        first_start=first - running.began,
        start_up_cpu=start_up.total,
        supervisor_cpu=_micros(cpu.supervisor, done),
        children_cpu=_micros(cpu.children, done),
        server_cpu=_micros(spent.server_cpu, done),
        wal=spent.wal / done,
        commits=commits / done,
        round_trips=per_job(trips, done),
        connections=connections,
        memory=memory,
        in_each_second=in_each_second,
        noise=meters.noise([*stretches, spent], cpu.total),
        baseline=runs,
        baseline_per_second=bare,
        share=rate(speed, bare),
    )


def _bare(bench: Bench, jobs: int, stretches: list[Spent]) -> BareRun:
    _fill(bench, jobs)
    bench.say(f"drain: the bare statements and {jobs:,} jobs")
    before = bench.meter.read()
    done = baseline.drain(bench.scratch)
    stretches.append(bench.meter.read() - before)
    return _run(done, stretches[-1])


def _run(done: Bare, spent: Spent) -> BareRun:
    return BareRun(
        jobs=done.jobs,
        seconds=done.seconds,
        per_second=rate(done.jobs, done.seconds),
        batch=done.batch,
        client_cpu=done.client_cpu * 1e6 / done.jobs,
        server_cpu=_micros(spent.server_cpu, done.jobs),
        wal=spent.wal / done.jobs,
        round_trips=done.round_trips / done.jobs,
    )


def _fill(bench: Bench, jobs: int) -> None:
    bench.say(f"drain: inserting {jobs:,} jobs")
    bench.scratch.empty()
    bench.scratch.fill(jobs)


def _micros(seconds: float | None, jobs: int) -> float | None:
    return per_job(None if seconds is None else seconds * 1e6, jobs)
