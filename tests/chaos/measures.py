"""What is measured while and after something goes wrong; times are seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from chaos import checker
from chaos.scene import DATABASE, Scene
from pgqueue import PgQueue, operations

#: How often a measure looks again, and sends jobs to see whether they are run.
STEP = 0.25
#: Workers that hold the lock by which enqueuers see that they sleep, on a connection this young.
LISTENERS = """
    select count(distinct a.pid) from pg_stat_activity a join pg_locks l using (pid)
    where a.application_name = 'pgqueue listen' and a.backend_start > to_timestamp(%s)
      and l.locktype = 'advisory' and l.mode = 'ShareLock' and l.granted
"""
#: Workers that have said since then that they live.
ALIVE = """
    select count(*) from pgqueue.workers
    where stopped_at is null and heartbeat_at > to_timestamp(%s)
"""
#: Dead rows of the live jobs' table as vacuum counts them, and the bytes of its files and indexes'.
CLUTTER = """
    select pg_stat_get_dead_tuples('pgqueue.jobs_live'::regclass),
        pg_total_relation_size('pgqueue.jobs_live')
"""
#: Vacuum comes when so many rows have died: as the migration has set it.
THRESHOLD = 10_000
#: So many bytes more than before are as good as none: what some thousand jobs leave.
FILES = 2 << 20
#: As many jobs as a worker does in a second, and some.
FILL = 6000


@dataclass(frozen=True, slots=True)
class Measure:
    """A promise, its bound, and how it is taken; None: how many jobs ran again."""

    promise: str
    bound: float
    take: Callable[[Scene], float] | None
    unit: str = "s"


def consuming(scene: Scene) -> float:
    """How long after the end of the fault had every worker that lives begun a new job?"""
    living = {w.process.pid for w in scene.workers if w.process.poll() is None}
    probes: set[str] = set()

    def all_have() -> bool:
        if scene.consumers(scene.healed_at, probes) >= living:
            return True
        probes.update(scene.send(seconds=0.1) for _ in living)
        time.sleep(STEP)
        return False

    scene.until(all_have, "every worker to consume again")
    first = {
        pid: min(a.start for a in scene.attempts() if a.worker == pid and a.job in probes)
        for pid in living
    }
    return max(first.values()) - scene.healed_at


def second_runs(scene: Scene) -> float:
    """How long after the fault began had the victim's long jobs begun anew elsewhere?"""
    mine = {
        a.job
        for a in scene.attempts()
        if a.job in scene.held and a.worker == scene.victim and scene.child in (0, a.pid)
    }

    def begun() -> dict[str, float]:
        later = [a for a in scene.attempts() if a.job in mine and a.claim > 1]
        return {a.job: a.start for a in reversed(later)}

    scene.until(lambda: begun().keys() >= mine, "the second runs")
    return max(begun().values()) - scene.caused_at


def pick_up(scene: Scene) -> float:
    """How long did a job wait at most that was enqueued during the fault?"""
    first: dict[str, float] = {}

    def all_begun() -> bool:
        for attempt in reversed(scene.attempts()):
            first[attempt.job] = attempt.start
        return first.keys() >= scene.probes.keys()

    scene.until(all_begun, "the jobs that were enqueued meanwhile")
    return max(first[job] - sent for job, sent in scene.probes.items())


def probe(scene: Scene) -> None:
    """Enqueue a job during the fault, once a second."""
    sent = time.time()
    scene.probes[scene.send()] = sent


def awake(scene: Scene) -> float:
    """How long after the end of the fault did enqueuers wake every worker again?"""
    scene.stop_producers()
    with scene.home.root(DATABASE) as connection:
        wanted = sum(w.process.poll() is None for w in scene.workers)
        if scene.network:
            wanted = 1  # the other one has slept all the time

        def all_listen() -> bool:
            return connection.execute(LISTENERS, [scene.healed_at]).fetchone()[0] >= wanted

        scene.until(all_listen, "every worker to be woken")
    return time.time() - scene.healed_at


def all_alive(scene: Scene) -> float:
    """How long after the end of the fault had every worker said that it lives?"""
    with scene.home.root(DATABASE) as connection:

        def all_say_so() -> bool:
            found = connection.execute(ALIVE, [scene.healed_at]).fetchone()[0]
            return found >= len(scene.workers)

        scene.until(all_say_so, "every worker's heartbeat")
    return time.time() - scene.healed_at


def fill(scene: Scene) -> None:
    """Keep a worker busy at full speed, once a second."""
    app = PgQueue("harness", dsn=scene.address)
    try:
        if app.run(operations.count(state="queued")) < FILL:
            app.enqueue_many(("nothing", (), {}) for _ in range(FILL))
    finally:
        app.close()


def clutter(connection: psycopg.Connection) -> dict[str, float]:
    """Return how much of the live jobs' table is of no use to anybody."""
    dead, files = connection.execute(CLUTTER).fetchone()
    return {"dead": float(dead), "files": float(files)}


def swept(scene: Scene) -> float:
    """How long after the end of the fault was what was dead removed, and its room given back?"""
    before = scene.notes
    with scene.home.root(DATABASE) as connection:

        def gone() -> bool:
            now = clutter(connection)
            return (
                now["dead"] <= before["dead"] + THRESHOLD
                and now["files"] <= before["files"] + FILES
            )

        scene.until(gone, "vacuum and compaction", 300)
    return time.time() - scene.healed_at


def enqueueing(scene: Scene) -> float:
    """How long after the end of the fault had every producer been told of a new job?"""

    def told() -> list[float | None]:
        return [
            next((at for at in checker.moments(path) if at > scene.healed_at), None)
            for path in (scene.folder / "acknowledged").iterdir()
        ]

    scene.until(lambda: all(told()), "every producer to enqueue again")
    return max(told()) - scene.healed_at
