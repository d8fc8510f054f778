"""Where the time of one job goes: server, supervisor, pipe, child. Processor time, in µs per job.

Parts are measured by themselves where they can be (a statement in a loop, frames without a pipe, a
child's slots without a supervisor), and together in a worker that drains a full queue.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.loop import BATCH, finished, register
from benchmarks.results import Verdict
from benchmarks.setting import Setting, ask, connected
from benchmarks.tasks import APP, app, noop
from pgqueue import operations
from pgqueue.bench import worker
from pgqueue.bench.meters import Meter
from pgqueue.bench.scratch import Scratch
from pgqueue.identifiers import uuid7
from pgqueue.query import Query
from pgqueue.rows import ClaimedJob, NewJob
from pgqueue.statements import statement
from pgqueue.worker import frames
from pgqueue.worker.claims import Cursors
from pgqueue.worker.executor import Executor
from pgqueue.worker.planning import Planner

JOBS, SINGLE = 60_000, 5_000


def measure(setting: Setting) -> dict[str, Any]:
    """Measure the parts, then a worker."""
    jobs, single = setting.count(JOBS, 2 * BATCH), setting.count(SINGLE, 100)
    with setting.schema() as place:
        setting.say("statements")
        result: dict[str, Any] = {"jobs": jobs, "batch": BATCH}
        with connected(place, "pgqueue bare") as bare:
            result["enqueue, one by one"] = _enqueue(place, bare, single)
            place.empty()
            result["insert, in bulk"] = _part(place, lambda: bare.fill(jobs), jobs)
            claimed: list[ClaimedJob] = []
            result["claim"] = _part(place, lambda: _claim(bare, claimed, jobs), jobs)
            result["finish"] = _part(place, lambda: _finish(bare, claimed), jobs)
            result["history_bytes"] = int(ask(place, "history_size")[0][0]) / jobs
        setting.say("pipe and child")
        result["pipe, both ends"] = _pipe(claimed)
        result["child's slots"] = _slots(claimed)
        setting.say("a worker")
        result["worker"] = _worker(place, jobs)
    return result


def judged(result: dict[str, Any]) -> list[Verdict]:
    """Judge nothing: these are parts of a whole, and no bounds are set for them."""
    del result
    return []


def _part(place: Scratch, act: Callable[[], object], jobs: int) -> dict[str, Any]:
    """Measure an act on the bare connection; `wall` includes the client."""
    meter = Meter(place)
    before, own = meter.read(), time.process_time()
    began = time.perf_counter()
    act()
    wall, own = time.perf_counter() - began, time.process_time() - own
    spent = meter.read() - before
    cpu = spent.server_cpu
    return {
        "server_cpu": None if cpu is None else cpu * 1e6 / jobs,
        "client_cpu": own * 1e6 / jobs,
        "wall": wall * 1e6 / jobs,
        "wal": spent.wal / jobs,
    }


def _run(place: Scratch, query: Query[Any], planner: Planner | None = None) -> Any:
    for each in planner.prepare([query])[:-1] if planner else ():
        _run(place, each)
    cursor = place.connection.execute(
        statement(query.name, place.schema), query.params, prepare=True
    )
    return query.read(cursor.fetchall())


def _enqueue(place: Scratch, bare: Scratch, jobs: int) -> dict[str, Any]:
    def act() -> None:
        for number in range(jobs):
            _run(bare, operations.enqueue(NewJob(uuid7(), noop.name, f"[{number}]", "{}")))

    return _part(place, act, jobs)


def _claim(bare: Scratch, claimed: list[ClaimedJob], jobs: int) -> None:
    owner = bare.run(register(["default"], [noop.name]))
    cursors, planner = Cursors(["default"]), Planner(pooled=False)
    while len(claimed) < jobs:
        lanes = cursors.lanes(sweep=False)
        found = _run(bare, operations.claim(owner, lanes, [noop.name], BATCH), planner)
        cursors.advance(found)
        claimed += found


def _finish(bare: Scratch, claimed: Sequence[ClaimedJob]) -> None:
    planner = Planner(pooled=False)
    for start in range(0, len(claimed), BATCH):
        _run(bare, operations.finish(sorted(finished(claimed[start : start + BATCH]))), planner)


def _pipe(jobs: Sequence[ClaimedJob]) -> dict[str, Any]:
    """Write and read the frames of jobs and outcomes, without a pipe between."""
    down, up = frames.FrameReader(), frames.FrameReader()
    own = time.process_time()
    for start in range(0, len(jobs), BATCH):
        for _, body in down.feed(frames.jobs_frame(jobs[start : start + BATCH])):
            records = frames.read_records(body)
        outcomes = [frames.outcome_record(frames.SUCCEEDED, r[0], r[1], "1") for r in records]
        for _, body in up.feed(frames.outcomes_frame(outcomes)):
            frames.read_records(body)
    return {"client_cpu": (time.process_time() - own) * 1e6 / len(jobs)}


def _slots(jobs: Sequence[ClaimedJob]) -> dict[str, Any]:
    """Run jobs in a child's slots, in this process."""
    said: list[str] = []
    executor = Executor(app.tasks, 4, said.append)
    own = time.process_time()
    for start in range(0, len(jobs), BATCH):
        for _, body in frames.FrameReader().feed(frames.jobs_frame(jobs[start : start + BATCH])):
            executor.submit(frames.read_records(body))
    executor.wait_until_idle()
    spent = time.process_time() - own
    assert len(said) == len(jobs)
    return {"client_cpu": spent * 1e6 / len(jobs)}


def _worker(place: Scratch, jobs: int) -> dict[str, Any]:
    place.empty()
    place.fill(jobs)
    meter = Meter(place)
    with worker.started(place, app=APP) as running:
        running.wait_until_ready()
        before, used = meter.read(), running.cpu()
        running.wait_until(lambda: not place.has_unfinished(), "the last job", 300)
        spent, used = meter.read() - before, running.cpu() - used
    first, last, done = place.ask("span")[0]
    cpu = spent.server_cpu
    return {
        "per_second": done / (last - first),
        "server_cpu": None if cpu is None else cpu * 1e6 / done,
        "supervisor_cpu": (used.supervisor or 0.0) * 1e6 / done,
        "children_cpu": (used.children or 0.0) * 1e6 / done,
        "wal": spent.wal / done,
    }
